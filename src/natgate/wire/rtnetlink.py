"""Routes, links, addresses and traffic control as rtnetlink messages (rtnetlink(7))."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from socket import AF_INET

from natgate.wire import netlink
from natgate.wire.netlink import ACK, CREATE, DUMP, REPLACE, REQUEST, Message, attribute, attributes

NEW_LINK, GET_LINK = 16, 18
NEW_ADDRESS, GET_ADDRESS = 20, 22
NEW_ROUTE, DELETE_ROUTE, GET_ROUTE = 24, 25, 26
NEW_QDISC, DELETE_QDISC, GET_QDISC = 36, 37, 38
NEW_FILTER, DELETE_FILTER, GET_FILTER = 44, 45, 46

UNICAST, BLACKHOLE = 1, 6
MAIN_TABLE = 254
PROTOCOL = 78
"""The route protocol number by which natgate knows its own routes ("N")."""

GUARD_HANDLE, GUARD_PREFERENCE = 0x4E47, 1
"""Handle and preference by which natgate knows its own classifier ("NG"), first in its chain."""

_ROUTE = struct.Struct("=8BI")
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=4BI")
_TC = struct.Struct("=BxxxiIII")
_U32 = struct.Struct("=I")
_DST, _OIF, _GATEWAY, _TABLE = 1, 4, 5, 15
_ONLINK = 4
_NAME, _LOOPBACK, _ETHERNET_KIND, _LOOPBACK_KIND = 3, 0x8, 1, 772
_CLSACT_HANDLE, _CLSACT_PARENT, _EGRESS, _INGRESS = 0xFFFF0000, 0xFFFFFFF1, 0xFFFFFFF3, 0xFFFFFFF2
_ALL_PROTOCOLS = 0x0300
_KIND, _OPTIONS, _STATS2 = 1, 2, 7
_BPF_OPS_LEN, _BPF_OPS, _BPF_FLAGS, _DIRECT_ACTION = 4, 5, 8, 1
_QUEUE_STATS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRoute:
    """One IPv4 route: to a neighbour (gateway and link index) or a blackhole."""

    destination: IPv4Network
    table: int = MAIN_TABLE
    type: int = UNICAST
    protocol: int = PROTOCOL
    gateway: IPv4Address | None = None
    link: int | None = None


def _route_body(route: KernelRoute) -> bytes:
    short = route.table if route.table < 256 else 0  # noqa: PLR2004 (RTA_TABLE carries the rest)
    flags = _ONLINK if route.gateway else 0
    head = _ROUTE.pack(
        AF_INET,
        route.destination.prefixlen,
        0,
        0,
        short,
        route.protocol,
        0,
        route.type,
        flags,
    )
    body = head + attribute(_DST, route.destination.network_address.packed)
    body += attribute(_TABLE, _U32.pack(route.table))
    if route.gateway is not None:
        body += attribute(_GATEWAY, route.gateway.packed)
    if route.link is not None:
        body += attribute(_OIF, _U32.pack(route.link))
    return body


def replace_route(route: KernelRoute) -> Message:
    """Create the route, or give it this target."""
    flags = REQUEST | ACK | CREATE | REPLACE
    return Message(type=NEW_ROUTE, flags=flags, body=_route_body(route))


def delete_route(route: KernelRoute) -> Message:
    """Remove the route."""
    return Message(type=DELETE_ROUTE, flags=REQUEST | ACK, body=_route_body(route))


def get_routes() -> Message:
    """Ask for all IPv4 routes of all tables."""
    return Message(type=GET_ROUTE, flags=REQUEST | DUMP, body=_ROUTE.pack(AF_INET, *[0] * 8))


def parse_route(message: Message) -> KernelRoute | None:
    """A route of a dump; None for other messages."""
    if message.type != NEW_ROUTE:
        return None
    family, length, _, _, short, protocol, _, kind, _ = _ROUTE.unpack_from(message.body)
    if family != AF_INET:
        return None
    found = attributes(message.body[_ROUTE.size :])
    destination = IPv4Network((found.get(_DST, bytes(4)), length))
    return KernelRoute(
        destination=destination,
        table=_U32.unpack(found[_TABLE])[0] if _TABLE in found else short,
        type=kind,
        protocol=protocol,
        gateway=IPv4Address(found[_GATEWAY]) if _GATEWAY in found else None,
        link=_U32.unpack(found[_OIF])[0] if _OIF in found else None,
    )


def get_links() -> Message:
    """Ask for all links."""
    return Message(type=GET_LINK, flags=REQUEST | DUMP, body=_LINK.pack(0, 0, 0, 0, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link; `ethernet`: its packets begin with an Ethernet header."""

    index: int
    name: str
    loopback: bool
    ethernet: bool


def parse_link(message: Message) -> Link | None:
    """A link of a dump; None for other messages."""
    if message.type != NEW_LINK:
        return None
    _, kind, index, flags, _ = _LINK.unpack_from(message.body)
    name = netlink.text(attributes(message.body[_LINK.size :]).get(_NAME, b""))
    loopback = bool(flags & _LOOPBACK)
    ethernet = kind in {_ETHERNET_KIND, _LOOPBACK_KIND}
    return Link(index=index, name=name, loopback=loopback, ethernet=ethernet)


