"""The egress guard: its program, and what the program does to packets."""

import struct
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from natgate.model.address import Prefixes, covers
from natgate.model.desired import Guard
from natgate.model.error import RefusedError
from natgate.wire.guard import DROP, GO_ON, IPV4, parse_guard, render_guard

ADDRESSES = st.builds(IPv4Address, st.integers(0x0A000000, 0x0A0000FF) | st.integers(0, 2**32 - 1))
PREFIXES = st.lists(
    st.builds(lambda a, n: IPv4Network((a, n), strict=False), ADDRESSES, st.integers(0, 32)),
    max_size=6,
).map(tuple)
GUARDS = st.builds(Guard, own=PREFIXES, inside=PREFIXES, internal=PREFIXES)
LOADS = {
    0xFFFFF000: "protocol",
    **dict.fromkeys((0xFFF00000 + 12, 14 + 12), "source"),
    **dict.fromkeys((0xFFF00000 + 16, 14 + 16), "destination"),
}


def run(program: bytes, packet: dict[str, int]) -> int:
    """What classic BPF does with a packet (linux/filter.h): the verdict."""
    code = list(struct.iter_unpack("=HBBI", program))
    at, accumulator = 0, 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        match operation:
            case 0x28 | 0x20:  # load a half word or a word
                accumulator = packet[LOADS[value]]
            case 0x54:  # and
                accumulator &= value
            case 0x15:  # jump if equal
                at += if_true if accumulator == value else if_false
            case 0x05:  # jump
                at += value
            case 0x06:  # return
                return int(value)
            case _:
                raise AssertionError(f"no such instruction: {operation:#x}")


@given(GUARDS, st.booleans())
def test_a_guard_is_read_back_from_its_program(guard: Guard, ethernet: bool) -> None:  # noqa: FBT001 (drawn)
    """The program in the kernel tells exactly which guard it is."""
    program = render_guard(guard, ethernet=ethernet)
    assert parse_guard(program, ethernet=ethernet) == guard


@given(GUARDS, ADDRESSES, ADDRESSES, st.data(), st.booleans())
def test_exactly_inside_to_not_internal_is_dropped(
    guard: Guard,
    source: IPv4Address,
    destination: IPv4Address,
    data: st.DataObject,
    ethernet: bool,  # noqa: FBT001 (drawn)
) -> None:
    """A packet is dropped if it comes from inside and goes elsewhere than internal, else not."""
    source = data.draw(_near(guard.inside + guard.own, source))
    destination = data.draw(_near(guard.internal, destination))
    packet = {"source": int(source), "destination": int(destination), "protocol": IPV4}
    judged = covers(guard.inside, source) and not covers(guard.own, source)
    dropped = judged and not covers(guard.internal, destination)
    assert run(render_guard(guard, ethernet=ethernet), packet) == (DROP if dropped else GO_ON)


def _near(prefixes: Prefixes, otherwise: IPv4Address) -> st.SearchStrategy[IPv4Address]:
    """An address at or just beyond the edge of a prefix, or any other."""
    edges = [int(p.network_address) for p in prefixes] + [
        int(p.broadcast_address) for p in prefixes
    ]
    near = [edge + d for edge in edges for d in (-1, 0, 1) if 0 <= edge + d < 2**32]
    return st.sampled_from([otherwise, *map(IPv4Address, near)])


@given(GUARDS, st.integers(0, 2**16 - 1))
def test_only_ipv4_is_looked_at(guard: Guard, protocol: int) -> None:
    """ARP and IPv6 pass: natgate neither translates nor judges them."""
    assume(protocol != IPV4)
    assert run(render_guard(guard, ethernet=True), {"protocol": protocol}) == GO_ON


@given(GUARDS, st.data())
@example(Guard(inside=(IPv4Network("10.0.0.0/24"),), internal=()), None)
def test_a_changed_program_is_no_guard(guard: Guard, data: st.DataObject | None) -> None:
    """A program that differs anywhere is either unknown or another guard, never this one."""
    program = bytearray(render_guard(guard, ethernet=True))
    bit = data.draw(st.integers(0, 8 * len(program) - 1)) if data else 8 * (6 * 8 + 4) + 1
    program[bit // 8] ^= 1 << bit % 8
    assert parse_guard(bytes(program), ethernet=True) != guard


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(program: bytes) -> None:
    """Whatever lies in the guard's place, it is a guard that renders to it, or unknown."""
    guard = parse_guard(program, ethernet=False)
    assert guard is None or render_guard(guard, ethernet=False) == program


@pytest.mark.parametrize(("field", "then"), [(12, 0x06), (12, 0x05), (16, 0x06)])
def test_a_prefix_with_host_bits_is_unknown(field: int, then: int) -> None:
    """A comparison that can never be true is not natgate's."""
    load = struct.pack("=HBBI", 0x20, 0, 0, 0xFFF00000 + field)
    mask = struct.pack("=HBBI", 0x54, 0, 0, 0xFFFFFF00)
    compare = struct.pack("=HBBI", 0x15, 0, 1, 0x0A000001)
    last = struct.pack("=HBBI", then, 0, 0, 0)
    assert parse_guard(load + mask + compare + last, ethernet=False) is None
    assert parse_guard(b"123", ethernet=True) is None


def test_too_many_prefixes_are_refused() -> None:
    """A thousand prefixes fit; what needs more is refused with the way out."""
    prefixes = tuple(IPv4Network((n << 8, 24)) for n in range(1000))
    largest = Guard(own=prefixes[:9], inside=prefixes[9:500], internal=prefixes[500:])
    program = render_guard(largest, ethernet=True)
    assert parse_guard(program, ethernet=True) == largest
    with pytest.raises(RefusedError, match="the guard needs 1001 prefixes, and at most 1000 fit"):
        render_guard(Guard(inside=prefixes, internal=prefixes[:1]), ethernet=True)
    compare = struct.pack("=HBBI", 0x20, 0, 0, 26) + struct.pack("=HBBI", 0x54, 0, 0, 0)
    compare += struct.pack("=HBBI", 0x15, 0, 1, 0) + struct.pack("=HBBI", 0x06, 0, 0, GO_ON)
    assert parse_guard(compare * 1001, ethernet=True) is None, "more than any guard has"
