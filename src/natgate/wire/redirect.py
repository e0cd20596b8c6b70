"""A pair of links, and a classifier that makes what comes in by one of them come in by another.

Kernel: include/uapi/linux/if_link.h, pkt_cls.h (u32), tc_act/tc_mirred.h.
"""

import struct

from natgate.wire import netlink
from natgate.wire.netlink import ACK, CREATE, NESTED, REQUEST, Message, attribute
from natgate.wire.rtnetlink import NEW_FILTER, NEW_LINK

DELETE_LINK = 17
PREFIX = "ngdry"
"""How the names of these links begin, by which natgate knows them."""

INNER_MAC, OUTER_MAC = b"\x02NG\0\0\x01", b"\x02NG\0\0\x02"
"""Of the end from which packets are sent, and of the one by which they come in."""

_LINK = struct.Struct("=BxHiII")
_TC = struct.Struct("=BxxxiIII")
_U32 = struct.Struct("=I")
_SELECTOR = struct.Struct("=BBBxHHhhI")
_KEY = struct.Struct("=IIii")
_MIRRED = struct.Struct("=IIiiiiI")
_UP = 1
_ADDRESS, _NAME, _INFO, _NAMESPACE = 1, 3, 18, 28
_KIND, _DATA, _PEER = 1, 2, 1
_TC_KIND, _TC_OPTIONS = 1, 2
_INGRESS, _PREFERENCE = 0xFFFFFFF2, 1
_IPV4: int = struct.unpack("=H", b"\x08\x00")[0]
_TERMINAL, _SELECT, _ACTIONS, _FIRST, _PARAMETERS = 1, 5, 7, 1, 2
_STOLEN, _INGRESS_REDIRECT = 4, 3


def name_of(process: int, number: int) -> str:
    """The name of a link of one process; at most 15 bytes are allowed."""
    return f"{PREFIX}{process:07x}{number % 256:02x}"


def process_of(name: str) -> int | None:
    """The process whose link this is; None if it is none of these."""
    rest = name.removeprefix(PREFIX)
    if rest == name or len(rest) != 9 or not set(rest) <= set("0123456789abcdef"):  # noqa: PLR2004
        return None
    return int(rest[:7], 16)


def add_pair(inner: str, outer: str, namespace: int) -> Message:
    """Make both ends; `outer` in the namespace of a file descriptor, where it is switched on later."""
    head = _LINK.pack(0, 0, 0, 0, 0)
    peer = head + attribute(_NAME, outer.encode() + b"\0") + attribute(_ADDRESS, OUTER_MAC)
    peer += attribute(_NAMESPACE, _U32.pack(namespace))
    data = attribute(_DATA | NESTED, attribute(_PEER | NESTED, peer))
    info = attribute(_INFO | NESTED, attribute(_KIND, b"veth\0") + data)
    body = head + attribute(_NAME, inner.encode() + b"\0") + attribute(_ADDRESS, INNER_MAC) + info
    flags = REQUEST | ACK | CREATE | netlink.EXCLUSIVE
    return Message(type=NEW_LINK, flags=flags, body=body)


def switch_on(index: int) -> Message:
    """Switch a link on; neither end of a pair can be before both exist."""
    return Message(type=NEW_LINK, flags=REQUEST | ACK, body=_LINK.pack(0, 0, index, _UP, _UP))


def delete_link(index: int) -> Message:
    """Take a link away, and the other end of its pair."""
    return Message(type=DELETE_LINK, flags=REQUEST | ACK, body=_LINK.pack(0, 0, index, 0, 0))


def redirect(link: int, to: int) -> Message:
    """Let every IPv4 packet that comes in by `link` come in by `to`; the hooks must be there.

    What else arrives, such as IPv6 that the other end says by itself, stays on `link`.
    """
    flags = REQUEST | ACK | CREATE | netlink.EXCLUSIVE
    head = _TC.pack(0, link, 0, _INGRESS, _PREFERENCE << 16 | _IPV4)
    selector = _SELECTOR.pack(_TERMINAL, 0, 1, 0, 0, 0, 0, 0) + _KEY.pack(0, 0, 0, 0)
    parameters = _MIRRED.pack(0, 0, _STOLEN, 0, 0, _INGRESS_REDIRECT, to)
    action = attribute(_TC_KIND, b"mirred\0")
    action += attribute(_TC_OPTIONS | NESTED, attribute(_PARAMETERS, parameters))
    options = attribute(_SELECT, selector)
    options += attribute(_ACTIONS | NESTED, attribute(_FIRST | NESTED, action))
    body = head + attribute(_TC_KIND, b"u32\0") + attribute(_TC_OPTIONS | NESTED, options)
    return Message(type=NEW_FILTER, flags=flags, body=body)
