"""What nodes say of themselves: the content of a heartbeat."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Reasons = tuple[str, ...]
"""Why a node may not carry a gateway, as sentences; empty means healthy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayView:
    """A node's own fitness for one gateway, and whom it believes active.

    `checked` is false until every check has run once: nothing is known yet, neither good nor bad.
    """

    reasons: Reasons = ()
    checked: bool = True
    active: str | None = None
    epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """What one node tells the others: `digest` names the spec it applies."""

    generation: int = 0
    digest: str = ""
    gateways: Mapping[str, GatewayView] = field(default_factory=dict)
