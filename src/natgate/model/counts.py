"""What a kernel counts, in the terms of metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address


@dataclass(frozen=True, slots=True)
class PortUse:
    """A port (or echo id) of an address in use; `destination` are protocol, address and port.

    `client` is the host inside.
    """

    address: IPv4Address
    port: int
    destination: bytes
    client: IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCounts:
    """Of one link: bytes, packets and dropped packets, each received and sent."""

    index: int
    name: str
    bytes: tuple[int, int]
    packets: tuple[int, int]
    dropped: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowTable:
    """The kernel's flow table: flows held, the most it holds, and its errors by kind."""

    count: int
    limit: int
    errors: Mapping[str, int] = field(default_factory=dict)
