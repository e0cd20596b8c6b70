"""A packet made by hand with a token that survives translation, and packets read back.

The token is the sequence number of a TCP SYN, and else the first word of the payload: in all three
protocols it lies where no translation writes. The kernel's trace shows 40 bytes of the network
header and 20 of the transport header, so it is seen there, too.
"""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from natgate.model.trace import Packet, Protocol
from natgate.wire.icmp import REQUEST, checksum, render_echo

NUMBERS: dict[Protocol, int] = {"icmp": 1, "tcp": 6, "udp": 17}
_NAMES = {number: name for name, number in NUMBERS.items()}
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_PORTS = struct.Struct("!HH")
_TCP = struct.Struct("!HHIIBBHHH")
_UDP = struct.Struct("!HHHH")
_WORD = struct.Struct("!I")
_DONT_FRAGMENT, _OFFSET, _TTL, _SYN, _WINDOW = 0x4000, 0x1FFF, 64, 2, 64240
_TCP_TOKEN, _TOKEN = 4, 8
_ECHO_REPLY = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A packet as it was read; `token` is None where it is cut off before it.

    `reply`: the answer to an echo, which bears the token of its request.
    """

    packet: Packet
    token: int | None = None
    mark: int = 0
    """The identification field of the IPv4 header."""
    reply: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A packet with its token and the identification in its IPv4 header."""

    packet: Packet
    token: int
    mark: int


def render_probe(probe: Probe) -> bytes:
    """The IPv4 packet: an echo request, a SYN, or a datagram with the token as its payload."""
    packet, token, mark = probe.packet, probe.token, probe.mark
    source, destination = packet.source_port or 0, packet.destination_port or 0
    addresses = packet.source.packed + packet.destination.packed
    word = _WORD.pack(token)
    match packet.protocol:
        case "icmp":
            body = render_echo(source, 1, word)
        case "tcp":
            body = _TCP.pack(source, destination, token, 0, 5 << 4, _SYN, _WINDOW, 0, 0)
            body = body[:16] + _pseudo(addresses, packet.protocol, body) + body[18:]
        case _:
            body = _UDP.pack(source, destination, _UDP.size + len(word), 0) + word
            body = body[:6] + _pseudo(addresses, packet.protocol, body) + body[8:]
    number = NUMBERS[packet.protocol]
    size = _IPV4.size + len(body)
    ends = (packet.source.packed, packet.destination.packed)
    head = (0x45, 0, size, mark, _DONT_FRAGMENT, _TTL, number)
    total = checksum(_IPV4.pack(*head, 0, *ends))
    return _IPV4.pack(*head, total, *ends) + body


def _pseudo(addresses: bytes, protocol: Protocol, body: bytes) -> bytes:
    """The checksum over the addresses as well; a sum of zero is written as all ones."""
    head = addresses + struct.pack("!HH", NUMBERS[protocol], len(body))
    return struct.pack("!H", checksum(head + body) or 0xFFFF)


def parse_packet(data: bytes) -> Seen | None:
    """An IPv4 packet of tcp, udp or icmp echo; None for all else, a later fragment included."""
    if len(data) < _IPV4.size or data[0] >> 4 != 4:  # noqa: PLR2004 (the version)
        return None
    return parse_headers(data, data[(data[0] & 0xF) * 4 :])


def parse_headers(network: bytes, transport: bytes) -> Seen | None:
    """The same of headers that were cut apart."""
    if len(network) < _IPV4.size or network[0] >> 4 != 4:  # noqa: PLR2004 (the version)
        return None
    _, _, _, mark, fragment, _, number, _, source, destination = _IPV4.unpack_from(network)
    name = _NAMES.get(number)
    if name is None or fragment & _OFFSET or len(transport) < _TOKEN:
        return None
    if name == "icmp" and transport[0] not in {REQUEST, _ECHO_REPLY}:
        return None
    first, second = _PORTS.unpack_from(transport, 4 if name == "icmp" else 0)
    at = _TCP_TOKEN if name == "tcp" else _TOKEN
    whole = len(transport) >= at + _WORD.size
    packet = Packet(
        protocol=name,
        source=IPv4Address(source),
        destination=IPv4Address(destination),
        source_port=first,
        destination_port=None if name == "icmp" else second,
    )
    return Seen(
        packet=packet,
        token=_WORD.unpack_from(transport, at)[0] if whole else None,
        mark=mark,
        reply=name == "icmp" and transport[0] == _ECHO_REPLY,
    )
