"""One conntrack message as a flow; `wire.flow_columns` reads many at once, to the same result.

Kernel: include/uapi/linux/netfilter/nfnetlink_conntrack.h.
"""

from natgate.model.open_flow import IPV4, IPV6, OpenFlow
from natgate.wire.conntrack import NEW_FLOW
from natgate.wire.netlink import Message, attributes

_HEAD = 4
_ORIGINAL, _REPLY, _STATUS, _STATE, _TIMEOUT, _MARK = 1, 2, 3, 4, 7, 8
_COUNTERS, _REPLY_COUNTERS, _ID, _ZONE, _TIMES = 9, 10, 12, 18, 20
_NONE: dict[int, bytes] = {}


def parse_open(message: Message) -> OpenFlow | None:
    """A flow of a dump; None for other messages, and for what has no two directions."""
    if message.type != NEW_FLOW or not message.body or message.body[0] not in {IPV4, IPV6}:
        return None
    found = attributes(message.body[_HEAD:])
    if _ORIGINAL not in found or _REPLY not in found:
        return None
    source, source_port, destination, destination_port, protocol = _ends(found[_ORIGINAL])
    reply_source, reply_source_port, reply_destination, reply_port, _ = _ends(found[_REPLY])
    sent, received = (_nested(found, which) for which in (_COUNTERS, _REPLY_COUNTERS))
    states = next(iter(_nested(found, _STATE).values()), b"")
    return OpenFlow(
        family=message.body[0],
        protocol=protocol,
        status=_number(found, _STATUS),
        id=_number(found, _ID),
        source=source,
        source_port=source_port,
        destination=destination,
        destination_port=destination_port,
        reply_source=reply_source,
        reply_source_port=reply_source_port,
        reply_destination=reply_destination,
        reply_destination_port=reply_port,
        state=_number(attributes(states), 1),
        timeout=_number(found, _TIMEOUT),
        mark=_number(found, _MARK),
        zone=_number(found, _ZONE),
        packets=_number(sent, 1),
        bytes=_number(sent, 2),
        reply_packets=_number(received, 1),
        reply_bytes=_number(received, 2),
        start_ns=_number(_nested(found, _TIMES), 1),
        tuple=found[_ORIGINAL],
    )


def _ends(data: bytes) -> tuple[int, int, int, int, int]:
    """Source, its port or an echo's id, destination, its port, and the protocol of one direction."""
    half = attributes(data)
    pair, proto = _nested(half, 1), _nested(half, 2)
    source, destination = (pair.get(a) or pair.get(b) or b"" for a, b in ((1, 3), (2, 4)))
    port = proto.get(2) or proto.get(4) or proto.get(7) or b""
    ends = (source, port, destination, proto.get(3, b""), proto.get(1, b""))
    begin, begin_port, end, end_port, protocol = map(int.from_bytes, ends)
    return begin, begin_port, end, end_port, protocol


def _nested(found: dict[int, bytes], which: int) -> dict[int, bytes]:
    return attributes(found[which]) if which in found else _NONE


def _number(found: dict[int, bytes], which: int) -> int:
    return int.from_bytes(found.get(which, b""))
