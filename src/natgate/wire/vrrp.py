"""VRRP adverts, version 3 for IPv4 (RFC 5798, section 5.2)."""

from dataclasses import dataclass
from ipaddress import IPv4Address

PROTOCOL = 112
VERSION_AND_TYPE = 0x31
TTL = 255
"""An advert that was forwarded by a router has less, and is not believed."""

_IPV4_HEADER, _VRRP_HEADER = 20, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Advert:
    """What an active router says: 0 as its priority means that it steps down."""

    source: IPv4Address
    router_id: int
    priority: int


def parse_advert(packet: bytes) -> Advert | None:
    """An advert with its IPv4 header, as a raw socket receives it; None for anything else."""
    if len(packet) < _IPV4_HEADER:
        return None
    header = (packet[0] & 0xF) * 4
    body = packet[header:]
    if packet[8] != TTL or len(body) < _VRRP_HEADER or body[0] != VERSION_AND_TYPE:
        return None
    return Advert(source=IPv4Address(packet[12:16]), router_id=body[1], priority=body[2])
