"""What the far side of a destination must admit, and what it can reach."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal

from natgate.model.address import Prefixes
from natgate.model.fields import Ports
from natgate.model.share import Block

Sent = Literal["tcp", "udp", "icmp", "others", "any"]
"""`others`: neither TCP, UDP nor ICMP. `any`: all of them, whatever their ports."""

EVERY_SENT: tuple[Sent, ...] = ("tcp", "udp", "icmp", "others")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Admitted:
    """Packets that may come: from a source, to these destinations and ports.

    No `ports`: every one, or none as the protocol has no ports. No `source_ports`: as the host chose.
    """

    source: IPv4Address
    protocol: Sent
    ports: tuple[Ports, ...] = ()
    destinations: Prefixes
    source_ports: tuple[Block, ...] = ()
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Reachable:
    """An address that the far side may call, at these ports if its protocol has some."""

    address: IPv4Address
    protocol: str
    ports: tuple[Ports, ...] = ()
    clients: Prefixes
    entry: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowlist:
    """All that a firewall before these destinations needs, whichever nodes are alive.

    `withdrawn` addresses begin no new flow; open ones may have them. `probes` come from the nodes.
    """

    to: Prefixes
    sources: tuple[Admitted, ...]
    withdrawn: tuple[Admitted, ...]
    probes: tuple[Admitted, ...]
    reached: tuple[Reachable, ...]
