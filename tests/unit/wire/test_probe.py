"""Packets made by hand, and packets read back."""

import struct
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.trace import Packet, Protocol
from natgate.wire.icmp import checksum
from natgate.wire.probe import NUMBERS, Probe, Seen, parse_headers, parse_packet, render_probe

U16, U32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
ADDRESSES = st.builds(IPv4Address, U32)
PROTOCOLS: list[Protocol] = ["tcp", "udp", "icmp"]
PACKETS = st.builds(
    Packet,
    protocol=st.sampled_from(PROTOCOLS),
    source=ADDRESSES,
    destination=ADDRESSES,
    source_port=U16,
    destination_port=U16,
).map(lambda p: replace(p, destination_port=None) if p.protocol == "icmp" else p)
ONE = Packet(
    protocol="udp",
    source=IPv4Address("10.1.0.1"),
    destination=IPv4Address("203.0.113.9"),
    source_port=5000,
    destination_port=53,
)


def made(packet: Packet, token: int, mark: int) -> bytes:
    """A probe as bytes."""
    return render_probe(Probe(packet=packet, token=token, mark=mark))


@given(PACKETS, U32, U16)
def test_a_probe_is_read_back_as_it_was_made(packet: Packet, token: int, mark: int) -> None:
    """Addresses, ports or id, token and identification come out as they went in."""
    data = made(packet, token, mark)
    assert parse_packet(data) == Seen(packet=packet, token=token, mark=mark)
    assert struct.unpack_from("!H", data, 2)[0] == len(data)


@given(PACKETS, U32, U16)
def test_a_probe_has_right_checksums(packet: Packet, token: int, mark: int) -> None:
    """That of IPv4, and that of the protocol, which a receiver counts over the addresses as well."""
    data = made(packet, token, mark)
    assert checksum(data[:20]) == 0
    body = data[20:]
    head = struct.pack("!4s4sHH", data[12:16], data[16:20], NUMBERS[packet.protocol], len(body))
    assert checksum(body if packet.protocol == "icmp" else head + body) == 0


def test_a_checksum_of_zero_is_written_as_all_ones() -> None:
    """UDP takes zero for no checksum at all."""
    datagrams = (made(ONE, token, 0) for token in range(2**16))
    sums = {data[26:28] for data in datagrams}
    assert b"\xff\xff" in sums
    assert b"\0\0" not in sums


def test_a_port_that_is_not_known_is_zero() -> None:
    """A probe of a packet without ports can be made all the same."""
    packet = replace(ONE, source_port=None, destination_port=None)
    assert parse_packet(made(packet, 1, 1)) == Seen(
        packet=replace(ONE, source_port=0, destination_port=0), token=1, mark=1
    )


def test_an_echo_reply_is_told_from_its_request() -> None:
    """It has the id and the token of the request."""
    echo = replace(ONE, protocol="icmp", destination_port=None)
    data = bytearray(made(echo, 7, 1))
    data[20] = 0
    assert parse_packet(bytes(data)) == Seen(packet=echo, token=7, mark=1, reply=True)


@pytest.mark.parametrize(
    ("at", "value"), [(0, 0x65), (6, 0x01), (9, 47)], ids=["version", "fragment", "protocol"]
)
def test_what_is_no_first_packet_of_a_flow_is_left_out(at: int, value: int) -> None:
    """IPv6, a later fragment and another protocol."""
    data = bytearray(made(ONE, 7, 1))
    data[at] = value
    assert parse_packet(bytes(data)) is None
    assert parse_headers(bytes(data[:20]), bytes(data[20:])) is None


def test_an_icmp_error_is_no_echo() -> None:
    """Its words are not those of a flow."""
    data = bytearray(made(replace(ONE, protocol="icmp"), 7, 1))
    data[20] = 3
    assert parse_packet(bytes(data)) is None


def test_a_packet_that_is_cut_off_has_no_token() -> None:
    """Ports are enough to tell the flow; without them it is nothing."""
    data = made(ONE, 7, 1)
    assert parse_packet(data[:28]) == Seen(packet=ONE, token=None, mark=1)
    assert parse_packet(data[:27]) is None
    assert parse_packet(data[:19]) is None
    assert parse_headers(data[:19], data[20:]) is None


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_nothing(data: bytes) -> None:
    """Nothing that arrives makes the reader fail."""
    found = parse_packet(data)
    assert found is None or found.packet.protocol in NUMBERS
