"""Conversations about an active-active gateway of two or three nodes, one share for each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network

from natgate.model.event import Event, HealthChanged, HeartbeatHeard, Order, RoutesRead, Ticked
from natgate.model.routes import Route
from natgate.model.view import GatewayView, NodeView, ShareView
from natgate.model.wish import Wishes
from natgate.plan.failover import step
from natgate.plan.state import Setup, ShareSetup, State, active, begin


def route_of(node: str) -> Route:
    """The one route of a node's share."""
    return Route(table=node, destination=IPv4Network("192.0.2.0/24"))


def share_of(node: str, nodes: str) -> ShareSetup:
    """The share whose home is a node."""
    others = tuple(other for other in nodes if other != node)
    return ShareSetup(
        name=f"g@{node}",
        gateway="g",
        nodes=(node, *others),
        routes=(route_of(node),),
        hold_down=1.0,
        has_echo=True,
        divided=True,
    )


@dataclass
class Divided:
    """One node's decision about its gateway `g`."""

    me: str = "a"
    nodes: str = "ab"
    fenced: bool = False
    failback: float | None = None
    handing_out: frozenset[str] = frozenset()
    now: float = 0.0
    state: State = field(init=False)

    def __post_init__(self) -> None:
        """It begins at time zero."""
        shares = tuple(
            replace(share_of(node, self.nodes), failback=self.failback) for node in self.nodes
        )
        setup = Setup(
            me=self.me,
            peers=tuple(node for node in self.nodes if node != self.me),
            shares=shares,
            interval=0.05,
            timeout=0.15,
            fenced=self.fenced,
            digest="d",
        )
        self.state = begin(setup, 0.0, handing_out=self.handing_out)
        self.tell(HealthChanged(reasons={"g": ()}))

    def tell(self, event: Event, *, at: float | None = None) -> tuple[Order, ...]:
        """The orders that follow from a fact."""
        self.now = self.now if at is None else at
        self.state, orders = step(replace(self.state, stepped=self.now), event, self.now)
        return orders

    def tick(self, at: float) -> tuple[Order, ...]:
        """Time has passed."""
        return self.tell(Ticked(), at=at)

    def hear(
        self,
        peer: str,
        *reasons: str,
        at: float | None = None,
        shares: Mapping[str, ShareView] | None = None,
        digest: str = "d",
        wishes: Wishes | None = None,
    ) -> tuple[Order, ...]:
        """A peer says how it is, and what it does with shares: else it knows what this node does."""
        view = NodeView(
            digest=digest,
            gateways={"g": GatewayView(reasons=reasons)},
            shares=self.known() if shares is None else shares,
            wishes=wishes or {},
        )
        return self.tell(HeartbeatHeard(peer=peer, view=view), at=at)

    def known(self) -> dict[str, ShareView]:
        """The word of a peer that has read the same routes, and gives out and wants nothing."""
        held = self.state.shares
        return {
            name: ShareView(active=active(self.state, name), epoch=held[name].epoch)
            for name in held
        }

    def read(self, node: str, holder: str | None, *, at: float | None = None) -> tuple[Order, ...]:
        """Who the share of a node leads to."""
        event = RoutesRead(share=f"g@{node}", holders={route_of(node): holder})
        return self.tell(event, at=at)

    def hands_out(self, node: str) -> bool:
        """Whether this node gives out ports of a node's block."""
        return self.state.shares[f"g@{node}"].hands_out

    def share(self, node: str) -> ShareSetup:
        """A node's share."""
        return next(s for s in self.state.setup.shares if s.home == node)
