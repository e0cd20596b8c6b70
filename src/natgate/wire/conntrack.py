"""Flows as ctnetlink messages: finding and ending those that were never translated.

Kernel: include/uapi/linux/netfilter/nfnetlink_conntrack.h; filtering needs 5.15.
"""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from natgate.model.flow import Flow
from natgate.model.open_flow import IPV4
from natgate.wire.netlink import ACK, DUMP, NESTED, REQUEST, Message, attribute, attributes

NEW_FLOW, GET_FLOW, DELETE_FLOW = 0x100, 0x101, 0x102
SOURCE_TRANSLATED, DESTINATION_TRANSLATED = 0x10, 0x20
_TUPLE_ORIGINAL, _TUPLE_REPLY, _STATUS, _ID, _STATUS_MASK = 1, 2, 3, 12, 26
_TUPLE_IP, _SOURCE, _DESTINATION = 1, 1, 2
_TUPLE_PROTOCOL, _SOURCE_PORT, _DESTINATION_PORT, _ECHO_ID = 2, 2, 3, 4
_TIMEOUT, _MARK, _MARK_MASK = 7, 8, 21
_FILTER, _FILTER_ORIGINAL, _FILTER_PROTOCOL = 25, 1, 1 << 3
_PROTOCOL_NUMBER = 1
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}
_HEAD = struct.Struct("=BBH")
_IPV4 = _HEAD.pack(IPV4, 0, 0)


def get_untranslated() -> Message:
    """Ask for the IPv4 flows whose source is not translated; the kernel does the filtering."""
    body = _IPV4 + attribute(_STATUS, bytes(4))
    body += attribute(_STATUS_MASK, struct.pack(">I", SOURCE_TRANSLATED))
    return Message(type=GET_FLOW, flags=REQUEST | DUMP, body=body)


def get_flows() -> Message:
    """Ask for every IPv4 flow."""
    return Message(type=GET_FLOW, flags=REQUEST | DUMP, body=_IPV4)


def parse_translated(message: Message) -> IPv4Address | None:
    """The source that the far end of a flow sees, if it is a translated one."""
    if message.type != NEW_FLOW:
        return None
    found = attributes(message.body[_HEAD.size :])
    status = struct.unpack(">I", found.get(_STATUS, bytes(4)))[0]
    pair = attributes(attributes(found.get(_TUPLE_REPLY, b"")).get(_TUPLE_IP, b""))
    if not status & SOURCE_TRANSLATED or _DESTINATION not in pair:
        return None
    return IPv4Address(pair[_DESTINATION])


def parse_endpoints(message: Message) -> tuple[IPv4Address, IPv4Address] | None:
    """Source and destination of a flow's first packet; None for other messages."""
    if message.type != NEW_FLOW:
        return None
    found = attributes(message.body[_HEAD.size :])
    pair = attributes(attributes(found.get(_TUPLE_ORIGINAL, b"")).get(_TUPLE_IP, b""))
    if _SOURCE not in pair or _DESTINATION not in pair:
        return None
    return IPv4Address(pair[_SOURCE]), IPv4Address(pair[_DESTINATION])


def parse_flow(message: Message) -> Flow | None:
    """A flow of a dump with both its ends; None for other messages."""
    if message.type != NEW_FLOW:
        return None
    found = attributes(message.body[_HEAD.size :])
    if not {_TUPLE_ORIGINAL, _TUPLE_REPLY, _ID} <= found.keys():
        return None
    source, destination, protocol, port = _ends(found[_TUPLE_ORIGINAL], _DESTINATION_PORT)
    reached, seen, _, reached_port = _ends(found[_TUPLE_REPLY], _SOURCE_PORT)
    return Flow(
        source=source,
        destination=destination,
        protocol=_PROTOCOLS.get(protocol, str(protocol)),
        port=port,
        seen=seen,
        reached=reached,
        reached_port=reached_port,
        key=found[_ID],
        tuple=found[_TUPLE_ORIGINAL],
    )


def _ends(data: bytes, which: int) -> tuple[IPv4Address, IPv4Address, int, int | None]:
    """Source, destination, protocol, and one of the ports of one direction."""
    half = attributes(data)
    pair, proto = attributes(half.get(_TUPLE_IP, b"")), attributes(half.get(_TUPLE_PROTOCOL, b""))
    number = int.from_bytes(proto.get(_PROTOCOL_NUMBER, bytes(1)))
    port = int.from_bytes(proto[which]) if which in proto else None
    source, destination = (IPv4Address(pair.get(k, bytes(4))) for k in (_SOURCE, _DESTINATION))
    return source, destination, number, port


