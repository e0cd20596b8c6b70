"""The flow that a packet belongs to, whichever of its four sides the packet shows.

The kernel finds a flow by either direction as it is on the wire before translation. A packet that
has been translated is the other direction's opposite, so it is asked for turned round.
"""

import struct

from natgate.model.open_flow import IPV4, OpenFlow, address_text
from natgate.wire.conntrack import GET_FLOW
from natgate.wire.icmp import REQUEST as ECHO
from natgate.wire.netlink import ACK, NESTED, REQUEST, Message, attribute
from natgate.wire.probe import NUMBERS, Seen, parse_packet

_HEAD = struct.pack("=BBH", IPV4, 0, 0)
_ORIGINAL, _IP, _PROTOCOL = 1 | NESTED, 1 | NESTED, 2 | NESTED
_SOURCE, _DESTINATION = 1, 2
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT, _ECHO_ID, _ECHO_TYPE, _ECHO_CODE = 1, 2, 3, 4, 5, 6
_ECHO_REPLY = 0
_HEADER = 20
_ICMP, _ERRORS, _ERROR_HEAD = 1, frozenset({3, 4, 5, 11, 12}), 8


def questions(seen: Seen) -> tuple[Message, Message]:
    """Ask for the flow of a packet as it came in, and as it went out; one of them is answered."""
    return _question(seen, turned=False), _question(seen, turned=True)


def _question(seen: Seen, *, turned: bool) -> Message:
    packet = seen.packet
    ends = [packet.source.packed, packet.destination.packed]
    ports = [packet.source_port or 0, packet.destination_port or 0]
    if turned:
        ends, ports = ends[::-1], ports[::-1]
    pair = attribute(_SOURCE, ends[0]) + attribute(_DESTINATION, ends[1])
    proto = attribute(_NUMBER, bytes([NUMBERS[packet.protocol]]))
    if packet.protocol == "icmp":
        kind = _ECHO_REPLY if seen.reply is not turned else ECHO
        proto += attribute(_ECHO_ID, struct.pack(">H", packet.source_port or 0))
        proto += attribute(_ECHO_TYPE, bytes([kind])) + attribute(_ECHO_CODE, bytes(1))
    else:
        proto += attribute(_SOURCE_PORT, struct.pack(">H", ports[0]))
        proto += attribute(_DESTINATION_PORT, struct.pack(">H", ports[1]))
    body = attribute(_ORIGINAL, attribute(_IP, pair) + attribute(_PROTOCOL, proto))
    return Message(type=GET_FLOW, flags=REQUEST | ACK, body=_HEAD + body)


def parse_captured(data: bytes) -> Seen | None:
    """The packet that says which flow it is: of an ICMP error the one that it complains about."""
    found = parse_packet(data)
    if found is not None or len(data) < _HEADER or data[0] >> 4 != 4:  # noqa: PLR2004 (the version)
        return found
    start = (data[0] & 0xF) * 4
    error = len(data) > start and data[9] == _ICMP and data[start] in _ERRORS
    return parse_packet(data[start + _ERROR_HEAD :]) if error else None


def described(flow: OpenFlow, entry: str) -> str:
    """What is done with a flow, in one line; `entry` is empty if nobody told it."""
    if flow.kind == "none":
        return "not translated"
    ports = (flow.source_port, flow.destination_port)
    later = (flow.reply_destination_port, flow.reply_source_port)
    if flow.is_echo:
        ports, later = (flow.source_port, 0), (flow.reply_source_port, 0)
    before = _ends((flow.source, flow.destination), ports)
    after = _ends((flow.reply_destination, flow.reply_source), later)
    return f"{entry or flow.kind}: {before} becomes {after}"


def _ends(addresses: tuple[int, int], ports: tuple[int, int]) -> str:
    return " -> ".join(
        address_text(IPV4, address) + (f":{port}" if port else "")
        for address, port in zip(addresses, ports, strict=True)
    )
