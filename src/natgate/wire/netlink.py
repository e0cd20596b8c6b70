"""Netlink messages and attributes (linux/netlink.h): the frame that every family shares."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

REQUEST, ACK, ROOT, DUMP = 0x1, 0x4, 0x100, 0x300
REPLACE, EXCLUSIVE, CREATE = 0x100, 0x200, 0x400
ERROR, DONE = 2, 3
NESTED = 0x8000

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One netlink message; `port` is the sender's port id in a notification."""

    type: int
    flags: int = 0
    sequence: int = 0
    port: int = 0
    body: bytes = b""

    def render(self) -> bytes:
        """The bytes to send."""
        size = _HEADER.size + len(self.body)
        head = _HEADER.pack(size, self.type, self.flags, self.sequence, self.port)
        return head + self.body + bytes(-size % 4)


def parse_messages(data: bytes) -> Iterator[Message]:
    """The messages of one datagram; a truncated rest is left out."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        size, kind, flags, sequence, port = _HEADER.unpack_from(data, offset)
        if size < _HEADER.size or offset + size > len(data):
            return
        body = data[offset + _HEADER.size : offset + size]
        yield Message(type=kind, flags=flags, sequence=sequence, port=port, body=body)
        offset += (size + 3) & ~3


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    size = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + bytes(-size % 4)


def attributes(data: bytes) -> dict[int, bytes]:
    """Attributes by number; the last of equal ones wins."""
    found: dict[int, bytes] = {}
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, offset)
        if size < _ATTRIBUTE.size or offset + size > len(data):
            break
        found[kind & 0x3FFF] = data[offset + _ATTRIBUTE.size : offset + size]
        offset += (size + 3) & ~3
    return found


def text(value: bytes) -> str:
    """A string attribute without its terminating zero."""
    return value.rstrip(b"\0").decode(errors="replace")


def error_of(message: Message) -> int:
    """The errno of an ERROR message; 0 is an acknowledgement."""
    return -int(struct.unpack_from("=i", message.body)[0])
