"""ICMP echo."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from natgate.wire.icmp import EchoReply, parse_echo_reply, render_echo

U16 = st.integers(0, 2**16 - 1)


def _sum(data: bytes) -> int:
    """The internet checksum over a packet that holds a right one is zero (RFC 1071)."""
    words = struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)


@given(U16, U16, st.binary(max_size=60))
def test_a_request_has_a_right_checksum(identifier: int, sequence: int, payload: bytes) -> None:
    """Whatever the payload, even of odd length, the receiver accepts the packet."""
    packet = render_echo(identifier, sequence, payload)
    assert _sum(packet) == 0
    assert packet[:2] == b"\x08\x00"
    assert packet[8:] == payload


@given(U16, U16, st.binary(max_size=60), st.integers(5, 15))
def test_a_reply_is_read_behind_its_ip_header(
    identifier: int, sequence: int, payload: bytes, words: int
) -> None:
    """Who answered, which request, and with what; IP options are stepped over."""
    header = bytes([0x40 | words, *bytes(11), 192, 0, 2, 1, *bytes(4 * words - 16)])
    reply = struct.pack("!BBHHH", 0, 0, 0, identifier, sequence) + payload
    assert parse_echo_reply(header + reply) == EchoReply(
        source=bytes([192, 0, 2, 1]), id=identifier, sequence=sequence, payload=payload
    )
    assert parse_echo_reply(header + b"\x08" + reply[1:]) is None


@given(st.binary(max_size=40))
def test_any_bytes_are_read_without_an_error(packet: bytes) -> None:
    """What is too short or no reply is nothing."""
    reply = parse_echo_reply(packet)
    assert reply is None or len(packet) >= 28


def test_a_header_that_ends_too_early_is_nothing() -> None:
    """A packet that ends inside its header, or before its echo, is left out."""
    assert parse_echo_reply(bytes(19)) is None
    assert parse_echo_reply(bytes([0x4F]) + bytes(27)) is None
