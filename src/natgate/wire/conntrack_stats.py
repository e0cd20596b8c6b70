"""What ctnetlink counts, and which port each translated flow uses (nfnetlink_conntrack.h)."""

import struct
from collections.abc import Iterable
from ipaddress import IPv4Address

from natgate.model.counts import PortUse
from natgate.wire.conntrack import NEW_FLOW
from natgate.wire.netlink import DUMP, REQUEST, Message, attributes

STATS = 0x104
_HEAD = 4
_KINDS = {
    4: "invalid",
    9: "insert_failed",
    10: "drop",
    11: "early_drop",
    12: "error",
    14: "clash_resolve",
    15: "chain_toolong",
}
_ORIGINAL, _REPLY, _IP, _PROTOCOL = 1, 2, 1, 2
_SOURCE, _DESTINATION, _SOURCE_PORT, _DESTINATION_PORT, _ECHO_ID = 1, 2, 2, 3, 4


def get_stats() -> Message:
    """Ask what each CPU has counted."""
    return Message(type=STATS, flags=REQUEST | DUMP, body=bytes(_HEAD))


def parse_stats(messages: Iterable[Message]) -> dict[str, int]:
    """The sums over all CPUs by kind; a kind that this kernel does not count is left out."""
    counts: dict[str, int] = {}
    for message in messages:
        found = attributes(message.body[_HEAD:]) if message.type == STATS else {}
        for number, kind in _KINDS.items():
            if number in found:
                counts[kind] = counts.get(kind, 0) + struct.unpack(">I", found[number])[0]
    return counts


def parse_port_use(message: Message) -> PortUse | None:
    """The port of a flow of a dump; None for other messages, and for protocols without ports."""
    if message.type != NEW_FLOW:
        return None
    found = attributes(message.body[_HEAD:])
    reply = attributes(found.get(_REPLY, b""))
    host = attributes(attributes(found.get(_ORIGINAL, b"")).get(_IP, b"")).get(_SOURCE)
    ends, protocol = attributes(reply.get(_IP, b"")), attributes(reply.get(_PROTOCOL, b""))
    port = protocol.get(_DESTINATION_PORT) or protocol.get(_ECHO_ID)
    if port is None or host is None or not {_SOURCE, _DESTINATION} <= ends.keys():
        return None
    to = protocol.get(1, b"") + ends[_SOURCE] + protocol.get(_SOURCE_PORT, b"")
    address = IPv4Address(ends[_DESTINATION])
    return PortUse(address, int.from_bytes(port), to, IPv4Address(host))
