"""What nodes say of themselves: the content of a heartbeat."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from natgate.model.wish import Wishes

Reasons = tuple[str, ...]
"""Why a node may not carry a gateway, as sentences; empty means healthy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayView:
    """A node's own fitness for one gateway.

    `checked` is false until every check has run once: nothing is known yet, neither good nor bad.
    `unanswered`: the gateway's addresses that fail; None at a node that does not check them.
    """

    reasons: Reasons = ()
    checked: bool = True
    unanswered: frozenset[IPv4Address] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PathHealth:
    """Whether a node can carry everything that it may have to, and if not, why."""

    reasons: Reasons = ()

    @property
    def healthy(self) -> bool:
        """Nothing stands against it."""
        return not self.reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareView:
    """Whom a node believes to carry a share, and what it does with the share's block.

    `hands_out`: it gives ports of the block to new flows. `wants`: it is about to take the share,
    and asks the others to give out none of its ports; the number is another one each time, 0 means
    that it does not. `yields`: the node whose want it has heard and keeps to, with its number.
    """

    active: str | None = None
    epoch: int = 0
    hands_out: bool = False
    wants: int = 0
    yields: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncView:
    """How a node's flow replication stands: `session` names this run of it, empty if there is none.

    `empty`: it waits for the flows of others. `filled`: the session of each peer to which it has
    sent all its flows.
    """

    session: str = ""
    empty: bool = False
    filled: Mapping[str, str] = field(default_factory=dict)


NO_SYNC = SyncView()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """What one node tells the others: `digest` names the spec it applies."""

    generation: int = 0
    digest: str = ""
    gateways: Mapping[str, GatewayView] = field(default_factory=dict)
    shares: Mapping[str, ShareView] = field(default_factory=dict)
    wishes: Wishes = field(default_factory=dict)
    sync: SyncView = NO_SYNC
