"""Filters of packet sockets, run here as the kernel would run them."""

import struct
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.trace import Packet, Protocol
from natgate.wire.packet_filter import Direction, ipv4_of, token_of
from natgate.wire.probe import Probe, render_probe

PROTOCOLS: list[Protocol] = ["tcp", "udp", "icmp"]
BOTH: list[Direction] = ["in", "out"]
PACKET = Packet(
    protocol="tcp",
    source=IPv4Address("10.1.0.1"),
    destination=IPv4Address("203.0.113.9"),
    source_port=1,
    destination_port=2,
)


def passes(program: bytes, data: bytes, *, kind: int = 0, protocol: int = 0x0800) -> bool:
    """What the program says of a packet of a type (4: outgoing) and a protocol."""
    steps = list(struct.iter_unpack("=HBBI", program))
    at = value = 0
    sizes = {0x20: 4, 0x28: 2, 0x30: 1}
    while True:
        code, true, false, k = steps[at]
        at += 1
        if code == 0x06:
            return bool(k)
        if code == 0x15:
            at += true if value == k else false
        elif k == 0xFFFFF000:
            value = protocol
        elif k == 0xFFFFF004:
            value = kind
        else:
            start = k - 0xFFF00000
            part = data[start : start + sizes[code]]
            if len(part) < sizes[code]:
                return False
            value = int.from_bytes(part)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(token=st.integers(0, 2**32 - 1), other=st.integers(0, 2**32 - 1))
def test_only_a_packet_with_the_token_passes(protocol: Protocol, token: int, other: int) -> None:
    """Of its protocol, in either direction."""
    data = render_probe(Probe(packet=replace(PACKET, protocol=protocol), token=other, mark=1))
    program = token_of(protocol, token)
    assert passes(program, data) == passes(program, data, kind=4) == (token == other)
    assert passes(token_of(protocol, other), data)
    assert not passes(token_of(protocol, other), data, protocol=0x86DD)
    assert not passes(token_of(protocol, other), data[:22])


@pytest.mark.parametrize("direction", BOTH)
def test_only_one_direction_passes(direction: Direction) -> None:
    """What comes in has other packet types than what goes out."""
    data = render_probe(Probe(packet=PACKET, token=5, mark=1))
    for kind in range(5):
        wanted = (kind == 4) == (direction == "out")
        assert passes(ipv4_of(direction), data, kind=kind) == wanted
        assert passes(token_of("tcp", 5, direction), data, kind=kind) == wanted
    assert not passes(token_of("udp", 5, direction), data, kind=4)
    assert not passes(ipv4_of(direction), data, kind=4, protocol=0x86DD)