def end_flow(flow: Flow) -> Message:
    """End a flow by its tuple and its id, so never a later one."""
    return end_named(flow.tuple, flow.key)


@dataclass(frozen=True, slots=True)
class LiveFlow:
    """A translated flow: `key` names it, `left` are the seconds it still has.

    `tuple` are the bytes of its first direction; `client` is the host inside; `source` and `port`
    are what the far end sees of it, the port an echo's id, and 0 for a protocol without.
    """

    key: bytes
    left: int
    tuple: bytes
    client: bytes
    source: bytes
    port: int


def get_translated(protocol: int | None = None) -> Message:
    """Ask for the IPv4 flows (of one protocol) whose source is translated; the kernel filters."""
    return _get(SOURCE_TRANSLATED, SOURCE_TRANSLATED, protocol)


def get_reached(protocol: int | None = None) -> Message:
    """Ask for the flows from outside to a host inside: only their destination is translated."""
    return _get(DESTINATION_TRANSLATED, SOURCE_TRANSLATED | DESTINATION_TRANSLATED, protocol)


def _get(status: int, mask: int, protocol: int | None) -> Message:
    body = _IPV4 + attribute(_STATUS, struct.pack(">I", status))
    body += attribute(_STATUS_MASK, struct.pack(">I", mask))
    if protocol is not None:
        number = attribute(_PROTOCOL_NUMBER, bytes([protocol]))
        body += attribute(_TUPLE_ORIGINAL | NESTED, attribute(_TUPLE_PROTOCOL | NESTED, number))
        flags = attribute(_FILTER_ORIGINAL, struct.pack("=I", _FILTER_PROTOCOL))
        body += attribute(_FILTER | NESTED, flags)
    return Message(type=GET_FLOW, flags=REQUEST | DUMP, body=body)


def parse_live(message: Message) -> LiveFlow | None:
    """A flow of a dump; None for other messages and for flows without a timeout.

    The host inside began it, or somebody outside did, who was led to the host.
    """
    if message.type != NEW_FLOW:
        return None
    found = attributes(message.body[_HEAD.size :])
    if not {_TUPLE_ORIGINAL, _TUPLE_REPLY, _TIMEOUT, _ID} <= found.keys():
        return None
    original = attributes(found[_TUPLE_ORIGINAL])
    reply = attributes(found[_TUPLE_REPLY])
    status = struct.unpack(">I", found.get(_STATUS, bytes(4)))[0]
    began = status & (SOURCE_TRANSLATED | DESTINATION_TRANSLATED) != DESTINATION_TRANSLATED
    seen, host = (reply, original) if began else (original, reply)
    protocol = attributes(seen.get(_TUPLE_PROTOCOL, b""))
    port = protocol.get(_DESTINATION_PORT) or protocol.get(_ECHO_ID) or bytes(2)
    return LiveFlow(
        key=found[_ID],
        left=int.from_bytes(found[_TIMEOUT]),
        tuple=found[_TUPLE_ORIGINAL],
        client=attributes(host.get(_TUPLE_IP, b"")).get(_SOURCE, b""),
        source=attributes(seen.get(_TUPLE_IP, b"")).get(_DESTINATION, b""),
        port=int.from_bytes(port),
    )


def touch_flow(original: bytes) -> Message:
    """Change nothing of a flow, so that the kernel says once more how it stands."""
    body = _IPV4 + attribute(_TUPLE_ORIGINAL | NESTED, original)
    body += attribute(_MARK, bytes(4)) + attribute(_MARK_MASK, bytes(4))
    return Message(type=NEW_FLOW, flags=REQUEST, body=body)


def delete_flow(found: Message) -> Message:
    """End the flow that a dump showed: by its tuple and its id, so never a later one."""
    seen = attributes(found.body[_HEAD.size :])
    return end_named(seen[_TUPLE_ORIGINAL], seen.get(_ID))


def end_named(original: bytes, key: bytes | None, family: int = IPV4) -> Message:
    """End the flow with the tuple and, if it is given, the id that a dump has shown."""
    body = _HEAD.pack(family, 0, 0) + attribute(_TUPLE_ORIGINAL | NESTED, original)
    if key is not None:
        body += attribute(_ID, key)
    return Message(type=DELETE_FLOW, flags=REQUEST | ACK, body=body)
