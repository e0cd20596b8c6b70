"""NAT events as IPFIX messages: RFC 7011 for the frame, RFC 8158 for the elements.

A message is at most 1,400 bytes, so that it fits a datagram. The sequence number counts the data
records sent before it (RFC 7011, 3.1); templates are no data records.
"""

import struct
from collections.abc import Iterable, Iterator

import numpy as np

from natgate.model.log_rows import Numbers, Rows
from natgate.model.logged import Held

CREATED, DELETED, ALLOCATED, RELEASED = 4, 5, 16, 17
"""natEvent: NAT44 session create and delete, port block allocation and de-allocation."""

SESSION, SESSION_WITH_PEER, PORT_BLOCK = 256, 257, 258
_VERSION, _TEMPLATES = 10, 2
_HEAD, _SET = struct.Struct(">HHIII"), struct.Struct(">HH")
_MOST = 1400
_SEQUENCE = 1 << 32

_SESSION = (
    (230, "event", "u1"),  # natEvent
    (323, "time", ">u8"),  # observationTimeMilliseconds
    (8, "host", ">u4"),  # sourceIPv4Address
    (225, "address", ">u4"),  # postNATSourceIPv4Address
    (4, "protocol", "u1"),  # protocolIdentifier
    (7, "host_port", ">u2"),  # sourceTransportPort
    (227, "port", ">u2"),  # postNAPTSourceTransportPort
)
_PEER = (
    (12, "peer", ">u4"),  # destinationIPv4Address
    (226, "same_peer", ">u4"),  # postNATDestinationIPv4Address
    (11, "peer_port", ">u2"),  # destinationTransportPort
    (228, "same_port", ">u2"),  # postNAPTDestinationTransportPort
)
_BLOCK = (
    *_SESSION[:4],
    (361, "first", ">u2"),  # portRangeStart
    (362, "last", ">u2"),  # portRangeEnd
)
_FIELDS = {SESSION: _SESSION, SESSION_WITH_PEER: (*_SESSION, *_PEER), PORT_BLOCK: _BLOCK}
_TYPES = {
    template: np.dtype([(name, kind) for _, name, kind in fields])
    for template, fields in _FIELDS.items()
}


class Encoder:
    """The messages of one transport session; `domain` is the observation domain."""

    def __init__(self, domain: int) -> None:
        self._domain = domain
        self._sequence = 0

    def templates(self, now: int) -> bytes:
        """One message with every template; to be sent first, and over UDP again and again."""
        found = b"".join(_template(number) for number in _FIELDS)
        return self._message(_TEMPLATES, found, now)

    def sessions(
        self, rows: Rows, events: int | Numbers, times: Numbers, now: int, *, with_peer: bool
    ) -> Iterator[bytes]:
        """An event of each row at its time (ms since 1970); `events` is one number, or an array."""
        template = SESSION_WITH_PEER if with_peer else SESSION
        records = np.zeros(len(rows), _TYPES[template])
        records["event"], records["time"] = events, times
        for name in ("host", "address", "protocol", "host_port", "port"):
            records[name] = rows[name]
        if with_peer:
            records["peer"] = records["same_peer"] = rows["peer"]
            records["peer_port"] = records["same_port"] = rows["peer_port"]
        yield from self._messages(template, records, now)

    def blocks(self, event: int, held: Iterable[Held], time: int, now: int) -> Iterator[bytes]:
        """An event of each block."""
        rows = [
            (event, time, int(each.host), int(each.address), each.first, each.last) for each in held
        ]
        yield from self._messages(PORT_BLOCK, np.array(rows, _TYPES[PORT_BLOCK]), now)

    def _messages(self, template: int, records: Rows, now: int) -> Iterator[bytes]:
        most = (_MOST - _HEAD.size - _SET.size) // records.itemsize
        for start in range(0, len(records), most):
            part = records[start : start + most]
            yield self._message(template, part.tobytes(), now)
            self._sequence = (self._sequence + len(part)) % _SEQUENCE

    def _message(self, number: int, body: bytes, now: int) -> bytes:
        size = _SET.size + len(body)
        head = _HEAD.pack(_VERSION, _HEAD.size + size, now // 1000, self._sequence, self._domain)
        return head + _SET.pack(number, size) + body


def _template(number: int) -> bytes:
    fields = _FIELDS[number]
    sizes = (_TYPES[number][name].itemsize for _, name, _ in fields)
    body = b"".join(
        _SET.pack(element, size) for (element, _, _), size in zip(fields, sizes, strict=True)
    )
    return _SET.pack(number, len(fields)) + body
