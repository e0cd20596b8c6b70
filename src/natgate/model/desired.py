"""What a node should hold, all of it: nothing else is ever applied."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from natgate.model.address import Prefixes
from natgate.model.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The egress guard of a link: a packet from `inside` may leave only to `internal`.

    `own` are prefixes within `inside` whose packets may go anywhere: fixed addresses and nodes.

    It sits behind every translation, so what it sees from inside is untranslated; it is no part of
    nftables, so `nft flush ruleset` does not touch it, and it needs no process (DESIGN section 4).
    """

    own: Prefixes = ()
    inside: Prefixes
    internal: Prefixes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnel:
    """The vxlan link between nodes; its outer packets may be fragmented, so no MTU is lost.

    natgate knows it as its own by its name and network identifier.
    """

    local: IPv4Address
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Detour:
    """What carries `mark` is led to a peer: through the tunnel, or by this node's default route.

    A rule and a route table of that number; both carry natgate's route protocol number.
    """

    mark: int
    peer: IPv4Address
    tunnelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The whole of what natgate holds on one node."""

    table: Table
    owned: bool
    guards: Mapping[str, Guard] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    blackholes: frozenset[IPv4Network] = frozenset()
    tunnel: Tunnel | None = None
    detours: frozenset[Detour] = frozenset()
