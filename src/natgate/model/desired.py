"""What a node should hold, all of it: nothing else is ever applied."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network

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
class Desired:
    """The whole of what natgate holds on one node."""

    table: Table
    owned: bool
    guards: Mapping[str, Guard] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    blackholes: frozenset[IPv4Network] = frozenset()
