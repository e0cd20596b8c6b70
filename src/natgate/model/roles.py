"""What a node's rules must know of a decision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

Unanswered = Mapping[str, frozenset[IPv4Address]]
"""The addresses of gateways from which echoes are not answered, by the name of the gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Who carries each share of the active-active gateways, as far as it is known.

    `handing_out`: the shares from whose blocks this node may give ports to new flows.
    `unanswered`: the addresses that new flows shall not have if there are others.
    """

    carriers: Mapping[str, str] = field(default_factory=dict)
    handing_out: frozenset[str] = frozenset()
    unanswered: Unanswered = field(default_factory=dict)
