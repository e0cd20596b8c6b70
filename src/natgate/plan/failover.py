"""Who carries a gateway: one pure function, the same on nodes, in a cloud function and in the lab.

The first route of a gateway (its edge route) is the only truth about who is active. A node takes
over if it is healthy, the first eligible one in the spec's order, and the active node is either
dead, or unhealthy by its own word, or silent and shown by probes not to forward. Silence alone is
no failure (DESIGN section 5). It is sticky: a healthy active node is never relieved.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Literal

from natgate.model.event import (
    Event,
    HealthChanged,
    HeartbeatHeard,
    Order,
    Probe,
    ProbeAnswered,
    ProbePeer,
    ReadRoutes,
    RoutesFailed,
    RoutesRead,
    TakeOver,
    Ticked,
)
from natgate.model.routes import Route
from natgate.model.view import GatewayView, NodeView, Reasons

COLD_START = 3.0
"""Seconds that a node waits for a preferred one while nobody carries a gateway yet."""

FIRST_RELIEF, LAST_RELIEF = 10.0, 3600.0
"""Seconds for which a node does not take a gateway back from one that it cannot hear: at first, and
at most, doubling each time."""

NOTHING_SAID = NodeView()
NOT_CHECKED = HealthChanged(reasons={})


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySetup:
    """What the decision must know of a gateway; the first route tells who is active.

    `former`: nodes of the spec before this one, which hold routes until a present node takes them.
    """

    name: str
    nodes: tuple[str, ...]
    routes: tuple[Route, ...]
    hold_down: float
    has_echo: bool
    former: tuple[str, ...] = ()

    def movable(self, holder: str | None) -> bool:
        """A route is moved if it is missing or leads to a node, present or former; else never."""
        return holder is None or holder in self.nodes or holder in self.former


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the decision must know of the spec; times in seconds."""

    me: str
    peers: tuple[str, ...]
    gateways: tuple[GatewaySetup, ...]
    interval: float
    timeout: float
    reread: float = 1.0

    @property
    def late(self) -> float:
        """Silence after which a peer is probed, so that the answer is known at the timeout."""
        return min(1.5 * self.interval, self.timeout / 2)

    @property
    def patience(self) -> float:
        """How long probes of a silent peer must stay unanswered before it is judged by that."""
        return self.timeout / 3

    @property
    def grace(self) -> float:
        """How long after the start a peer that was never heard is not held to be dead."""
        return max(1.0, 4 * self.timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerState:
    """What is known of a peer; times on this node's clock.

    `probed_since`: when the probing of its present silence began.
    """

    heard: float | None = None
    view: NodeView = NOTHING_SAID
    asked: float | None = None
    probed_since: float | None = None
    answers: Mapping[tuple[Probe, str | None], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayState:
    """Who a gateway's routes lead to, and since when each node is healthy for it.

    `relieved_by`: who took the gateway from this node and has not been heard since. That it did is
    proof that it lived, so its silence most likely means that the path between the two is cut: the
    gateway stays there until `relieved_until`, longer each time (`reliefs`), or both would take it
    from each other for ever.
    """

    holders: Mapping[Route, str | None] | None = None
    epoch: int = 0
    read: float | None = None
    busy: bool = False
    error: str | None = None
    relieved_by: str | None = None
    relieved_until: float = 0.0
    reliefs: int = 0
    healthy_since: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that the decision remembers; `stepped` is when it last took in a fact."""

    setup: Setup
    started: float
    stepped: float
    own: HealthChanged = NOT_CHECKED
    peers: Mapping[str, PeerState] = field(default_factory=dict)
    gateways: Mapping[str, GatewayState] = field(default_factory=dict)


Condition = Literal["healthy", "silent", "unhealthy", "dead", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A node's fitness for one gateway; `silent` forwards although its agent does not speak."""

    condition: Condition
    reasons: Reasons = ()

    @property
    def fit(self) -> bool:
        """Whether the node forwards for the gateway."""
        return self.condition in {"healthy", "silent"}


BLOCKED_ROUNDS = 2.5
"""Probes of a speaking node that may stay unanswered, one each `reread`."""

BLOCKED = Judgement(
    condition="unhealthy", reasons=("probes no longer pass through the node: something drops them",)
)


def begin(setup: Setup, now: float) -> State:
    """The state of a node that knows nothing yet."""
    return State(
        setup=setup,
        started=now,
        stepped=now,
        peers={name: PeerState() for name in setup.peers},
        gateways={gateway.name: GatewayState() for gateway in setup.gateways},
    )


def step(state: State, event: Event, now: float) -> tuple[State, tuple[Order, ...]]:
    """Take in one fact: the new state, and what is to be done, in order."""
    state = _absorb(_notice_own_pause(state, now), event, now)
    state = _track_health(state, now)
    orders: list[Order] = []
    if isinstance(event, Ticked):
        state, probes = _probe_peers(state, now)
        orders += probes
    for gateway in state.setup.gateways:
        order = _decide(state, gateway, now)
        if order is not None:
            orders.append(order)
            busy = replace(state.gateways[gateway.name], busy=True)
            state = replace(state, gateways={**state.gateways, gateway.name: busy})
    return state, tuple(orders)


def active(state: State, gateway: str) -> str | None:
    """Whom the gateway's first route leads to, as last read."""
    setup = _setup_of(state, gateway)
    holders = state.gateways[gateway].holders
    return holders.get(setup.routes[0]) if holders is not None and setup.routes else None


def judge(state: State, gateway: GatewaySetup, node: str, now: float) -> Judgement:
    """A node's fitness for a gateway, as far as this node can tell."""
    if node == state.setup.me:
        return _judge_word(_own_word(state, gateway.name))
    if speaks(state, node, now):
        told = _judge_word(state.peers[node].view.gateways.get(gateway.name))
        blocked = told.fit and _blocked(state.setup, state.peers[node])
        return BLOCKED if blocked else told
    return _judge_silent(state, gateway, state.peers.get(node, PeerState()), now)


def speaks(state: State, node: str, now: float) -> bool:
    """Whether a node's agent has been heard within the timeout."""
    if node == state.setup.me:
        return True
    heard = state.peers.get(node, PeerState()).heard
    return heard is not None and now - heard <= state.setup.timeout


def own_view(state: State, generation: int, digest: str) -> NodeView:
    """What this node tells its peers."""
    gateways = {
        setup.name: replace(
            _own_word(state, setup.name),
            active=active(state, setup.name),
            epoch=state.gateways[setup.name].epoch,
        )
        for setup in state.setup.gateways
    }
    return NodeView(generation=generation, digest=digest, gateways=gateways)


def _blocked(setup: Setup, peer: PeerState) -> bool:
    """Whether probes that used to pass through a node no longer do, while its kernel answers.

    A node that never let one pass is not judged: the way back to here may be closed to them.
    """
    kernel = peer.answers.get((Probe.KERNEL, None))
    forwarding = peer.answers.get((Probe.FORWARDING, None))
    if kernel is None or forwarding is None:
        return False
    return kernel - forwarding > BLOCKED_ROUNDS * setup.reread


def _own_word(state: State, gateway: str) -> GatewayView:
    reasons = state.own.reasons.get(gateway)
    if reasons is None:
        return GatewayView(reasons=("not checked yet",), checked=False)
    return GatewayView(reasons=reasons, checked=gateway not in state.own.unchecked)


def _judge_word(view: GatewayView | None) -> Judgement:
    """By a node's own word; one that has not checked, or applies another spec, is not relieved."""
    if view is None:
        return Judgement(condition="unknown", reasons=("does not know this gateway",))
    if not view.checked:
        return Judgement(condition="unknown", reasons=view.reasons)
    return Judgement(condition="unhealthy" if view.reasons else "healthy", reasons=view.reasons)


def _judge_silent(state: State, gateway: GatewaySetup, peer: PeerState, now: float) -> Judgement:
    """A node whose agent is silent: its probes of the last timeout speak for it."""

    def answered(probe: Probe, of: str | None = None) -> bool:
        at = peer.answers.get((probe, of))
        return at is not None and now - at <= state.setup.timeout

    forwards = answered(Probe.FORWARDING)
    reaches = answered(Probe.UPSTREAM, gateway.name) or not gateway.has_echo
    if forwards and reaches:
        return Judgement(condition="silent", reasons=())
    if peer.heard is None and now - state.started < state.setup.grace:
        return Judgement(condition="unknown", reasons=("not heard yet",))
    if peer.probed_since is None or now - peer.probed_since < state.setup.patience:
        return Judgement(condition="unknown", reasons=("silent, and being probed",))
    if forwards:
        return Judgement(
            condition="unhealthy",
            reasons=("agent silent and upstream unreachable through the node",),
        )
    if answered(Probe.KERNEL):
        reasons = ("agent silent and probes do not pass through the node",)
        return Judgement(condition="unhealthy", reasons=reasons)
    return Judgement(condition="dead", reasons=("answers neither heartbeats nor probes",))


def _absorb(state: State, event: Event, now: float) -> State:
    match event:
        case HealthChanged():
            return replace(state, own=event)
        case HeartbeatHeard() if event.peer in state.peers:
            peer = replace(state.peers[event.peer], heard=now, view=event.view, probed_since=None)
            return _reconcile(_with_peer(state, event.peer, peer), event.peer)
        case ProbeAnswered() if event.peer in state.peers:
            peer = state.peers[event.peer]
            answers = {**peer.answers, (event.probe, event.gateway): now}
            answered = _with_peer(state, event.peer, replace(peer, answers=answers))
            forwards = event.probe is Probe.FORWARDING
            return _reconcile(answered, event.peer) if forwards else answered
        case RoutesRead() if event.gateway in state.gateways:
            return _absorb_routes(state, event, now)
        case RoutesFailed() if event.gateway in state.gateways:
            held = state.gateways[event.gateway]
            held = replace(held, busy=False, read=now, error=event.error)
            return _with_gateway(state, event.gateway, held)
        case _:
            return state


def _absorb_routes(state: State, event: RoutesRead, now: float) -> State:
    """A new active node starts a new epoch, later than any that a peer knows."""
    before = active(state, event.gateway)
    held = state.gateways[event.gateway]
    known = [
        held.epoch,
        *(p.view.gateways[event.gateway].epoch for p in _speaking_of(state, event)),
    ]
    epoch = max(known)
    held = replace(held, holders=event.holders, read=now, busy=False, error=None, epoch=epoch)
    state = _with_gateway(state, event.gateway, held)
    after, me = active(state, event.gateway), state.setup.me
    if after == me != before:
        held = replace(held, epoch=epoch + 1)
    elif before == me != after and after is not None and not speaks(state, after, now):
        patience = min(FIRST_RELIEF * 2**held.reliefs, LAST_RELIEF)
        held = replace(
            held, relieved_by=after, relieved_until=now + patience, reliefs=held.reliefs + 1
        )
    return _with_gateway(state, event.gateway, held)


def _reconcile(state: State, peer: str) -> State:
    """A peer that is heard again is judged like any other."""
    for name, held in state.gateways.items():
        if held.relieved_by == peer:
            state = _with_gateway(state, name, replace(held, relieved_by=None, reliefs=0))
    return state


def _speaking_of(state: State, event: RoutesRead) -> Iterator[PeerState]:
    return (peer for peer in state.peers.values() if event.gateway in peer.view.gateways)


def _track_health(state: State, now: float) -> State:
    """Since when each node is healthy: a node that recovers starts anew."""
    for gateway in state.setup.gateways:
        held = state.gateways[gateway.name]
        fit = [node for node in gateway.nodes if judge(state, gateway, node, now).fit]
        since = {node: held.healthy_since.get(node, now) for node in fit}
        if since != held.healthy_since:
            state = _with_gateway(state, gateway.name, replace(held, healthy_since=since))
    return state


def _notice_own_pause(state: State, now: float) -> State:
    """A node that was itself held up knows nothing of the others: it asks them anew."""
    if now - state.stepped > state.setup.interval:
        peers = {name: replace(p, probed_since=None) for name, p in state.peers.items()}
        state = replace(state, peers=peers)
    return replace(state, stepped=now)


def _probe_peers(state: State, now: float) -> tuple[State, list[Order]]:
    """Probe a silent peer often, and one that speaks now and then: its word is not the whole truth."""
    orders: list[Order] = []
    for name, peer in state.peers.items():
        last = peer.heard if peer.heard is not None else state.started
        silent = now - last >= state.setup.late
        pause = state.setup.interval / 2 if silent else state.setup.reread
        if peer.asked is None or now - peer.asked >= pause:
            orders.append(ProbePeer(peer=name))
            since = peer.probed_since
            if silent and since is None:
                since = now
            state = _with_peer(state, name, replace(peer, asked=now, probed_since=since))
    return state, orders


def _decide(state: State, gateway: GatewaySetup, now: float) -> Order | None:
    held = state.gateways[gateway.name]
    if held.busy or not gateway.routes:
        return None
    outdated = held.error is None and _outdated(state, gateway)
    if held.read is None or now - held.read >= state.setup.reread or outdated:
        return ReadRoutes(gateway=gateway.name)
    if held.holders is None or held.error is not None:
        return None
    reason = _reason_to_take_over(state, gateway, now)
    if reason is None:
        return None
    expected = active(state, gateway.name)
    return TakeOver(gateway=gateway.name, expected=expected, reason=reason)


def _outdated(state: State, gateway: GatewaySetup) -> bool:
    """Whether a peer knows of a later decision than the routes as this node last read them."""
    epoch = state.gateways[gateway.name].epoch
    views = (peer.view.gateways.get(gateway.name) for peer in state.peers.values())
    return any(view is not None and view.epoch > epoch for view in views)


def _reason_to_take_over(state: State, gateway: GatewaySetup, now: float) -> str | None:
    """Why this node must lead the gateway's routes to itself now; None if it must not."""
    me = state.setup.me
    if me not in gateway.nodes or not judge(state, gateway, me, now).fit:
        return None
    current = active(state, gateway.name)
    if current == me:
        return _reason_to_complete(state, gateway)
    if current is None or current in gateway.former:
        reason = f"{current} is no longer a node" if current else "nobody carries it"
        return reason if _is_first(state, gateway, now) else None
    return _reason_to_relieve(state, gateway, current, now) if current in gateway.nodes else None


def _reason_to_complete(state: State, gateway: GatewaySetup) -> str | None:
    """The active node leads the routes here that a half-done take-over left behind."""
    stray = _stray_route(state, gateway, state.setup.me)
    return None if stray is None else f"{stray} is not led here"


def _stray_route(state: State, gateway: GatewaySetup, node: str) -> Route | None:
    """A route that does not lead to the node whom the first route leads to, and may be moved."""
    holders = state.gateways[gateway.name].holders or {}
    routes = gateway.routes
    strays = (r for r in routes if holders.get(r) != node and gateway.movable(holders.get(r)))
    return next(strays, None)


def _reason_to_relieve(state: State, gateway: GatewaySetup, current: str, now: float) -> str | None:
    held = state.gateways[gateway.name]
    if held.relieved_by == current and now < held.relieved_until:
        return None
    verdict = judge(state, gateway, current, now)
    if verdict.condition == "silent":
        stray = _stray_route(state, gateway, current)
        if stray is None:
            return None
        reasons: Reasons = (f"{stray} is not led there and its agent cannot move it",)
        verdict = replace(verdict, reasons=reasons)
    elif verdict.condition in {"healthy", "unknown"}:
        return None
    settled = 0.0 if verdict.condition == "dead" else gateway.hold_down
    if _first_eligible(state, gateway, current, settled, now) != state.setup.me:
        return None
    return f"{current} is {verdict.condition}: {'; '.join(verdict.reasons)}"


def _is_first(state: State, gateway: GatewaySetup, now: float) -> bool:
    """Whether every node before this one is unfit; one that may still turn up is waited for."""
    earlier = takewhile(lambda node: node != state.setup.me, gateway.nodes)
    return not any(_may_carry(state, gateway, node, now) for node in earlier)


def _may_carry(state: State, gateway: GatewaySetup, node: str, now: float) -> bool:
    verdict = judge(state, gateway, node, now)
    peer = state.peers.get(node, PeerState())
    starting = peer.heard is None or verdict.condition == "unknown"
    return verdict.condition == "healthy" or (starting and now - state.started < COLD_START)


def _first_eligible(
    state: State, gateway: GatewaySetup, current: str, settled: float, now: float
) -> str | None:
    """The first other node that has been healthy for `settled` seconds."""
    since = state.gateways[gateway.name].healthy_since
    for node in gateway.nodes:
        if node == current or not speaks(state, node, now):
            continue  # an agent that is silent cannot act, even if its node forwards
        if node in since and now - since[node] >= settled:
            return node
    return None


def _setup_of(state: State, gateway: str) -> GatewaySetup:
    return next(setup for setup in state.setup.gateways if setup.name == gateway)


def _with_peer(state: State, name: str, peer: PeerState) -> State:
    return replace(state, peers={**state.peers, name: peer})


def _with_gateway(state: State, name: str, gateway: GatewayState) -> State:
    return replace(state, gateways={**state.gateways, name: gateway})
