"""Captured packets as a pcapng file (draft-ietf-opsawg-pcapng): blocks that can be written one by one.

A file that ends after any block is whole. Times are in nanoseconds since 1970.
"""

import struct
from dataclasses import dataclass

ETHERNET, RAW = 1, 101
"""Link types: with the header of Ethernet, and with nothing before the header of IP."""

_SECTION, _INTERFACE, _PACKET, _STATISTICS = 0x0A0D0D0A, 1, 6, 5
_ORDER, _MAJOR, _MINOR, _UNKNOWN_LENGTH = 0x1A2B3C4D, 1, 0, -1
_END, _COMMENT = 0, 1
_PROGRAM = 4
_NAME, _DESCRIPTION, _RESOLUTION, _NANOSECONDS = 2, 3, 9, b"\x09"
_FLAGS, _INBOUND, _OUTBOUND = 2, 1, 2
_STARTED, _ENDED, _RECEIVED, _DROPPED = 2, 3, 4, 5
_LONGEST = 0xFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """Where packets were captured; its number is its place among the others."""

    name: str
    description: str
    link_type: int = ETHERNET
    snaplen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """One packet; `length` is what it had, `data` may be cut off."""

    interface: int
    time_ns: int
    data: bytes
    length: int
    outgoing: bool
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """How many packets an interface has seen, and how many of these are missing."""

    interface: int
    started_ns: int
    ended_ns: int
    received: int
    dropped: int


def render_header(program: str, interfaces: tuple[Interface, ...]) -> bytes:
    """The beginning of the file."""
    head = struct.pack("<IHHq", _ORDER, _MAJOR, _MINOR, _UNKNOWN_LENGTH)
    section = _block(_SECTION, head + _options((_PROGRAM, _text(program))))
    return section + b"".join(map(_interface, interfaces))


def render_packet(packet: Captured) -> bytes:
    """One packet, with its direction and its comment."""
    sizes = (len(packet.data), packet.length)
    head = struct.pack("<IIIII", packet.interface, *_time(packet.time_ns), *sizes)
    flags = struct.pack("<I", _OUTBOUND if packet.outgoing else _INBOUND)
    comment = ((_COMMENT, _text(packet.comment)),) if packet.comment else ()
    return _block(_PACKET, head + _padded(packet.data) + _options((_FLAGS, flags), *comment))


def render_statistics(statistics: Statistics) -> bytes:
    """The counts of one interface, at the end of the file."""
    head = struct.pack("<III", statistics.interface, *_time(statistics.ended_ns))
    options = _options(
        (_STARTED, struct.pack("<II", *_time(statistics.started_ns))),
        (_ENDED, struct.pack("<II", *_time(statistics.ended_ns))),
        (_RECEIVED, struct.pack("<Q", statistics.received)),
        (_DROPPED, struct.pack("<Q", statistics.dropped)),
    )
    return _block(_STATISTICS, head + options)


def _interface(interface: Interface) -> bytes:
    head = struct.pack("<HHI", interface.link_type, 0, interface.snaplen)
    options = _options(
        (_NAME, _text(interface.name)),
        (_DESCRIPTION, _text(interface.description)),
        (_RESOLUTION, _NANOSECONDS),
    )
    return _block(_INTERFACE, head + options)


def _time(nanoseconds: int) -> tuple[int, int]:
    """The upper half comes first, whatever the order of bytes."""
    return nanoseconds >> 32, nanoseconds & 0xFFFFFFFF


def _text(value: str) -> bytes:
    """UTF-8 that fits into an option."""
    return value.encode()[:_LONGEST].decode(errors="ignore").encode()


def _options(*options: tuple[int, bytes]) -> bytes:
    found = b"".join(struct.pack("<HH", code, len(v)) + _padded(v) for code, v in options)
    return found + struct.pack("<HH", _END, 0)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    size = 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)
