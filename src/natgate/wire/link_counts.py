"""What links count, and by which link an address is reached (rtnetlink(7), IFLA_STATS64)."""

import struct
from ipaddress import IPv4Address
from socket import AF_INET

from natgate.model.counts import LinkCounts
from natgate.wire import netlink
from natgate.wire.netlink import ACK, REQUEST, Message, attribute, attributes
from natgate.wire.rtnetlink import GET_ROUTE, NEW_LINK

_LINK, _ROUTE = 16, struct.Struct("=8BI")
_NAME, _STATS, _LOOPBACK, _DESTINATION = 3, 23, 0x8, 1
_COUNTS = struct.Struct("=8Q")


def parse_link_counts(message: Message) -> LinkCounts | None:
    """The counts of a link of a dump; None for the loopback and for other messages."""
    if message.type != NEW_LINK:
        return None
    index, flags = struct.unpack_from("=iI", message.body, 4)
    found = attributes(message.body[_LINK:])
    if flags & _LOOPBACK or len(found.get(_STATS, b"")) < _COUNTS.size:
        return None
    seen = _COUNTS.unpack_from(found[_STATS])
    return LinkCounts(
        index=index,
        name=netlink.text(found.get(_NAME, b"")),
        packets=(seen[0], seen[1]),
        bytes=(seen[2], seen[3]),
        dropped=(seen[6], seen[7]),
    )


def get_way(address: IPv4Address) -> Message:
    """Ask by which route this node would reach an address."""
    head = _ROUTE.pack(AF_INET, address.max_prefixlen, *[0] * 7)
    body = head + attribute(_DESTINATION, address.packed)
    return Message(type=GET_ROUTE, flags=REQUEST | ACK, body=body)
