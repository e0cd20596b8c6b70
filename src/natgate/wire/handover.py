"""The tunnel between nodes and the detours of marked packets, as rtnetlink messages.

Kernel: linux/if_link.h (vxlan), linux/neighbour.h, linux/fib_rules.h. Nothing is learnt: the
link-layer address of a node in the tunnel follows from its IPv4 address.
"""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from socket import AF_INET

from natgate.model.desired import Detour, Tunnel
from natgate.wire import netlink
from natgate.wire.netlink import (
    ACK,
    CREATE,
    DUMP,
    EXCLUSIVE,
    NESTED,
    REPLACE,
    REQUEST,
    Message,
    attribute,
    attributes,
)
from natgate.wire.rtnetlink import NEW_LINK, PROTOCOL, KernelRoute

NAME = "ng-vx"
NETWORK_ID = 0x4E47
MTU = 9216
"""Larger than any packet: the outer packet is fragmented, and no ICMP error of this node, which the
far side would not admit, is needed (research/ha-prototype.md section 5, trap 3)."""

RULE_PREFERENCE = 7800
DELETE_LINK = 17
NEW_NEIGHBOUR, GET_NEIGHBOUR = 28, 30
NEW_RULE, DELETE_RULE, GET_RULE = 32, 33, 34
EVERYWHERE = IPv4Network("0.0.0.0/0")

_BRIDGE = 7
_LINK = struct.Struct("=BxHiII")
_NEIGHBOUR = struct.Struct("=BxxxiHBB")
_RULE = struct.Struct("=8BI")
_U32 = struct.Struct("=I")
_UP = 1
_ADDRESS, _NAME, _MTU, _LINKINFO = 1, 3, 4, 18
_KIND, _DATA = 1, 2
_VX_ID, _VX_LOCAL, _VX_LEARNING, _VX_PORT = 1, 4, 7, 15
_PERMANENT, _SELF = 0x80, 2
_NEIGHBOUR_DST, _NEIGHBOUR_LLADDR = 1, 2
_TO_TABLE = 1
_FRA_PRIORITY, _FRA_MARK, _FRA_TABLE, _FRA_PROTOCOL = 6, 10, 15, 21


def link_address(node: IPv4Address) -> bytes:
    """A node's address in the tunnel: locally administered, with its IPv4 address inside."""
    return b"\x02\x4e" + node.packed


def add_tunnel(tunnel: Tunnel) -> Message:
    """Make the link, and switch it on."""
    data = attribute(_VX_ID, _U32.pack(NETWORK_ID)) + attribute(_VX_LOCAL, tunnel.local.packed)
    data += attribute(_VX_LEARNING, b"\0") + attribute(_VX_PORT, struct.pack(">H", tunnel.port))
    info = attribute(_KIND, b"vxlan\0") + attribute(_DATA | NESTED, data)
    body = _LINK.pack(0, 0, 0, _UP, _UP) + attribute(_NAME, NAME.encode() + b"\0")
    body += attribute(_MTU, _U32.pack(MTU)) + attribute(_ADDRESS, link_address(tunnel.local))
    body += attribute(_LINKINFO | NESTED, info)
    return Message(type=NEW_LINK, flags=REQUEST | ACK | CREATE | EXCLUSIVE, body=body)


