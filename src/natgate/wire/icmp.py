"""ICMP echo (RFC 792)."""

import struct
from dataclasses import dataclass

REQUEST, REPLY = 8, 0
_ECHO = struct.Struct("!BBHHH")


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoReply:
    """The answer to an echo request: who answered, and what identifies the request."""

    source: bytes
    id: int
    sequence: int
    payload: bytes


def render_echo(identifier: int, sequence: int, payload: bytes) -> bytes:
    """An echo request without IP header."""
    head = _ECHO.pack(REQUEST, 0, 0, identifier, sequence)
    total = checksum(head + payload)
    return _ECHO.pack(REQUEST, 0, total, identifier, sequence) + payload


def parse_echo_reply(packet: bytes) -> EchoReply | None:
    """An echo reply with its IPv4 header, as a raw socket receives it; None for anything else."""
    if len(packet) < 20:  # noqa: PLR2004 (an IPv4 header)
        return None
    header = (packet[0] & 0xF) * 4
    if header < 20 or len(packet) < header + _ECHO.size:  # noqa: PLR2004 (an IPv4 header)
        return None
    kind, _, _, identifier, sequence = _ECHO.unpack_from(packet, header)
    if kind != REPLY:
        return None
    return EchoReply(
        source=packet[12:16],
        id=identifier,
        sequence=sequence,
        payload=packet[header + _ECHO.size :],
    )


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    padded = data + bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)
