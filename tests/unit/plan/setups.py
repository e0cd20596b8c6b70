"""Conversations with the decision: events in, orders out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network

from natgate.model.event import (
    Event,
    HealthChanged,
    HeartbeatHeard,
    Order,
    Probe,
    ProbeAnswered,
    ProbePeer,
    ReadRoutes,
    RoutesRead,
    TakeOver,
    Ticked,
)
from natgate.model.routes import Route
from natgate.model.view import GatewayView, NodeView, ShareView
from natgate.plan.failover import step
from natgate.plan.state import Setup, ShareSetup, State, begin

EDGE = Route(table="edge", destination=IPv4Network("10.10.0.80/28"))
ROUTES = (
    EDGE,
    Route(table="a", destination=IPv4Network("192.0.2.0/24")),
    Route(table="c", destination=IPv4Network("192.0.2.0/24")),
)
INTERVAL, TIMEOUT, HOLD_DOWN = 0.05, 0.15, 1.0


def setup(me: str, nodes: str = "ab", *, routes: tuple[Route, ...] = ROUTES) -> Setup:
    """One gateway `g` that any of the nodes may carry."""
    share = ShareSetup(
        name="g",
        gateway="g",
        nodes=tuple(nodes),
        routes=routes,
        hold_down=HOLD_DOWN,
        has_echo=True,
    )
    peers = tuple(node for node in nodes if node != me)
    return Setup(me=me, peers=peers, shares=(share,), interval=INTERVAL, timeout=TIMEOUT)


def view(
    *reasons: str, active: str | None = None, epoch: int = 0, checked: bool = True
) -> NodeView:
    """What a node says of itself; no reason means healthy."""
    return NodeView(
        generation=1,
        digest="d",
        gateways={"g": GatewayView(reasons=reasons, checked=checked)},
        shares={"g": ShareView(active=active, epoch=epoch)},
    )


@dataclass
class Talk:
    """One node's decision, to which facts are told at given times.

    The ticks between them are left out, unless the node was itself held up (`pause`).
    """

    setup: Setup
    state: State = field(init=False)
    now: float = 0.0

    def __post_init__(self) -> None:
        """It begins at time zero and knows nothing."""
        self.state = begin(self.setup, 0.0)

    def tell(self, event: Event, *, at: float | None = None) -> tuple[Order, ...]:
        """The orders that follow from a fact."""
        self.now = self.now if at is None else at
        self.state, orders = step(replace(self.state, stepped=self.now), event, self.now)
        return orders

    def pause(self, until: float) -> tuple[Order, ...]:
        """Time passes for all but this node; then it looks at the clock."""
        self.now = until
        self.state, orders = step(self.state, Ticked(), until)
        return orders

    def tick(self, at: float | None = None) -> tuple[Order, ...]:
        """Time has passed."""
        return self.tell(Ticked(), at=at)

    def healthy(self, *reasons: str, at: float | None = None) -> tuple[Order, ...]:
        """This node's own health."""
        return self.tell(HealthChanged(reasons={"g": reasons}), at=at)

    def hear(
        self, peer: str, *reasons: str, at: float | None = None, epoch: int = 0
    ) -> tuple[Order, ...]:
        """A peer says how it is."""
        return self.tell(HeartbeatHeard(peer=peer, view=view(*reasons, epoch=epoch)), at=at)

    def answer(self, peer: str, *probes: Probe, at: float | None = None) -> tuple[Order, ...]:
        """Probes of a peer come back."""
        orders: tuple[Order, ...] = ()
        for probe in probes:
            gateway = "g" if probe is Probe.UPSTREAM else None
            orders += self.tell(ProbeAnswered(peer=peer, probe=probe, gateway=gateway), at=at)
        return orders

    def read(
        self, holder: str | None, *, at: float | None = None, **others: str | None
    ) -> tuple[Order, ...]:
        """The routes were read: all lead to `holder`, but for the tables named."""
        return self.tell(RoutesRead(share="g", holders=holders(holder, **others)), at=at)


def holders(holder: str | None, **others: str | None) -> Mapping[Route, str | None]:
    """Whom each route leads to."""
    return {route: others.get(route.table, holder) for route in ROUTES}


def follows(me: str = "b", active: str = "a", nodes: str = "ab") -> Talk:
    """A healthy node that has heard its peers for two seconds, and knows who is active."""
    talk = Talk(setup(me, nodes))
    talk.healthy()
    talk.read(active)
    beats = int(2.0 / INTERVAL)
    for beat in range(1, beats + 1):
        for peer in talk.setup.peers:
            assert take_overs(talk.hear(peer, at=beat * INTERVAL)) == []
        talk.read(active)
    return talk


def take_overs(orders: tuple[Order, ...]) -> list[TakeOver]:
    """The take-overs among orders."""
    return [order for order in orders if isinstance(order, TakeOver)]


def probed(orders: tuple[Order, ...]) -> list[str]:
    """The peers that are to be probed."""
    return [order.peer for order in orders if isinstance(order, ProbePeer)]


READ = ReadRoutes(share="g")


def moves(expected: str | None, reason: str) -> TakeOver:
    """The order to take over."""
    return TakeOver(share="g", expected=expected, reason=reason)