def delete_tunnel(link: int) -> Message:
    """Take a link away, by its index."""
    return Message(type=DELETE_LINK, flags=REQUEST | ACK, body=_LINK.pack(0, 0, link, 0, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelLink:
    """The link of the tunnel's name; `tunnel` is None if it is none of ours or not as it should be."""

    index: int
    tunnel: Tunnel | None


def parse_tunnel(message: Message) -> TunnelLink | None:
    """The tunnel in a dump of links; None for other links."""
    if message.type != NEW_LINK:
        return None
    _, _, index, flags, _ = _LINK.unpack_from(message.body)
    found = attributes(message.body[_LINK.size :])
    if netlink.text(found.get(_NAME, b"")) != NAME:
        return None
    info = attributes(found.get(_LINKINFO, b""))
    data = attributes(info.get(_DATA, b""))
    known = netlink.text(info.get(_KIND, b"")) == "vxlan" and {_VX_ID, _VX_LOCAL, _VX_PORT} <= set(
        data
    )
    if not known or _U32.unpack(data[_VX_ID])[0] != NETWORK_ID or not flags & _UP:
        return TunnelLink(index=index, tunnel=None)
    local = IPv4Address(data[_VX_LOCAL])
    right = found.get(_ADDRESS) == link_address(local) and _mtu(found) == MTU
    port = struct.unpack(">H", data[_VX_PORT])[0]
    tunnel = Tunnel(local=local, port=port) if right else None
    return TunnelLink(index=index, tunnel=tunnel)


def _mtu(found: dict[int, bytes]) -> int:
    return int(_U32.unpack(found[_MTU])[0]) if _MTU in found else 0


def tunnel_peer(link: int, peer: IPv4Address) -> tuple[Message, Message]:
    """Who the peer is inside the tunnel, and where it is outside."""
    flags = REQUEST | ACK | CREATE | REPLACE
    lladdr = attribute(_NEIGHBOUR_LLADDR, link_address(peer))
    destination = attribute(_NEIGHBOUR_DST, peer.packed)
    inside = _NEIGHBOUR.pack(AF_INET, link, _PERMANENT, 0, 0)
    outside = _NEIGHBOUR.pack(_BRIDGE, link, _PERMANENT, _SELF, 0)
    return (
        Message(type=NEW_NEIGHBOUR, flags=flags, body=inside + destination + lladdr),
        Message(type=NEW_NEIGHBOUR, flags=flags, body=outside + lladdr + destination),
    )


def get_tunnel_peers() -> tuple[Message, Message]:
    """Ask for the neighbours, inside and outside."""
    return (
        Message(
            type=GET_NEIGHBOUR, flags=REQUEST | DUMP, body=_NEIGHBOUR.pack(AF_INET, 0, 0, 0, 0)
        ),
        Message(
            type=GET_NEIGHBOUR, flags=REQUEST | DUMP, body=_NEIGHBOUR.pack(_BRIDGE, 0, 0, 0, 0)
        ),
    )


def parse_tunnel_peer(message: Message, link: int) -> tuple[int, IPv4Address] | None:
    """A peer of the tunnel with the family it was found under, if its entry is right."""
    if message.type != NEW_NEIGHBOUR:
        return None
    family, index, state, _, _ = _NEIGHBOUR.unpack_from(message.body)
    found = attributes(message.body[_NEIGHBOUR.size :])
    if index != link or not state & _PERMANENT or _NEIGHBOUR_DST not in found:
        return None
    peer = IPv4Address(found[_NEIGHBOUR_DST][:4])
    return (family, peer) if found.get(_NEIGHBOUR_LLADDR) == link_address(peer) else None


def add_rule(mark: int) -> Message:
    """Let the table of the mark's number decide for marked packets; EEXIST if it does already."""
    return Message(type=NEW_RULE, flags=REQUEST | ACK | CREATE | EXCLUSIVE, body=_rule(mark))


def delete_rule(mark: int) -> Message:
    """Take the rule away."""
    return Message(type=DELETE_RULE, flags=REQUEST | ACK, body=_rule(mark))


def _rule(mark: int) -> bytes:
    body = _RULE.pack(AF_INET, 0, 0, 0, 0, 0, 0, _TO_TABLE, 0)
    body += attribute(_FRA_PRIORITY, _U32.pack(RULE_PREFERENCE))
    body += attribute(_FRA_MARK, _U32.pack(mark)) + attribute(_FRA_TABLE, _U32.pack(mark))
    return body + attribute(_FRA_PROTOCOL, bytes([PROTOCOL]))


def get_rules() -> Message:
    """Ask for every rule of IPv4."""
    return Message(type=GET_RULE, flags=REQUEST | DUMP, body=_RULE.pack(AF_INET, *[0] * 8))


def parse_rule(message: Message) -> int | None:
    """The mark of one of natgate's own rules; None for others."""
    if message.type != NEW_RULE:
        return None
    found = attributes(message.body[_RULE.size :])
    if found.get(_FRA_PROTOCOL) != bytes([PROTOCOL]) or _FRA_MARK not in found:
        return None
    mark = int(_U32.unpack(found[_FRA_MARK])[0])
    return mark if found.get(_FRA_TABLE) == _U32.pack(mark) else None


def detour_routes(detour: Detour, via: IPv4Address, link: int) -> tuple[KernelRoute, KernelRoute]:
    """The route of marked packets, and one that tells a later reader whom it leads to."""
    peer = IPv4Network(detour.peer)
    return (
        KernelRoute(destination=EVERYWHERE, table=detour.mark, gateway=via, link=link),
        KernelRoute(destination=peer, table=detour.mark, gateway=via, link=link),
    )
