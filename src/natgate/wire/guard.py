"""The egress guard as a classic BPF program for a tc direct-action classifier.

Classic BPF is checked by the kernel, needs no compiler and no privilege beyond CAP_NET_ADMIN.
Loads are relative to the network header (SKF_NET_OFF in linux/filter.h), so that the program fits
links without a MAC header; on Ethernet they are plain offsets, which the kernel's compiler inlines
for every packet. Verdicts: linux/pkt_cls.h.
"""

import struct
from ipaddress import IPv4Network

from natgate.model.address import Prefixes
from natgate.model.desired import Guard
from natgate.model.error import RefusedError

SKF_NET_OFF = 0xFFF00000
SKF_AD_PROTOCOL = 0xFFFFF000
LOAD_HALF, LOAD_WORD, AND, JUMP_IF_EQUAL, JUMP, RETURN = 0x28, 0x20, 0x54, 0x15, 0x05, 0x06
IPV4 = 0x0800
ETHERNET_HEADER = 14
SOURCE, DESTINATION = 12, 16
GO_ON, DROP = 0xFFFFFFFF, 2
"""TC_ACT_UNSPEC leaves the packet to the next classifier; TC_ACT_SHOT drops and counts it."""

MAX_PREFIXES = 1000
"""Classic BPF takes 4096 instructions, and a program near that is not read back in one piece."""

Instruction = tuple[int, int, int, int]
_FORMAT = struct.Struct("=HBBI")
_PER_PREFIX = 4
_HEAD: tuple[Instruction, ...] = (
    (LOAD_HALF, 0, 0, SKF_AD_PROTOCOL),
    (JUMP_IF_EQUAL, 1, 0, IPV4),
    (RETURN, 0, 0, GO_ON),
)


def render_guard(guard: Guard, *, ethernet: bool) -> bytes:
    """The program as `struct sock_filter[]`; RefusedError if the prefixes are too many for one."""
    network = _network(ethernet=ethernet)
    to_inside = _PER_PREFIX * len(guard.inside)
    program = list(_HEAD)
    for prefix in guard.own:
        program += [*_compare(network + SOURCE, prefix), (RETURN, 0, 0, GO_ON)]
    for index, prefix in enumerate(guard.inside):
        rest = to_inside - _PER_PREFIX * (index + 1)
        program += [*_compare(network + SOURCE, prefix), (JUMP, 0, 0, rest + 1)]
    program.append((RETURN, 0, 0, GO_ON))
    for prefix in guard.internal:
        program += [*_compare(network + DESTINATION, prefix), (RETURN, 0, 0, GO_ON)]
    program.append((RETURN, 0, 0, DROP))
    count = len(guard.own) + len(guard.inside) + len(guard.internal)
    if count > MAX_PREFIXES:
        raise RefusedError(
            f"the guard needs {count} prefixes, and at most {MAX_PREFIXES} fit: use fewer, larger "
            "ranges, subnets and destinations"
        )
    return b"".join(_FORMAT.pack(*instruction) for instruction in program)


def parse_guard(program: bytes, *, ethernet: bool) -> Guard | None:
    """The guard that renders to exactly this program, or None if there is none."""
    if len(program) % _FORMAT.size:
        return None
    instructions = list(_FORMAT.iter_unpack(program))
    network = _network(ethernet=ethernet)
    own = _prefixes(instructions, network + SOURCE, RETURN)
    inside = _prefixes(instructions, network + SOURCE, JUMP)
    internal = _prefixes(instructions, network + DESTINATION, RETURN)
    if own is None or inside is None or internal is None:
        return None
    guard = Guard(own=own, inside=inside, internal=internal)
    if len(own) + len(inside) + len(internal) > MAX_PREFIXES:
        return None
    return guard if render_guard(guard, ethernet=ethernet) == program else None


def _network(*, ethernet: bool) -> int:
    return ETHERNET_HEADER if ethernet else SKF_NET_OFF


def _compare(field: int, prefix: IPv4Network) -> tuple[Instruction, ...]:
    """Go on with the next instruction if the field lies in the prefix, else skip that one."""
    return (
        (LOAD_WORD, 0, 0, field),
        (AND, 0, 0, int(prefix.netmask)),
        (JUMP_IF_EQUAL, 0, 1, int(prefix.network_address)),
    )


def _prefixes(instructions: list[Instruction], field: int, then: int) -> Prefixes | None:
    """What a field is compared with before an instruction of the kind `then`."""
    found: list[IPv4Network] = []
    following = (instructions[ahead:] for ahead in range(_PER_PREFIX))
    for load, mask, compare, last in zip(*following, strict=False):
        if load == (LOAD_WORD, 0, 0, field) and last[0] == then:
            length = mask[3].bit_count()
            try:
                found.append(IPv4Network((compare[3], length)))
            except ValueError:
                return None
    return tuple(found)
