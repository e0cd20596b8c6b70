"""What a node's rules must know of a decision."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Who carries each share of the active-active gateways, as far as it is known.

    `handing_out`: the shares from whose blocks this node may give ports to new flows.
    """

    carriers: Mapping[str, str] = field(default_factory=dict)
    handing_out: frozenset[str] = frozenset()