def get_addresses() -> Message:
    """Ask for all IPv4 addresses."""
    return Message(type=GET_ADDRESS, flags=REQUEST | DUMP, body=_ADDRESS.pack(AF_INET, 0, 0, 0, 0))


def parse_address(message: Message) -> IPv4Address | None:
    """A local address; None for other messages."""
    if message.type != NEW_ADDRESS:
        return None
    found = attributes(message.body[_ADDRESS.size :])
    value = found.get(2, found.get(1))
    return IPv4Address(value) if value and len(value) == 4 else None  # noqa: PLR2004 (IPv4)


def parse_address_link(message: Message) -> tuple[IPv4Address, int] | None:
    """A local address with the index of its link; None for other messages."""
    address = parse_address(message)
    return None if address is None else (address, _ADDRESS.unpack_from(message.body)[4])


def add_address(link: int, address: IPv4Address) -> Message:
    """Give a link one more address, without a prefix around it; EEXIST if it has it."""
    head = _ADDRESS.pack(AF_INET, 32, 0, 0, link)
    body = head + attribute(2, address.packed) + attribute(1, address.packed)
    return Message(type=NEW_ADDRESS, flags=REQUEST | ACK | CREATE | netlink.EXCLUSIVE, body=body)


def _tc(kind: int, flags: int, link: int, parent: int, handle: int, info: int = 0) -> Message:
    body = _TC.pack(0, link, handle, parent, info)
    return Message(type=kind, flags=flags, body=body)


def _with(message: Message, extra: bytes) -> Message:
    return Message(type=message.type, flags=message.flags, body=message.body + extra)


def add_clsact(link: int) -> Message:
    """Give a link its classifier hooks; EEXIST if it has them."""
    flags = REQUEST | ACK | CREATE | netlink.EXCLUSIVE
    head = _tc(NEW_QDISC, flags, link, _CLSACT_PARENT, _CLSACT_HANDLE)
    return _with(head, attribute(_KIND, b"clsact\0"))


def delete_clsact(link: int) -> Message:
    """Take the classifier hooks away, with every classifier in them."""
    return _tc(DELETE_QDISC, REQUEST | ACK, link, _CLSACT_PARENT, _CLSACT_HANDLE)


def get_qdiscs() -> Message:
    """Ask for all queueing disciplines, which carry the drop counts."""
    return _tc(GET_QDISC, REQUEST | DUMP, 0, 0, 0)


def parse_clsact(message: Message) -> tuple[int, int] | None:
    """Link index and packets dropped by classifiers; None for other messages."""
    if message.type != NEW_QDISC:
        return None
    _, link, _, _, _ = _TC.unpack_from(message.body)
    found = attributes(message.body[_TC.size :])
    if netlink.text(found.get(_KIND, b"")) != "clsact":
        return None
    queue = attributes(found.get(_STATS2, b"")).get(_QUEUE_STATS, bytes(20))
    return link, struct.unpack_from("=5I", queue)[2]


def _filter_info() -> int:
    return (GUARD_PREFERENCE << 16) | _ALL_PROTOCOLS


def replace_guard(link: int, program: bytes) -> Message:
    """Put a classic BPF program into the guard's place, replacing an older one at once."""
    flags = REQUEST | ACK | CREATE
    head = _tc(NEW_FILTER, flags, link, _EGRESS, GUARD_HANDLE, _filter_info())
    options = attribute(_BPF_OPS_LEN, struct.pack("=H", len(program) // 8))
    options += attribute(_BPF_OPS, program)
    options += attribute(_BPF_FLAGS, _U32.pack(_DIRECT_ACTION))
    return _with(head, attribute(_KIND, b"bpf\0") + attribute(_OPTIONS, options))


def delete_guard(link: int) -> Message:
    """Take the guard's classifier away, and no other."""
    head = _tc(DELETE_FILTER, REQUEST | ACK, link, _EGRESS, GUARD_HANDLE, _filter_info())
    return _with(head, attribute(_KIND, b"bpf\0"))


def get_filters(link: int, *, egress: bool = True) -> Message:
    """Ask for the classifiers of one side of a link."""
    parent = _EGRESS if egress else _INGRESS
    return _tc(GET_FILTER, REQUEST | DUMP, link, parent, 0)


def parse_guard_program(message: Message) -> bytes | None:
    """The program in the guard's place, empty if it is not a direct classic one; None for others."""
    if message.type != NEW_FILTER:
        return None
    _, _, handle, _, info = _TC.unpack_from(message.body)
    if handle != GUARD_HANDLE or info != _filter_info():
        return None
    options = attributes(attributes(message.body[_TC.size :]).get(_OPTIONS, b""))
    direct = _U32.unpack(options.get(_BPF_FLAGS, bytes(4)))[0] & _DIRECT_ACTION
    return options.get(_BPF_OPS, b"") if direct else b""


def is_filter(message: Message) -> bool:
    """Whether a message of a dump is a classifier with a handle, so one that does something."""
    return message.type == NEW_FILTER and _TC.unpack_from(message.body)[2] != 0


def sequence(messages: Iterable[Message], first: int) -> tuple[Message, ...]:
    """The messages numbered, so that each answer can be told from the others."""
    return tuple(
        Message(type=m.type, flags=m.flags, sequence=first + i, body=m.body)
        for i, m in enumerate(messages)
    )
