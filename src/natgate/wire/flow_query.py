"""Questions for flows that the kernel itself filters: what it can, so that the rest is little.

Status masks need kernel 5.15, filters on tuples 5.8. It matches single addresses only, and one
combination at a time: what may stand on either side of a flow takes two dumps
(research/conntrack.md section 2.3).
"""

import struct
from dataclasses import dataclass, replace

from natgate.model.flow_choice import EVERY, Choice, families, single
from natgate.model.open_flow import (
    DESTINATION_TRANSLATED,
    INWARD,
    IPV4,
    SOURCE_TRANSLATED,
    TRANSLATED,
    WITH_PORTS,
    Kind,
    OpenFlow,
)
from natgate.wire.conntrack import GET_FLOW, end_named
from natgate.wire.netlink import ACK, DUMP, NESTED, REQUEST, Message, attribute

_HEAD = struct.Struct("=BBH")
_ORIGINAL, _REPLY, _STATUS, _MARK, _ZONE, _MARK_MASK, _FILTER, _STATUS_MASK = (
    1,
    2,
    3,
    8,
    18,
    21,
    25,
    26,
)
_SOURCE, _DESTINATION, _PROTOCOL, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 8, 16, 32
"""Bits of a filter: which parts of a direction must be equal."""

_BITS: dict[Kind, int] = {
    "none": 0,
    "snat": SOURCE_TRANSLATED,
    "dnat": DESTINATION_TRANSLATED,
    "both": TRANSLATED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What must be equal in one direction; None is anything. Only a protocol may have ports."""

    source: int | None = None
    destination: int | None = None
    protocol: int | None = None
    source_port: int | None = None
    destination_port: int | None = None


ANY = Side()
EVERY_FAMILY = 0


def get_chosen(choice: Choice) -> tuple[Message, ...]:
    """The dumps that together hold every flow of a choice, each once, and some others."""
    sides, asked = _sides(choice), families(choice)
    if len(asked) > 1 and [side[:2] for side in sides] == [(ANY, ANY)]:
        asked = (EVERY_FAMILY,)  # which a filter of addresses does not allow
    return tuple(
        _dump(family, replace(choice, kinds=kinds), original, reply)
        for family in asked
        for original, reply, kinds in sides
        if kinds
    )


def get_matching(family: int, *, original: Side = ANY, reply: Side = ANY) -> Message:
    """The flows of any kind that have these parts of their directions."""
    return _dump(family, EVERY, original, reply)


def get_one(family: int, *, original: Side = ANY, reply: Side = ANY) -> Message:
    """The flow that has just this direction, protocol and both ports included; no dump."""
    body = _HEAD.pack(family, 0, 0)
    for which, side in ((_ORIGINAL, original), (_REPLY, reply)):
        if side != ANY:
            body += _tuple(which, family, side)
    return Message(type=GET_FLOW, flags=REQUEST | ACK, body=body)


def end_one(flow: OpenFlow) -> Message:
    """End a flow by its tuple and its id, so never a later one."""
    return end_named(flow.tuple, struct.pack(">I", flow.id), flow.family)


def _sides(choice: Choice) -> list[tuple[Side, Side, tuple[Kind, ...]]]:
    """Original and reply direction of each dump, and the kinds of flows that it is for.

    Client and gateway's address stand on one side of flows to outside, and on the other of those to
    inside.
    """
    source, destination, client, address = (
        int(n.network_address) if n is not None and single(n) else None
        for n in (choice.source, choice.destination, choice.client, choice.address)
    )
    begun, reached = Side(source=source, protocol=choice.protocol), Side(source=destination)
    ported = choice.port is not None and choice.protocol in WITH_PORTS
    port, protocol = (choice.port, choice.protocol) if ported else (None, None)
    outward, inward = (
        tuple(kind for kind in choice.kinds if (kind in INWARD) is way) for way in (False, True)
    )
    if address is not None:
        seen = replace(reached, destination=address, protocol=protocol, destination_port=port)
        asked = replace(begun, destination=address, destination_port=port)
        return [(begun, seen, outward), (asked, reached, inward)]
    if client is not None and source is None and destination is None:
        begins, answers = replace(begun, source=client), replace(reached, source=client)
        return [(begins, reached, outward), (begun, answers, inward)]
    return [(begun, reached, choice.kinds)]


def _dump(family: int, choice: Choice, original: Side, reply: Side) -> Message:
    body = _HEAD.pack(family, 0, 0) + _status(choice)
    if choice.mark is not None:
        mark, mask = choice.mark
        body += attribute(_MARK, struct.pack(">I", mark & mask))
        body += attribute(_MARK_MASK, struct.pack(">I", mask))
    if choice.zone is not None:
        body += attribute(_ZONE, struct.pack(">H", choice.zone))
    flags = b""
    for which, side in ((_ORIGINAL, original), (_REPLY, reply)):
        if side != ANY:
            body += _tuple(which, family, side)
            flags += attribute(which, struct.pack("=I", _equal(side)))
    if flags:
        body += attribute(_FILTER | NESTED, flags)
    return Message(type=GET_FLOW, flags=REQUEST | DUMP, body=body)


def _status(choice: Choice) -> bytes:
    """The translation bits that all kinds share; a mask of zero is refused, so that none is sent."""
    kinds = [_BITS[kind] for kind in choice.kinds]
    bits = (SOURCE_TRANSLATED, DESTINATION_TRANSLATED)
    mask = sum(bit for bit in bits if len({kind & bit for kind in kinds}) == 1)
    if not mask:
        return b""
    value, asked = struct.pack(">I", kinds[0] & mask), struct.pack(">I", mask)
    return attribute(_STATUS, value) + attribute(_STATUS_MASK, asked)


def _tuple(which: int, family: int, side: Side) -> bytes:
    first, size = (1, 4) if family == IPV4 else (3, 16)
    ends = ((first, side.source), (first + 1, side.destination))
    pair = b"".join(attribute(k, end.to_bytes(size)) for k, end in ends if end is not None)
    ports = ((2, side.source_port), (3, side.destination_port))
    proto = b"".join(attribute(k, struct.pack(">H", p)) for k, p in ports if p is not None)
    if side.protocol is not None:
        proto = attribute(1, bytes([side.protocol])) + proto
    parts = attribute(1 | NESTED, pair) if pair else b""
    parts += attribute(2 | NESTED, proto) if proto else b""
    return attribute(which | NESTED, parts)


def _equal(side: Side) -> int:
    bits = {
        _SOURCE: side.source,
        _DESTINATION: side.destination,
        _PROTOCOL: side.protocol,
        _SOURCE_PORT: side.source_port,
        _DESTINATION_PORT: side.destination_port,
    }
    return sum(bit for bit, value in bits.items() if value is not None)
