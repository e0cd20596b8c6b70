"""Who carries a share: one pure function, the same on nodes, in a cloud function and in the lab.

The first route of a share (its edge route, if it has one) is the only truth about who carries it. A
node takes over if it is healthy, the first eligible one in the spec's order, and the present one is
either dead, or unhealthy by its own word, or silent and shown by probes not to forward; or if an
operator asked for it. Silence alone is no failure (DESIGN section 5). It is sticky unless told
otherwise: a healthy node is never relieved.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile

from natgate.model.event import (
    ClaimAnswered,
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
    Wished,
)
from natgate.model.routes import Route
from natgate.model.view import NO_SYNC, NodeView, Reasons, ShareView, SyncView
from natgate.model.wish import AT, TO, merged, move, said, value
from natgate.plan.blocks import RELEASE, claim_due, released, track_blocks, want, worth_waiting
from natgate.plan.judge import healthy_for, judge, own_word, track_health
from natgate.plan.state import (
    PeerState,
    ShareSetup,
    ShareState,
    State,
    active,
    in_maintenance,
    speaks,
)

COLD_START = 3.0
"""Seconds that a node waits for a preferred one while nobody carries a share yet."""

FIRST_RELIEF, LAST_RELIEF = 10.0, 3600.0
"""Seconds for which a node does not take a share back from one that it cannot hear: at first, and
at most, doubling each time."""


def step(state: State, event: Event, now: float) -> tuple[State, tuple[Order, ...]]:
    """Take in one fact: the new state, and what is to be done, in order."""
    state = _absorb(_notice_own_pause(state, now), event, now)
    state = track_blocks(track_health(state, now), now)
    orders: list[Order] = []
    if isinstance(event, Ticked):
        state, probes = _probe_peers(state, now)
        orders += probes
    for share in state.setup.shares:
        held, found = _decide(state, share, now)
        orders += found
        state = _with_share(state, share.name, held)
    return state, tuple(orders)


def own_view(
    state: State,
    generation: int,
    digest: str,
    handing_out: frozenset[str] = frozenset(),
    sync: SyncView = NO_SYNC,
) -> NodeView:
    """What this node tells its peers; `handing_out`: the shares whose ports its rules give out."""
    return NodeView(
        generation=generation,
        digest=digest,
        gateways={s.gateway: own_word(state, s.gateway) for s in state.setup.shares},
        shares={
            name: ShareView(
                active=active(state, name),
                epoch=held.epoch,
                hands_out=name in handing_out,
                wants=want(held),
                yields=held.yields,
            )
            for name, held in state.shares.items()
        },
        wishes=state.wishes,
        sync=sync,
    )


def _absorb(state: State, event: Event, now: float) -> State:
    match event:
        case HealthChanged():
            return replace(state, own=event)
        case HeartbeatHeard() | ProbeAnswered() if event.peer in state.peers:
            return _absorb_word(state, event, now)
        case RoutesRead() if event.share in state.shares:
            return _absorb_routes(state, event, now)
        case RoutesFailed() | ClaimAnswered() if event.share in state.shares:
            held = _absorb_outcome(state.shares[event.share], event, now)
            return _with_share(state, event.share, held)
        case Wished():
            return replace(state, wishes=said(state.wishes, event.key, event.value))
        case _:
            return state


def _absorb_word(state: State, event: HeartbeatHeard | ProbeAnswered, now: float) -> State:
    """What a peer says, or what a probe of it proves; a peer that is heard is no longer out of reach."""
    peer = state.peers[event.peer]
    if isinstance(event, HeartbeatHeard):
        peer = replace(peer, heard=now, view=event.view, probed_since=None)
        state = replace(state, wishes=merged(state.wishes, event.view.wishes))
        return _reconcile(_with_peer(state, event.peer, peer), event.peer)
    answers = {**peer.answers, (event.probe, event.gateway): now}
    answered = _with_peer(state, event.peer, replace(peer, answers=answers))
    return _reconcile(answered, event.peer) if event.probe is Probe.FORWARDING else answered


def _absorb_outcome(
    held: ShareState, event: RoutesFailed | ClaimAnswered, now: float
) -> ShareState:
    if isinstance(event, RoutesFailed):
        return replace(held, busy=False, read=now, error=event.error, wanted_since=None)
    return replace(held, claim=event.claim, claimed=now)


def _absorb_routes(state: State, event: RoutesRead, now: float) -> State:
    """A new active node starts a new epoch, later than any that a peer knows."""
    before = active(state, event.share)
    held = state.shares[event.share]
    known = [
        held.epoch,
        *(p.view.shares[event.share].epoch for p in _speaking_of(state, event)),
    ]
    epoch = max(known)
    held = replace(held, holders=event.holders, read=now, busy=False, error=None, epoch=epoch)
    state = _with_share(state, event.share, held)
    after, me = active(state, event.share), state.setup.me
    if after == me:
        held = replace(held, since=_since(held, now))
    else:  # whoever carries it now may have claimed it
        held = replace(held, since=None, claim=None)
    if after == me != before:
        held = replace(held, epoch=epoch + 1)
        state = _fulfil(state, event.share)
    elif before == me != after and after is not None and not speaks(state, after, now):
        patience = min(FIRST_RELIEF * 2**held.reliefs, LAST_RELIEF)
        held = replace(
            held, relieved_by=after, relieved_until=now + patience, reliefs=held.reliefs + 1
        )
    return _with_share(state, event.share, held)


def _since(held: ShareState, now: float) -> float:
    return now if held.since is None else held.since


def _fulfil(state: State, share: str) -> State:
    """What an operator asked for is done, and is not done again later."""
    key, me = move(share), state.setup.me
    if value(state.wishes, key) != f"{TO}{me}":
        return state
    return replace(state, wishes=said(state.wishes, key, f"{AT}{me}"))


def _reconcile(state: State, peer: str) -> State:
    """A peer that is heard again is judged like any other, and probed anew.

    A path that is whole again answers one probe before the other.
    """
    for name, held in state.shares.items():
        if held.relieved_by == peer:
            state = _with_share(state, name, replace(held, relieved_by=None, reliefs=0))
            state = _with_peer(state, peer, replace(state.peers[peer], probed_since=None))
    return state


def _speaking_of(state: State, event: RoutesRead) -> Iterator[PeerState]:
    return (peer for peer in state.peers.values() if event.share in peer.view.shares)


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
        pause = state.setup.interval / 2 if silent else state.setup.again
        if peer.asked is None or now - peer.asked >= pause:
            orders.append(ProbePeer(peer=name))
            since = peer.probed_since
            if silent and since is None:
                since = now
            state = _with_peer(state, name, replace(peer, asked=now, probed_since=since))
    return state, orders


def _decide(state: State, share: ShareSetup, now: float) -> tuple[ShareState, list[Order]]:
    """What is to be done about a share now, and the share's state after that."""
    held = state.shares[share.name]
    if held.busy or not share.routes:
        return held, []
    outdated = held.error is None and _outdated(state, share)
    pause = state.setup.reread if held.error is None else state.setup.again
    if held.read is None or now - held.read >= pause or outdated:
        return replace(held, busy=True), [ReadRoutes(share=share.name)]
    if held.holders is None or held.error is not None:
        return held, []
    reason = _reason_to_take_over(state, share, now)
    if reason is not None:
        return _take_over(state, share, reason, now)
    claim = claim_due(state, share, now)
    held = replace(held, wanted_since=None, claimed=now if claim else held.claimed)
    return held, [claim] if claim else []


def _take_over(
    state: State, share: ShareSetup, reason: str, now: float
) -> tuple[ShareState, list[Order]]:
    """Take the share; but first let all who speak yield its ports."""
    held = state.shares[share.name]
    if share.divided and worth_waiting(state, share, now):
        since = now if held.wanted_since is None else held.wanted_since
        held = replace(held, wanted_since=since)
        if now - since < RELEASE:
            return held, []
    order = TakeOver(
        share=share.name,
        expected=active(state, share.name),
        reason=reason,
        released=not share.divided or released(state, share, now),
    )
    return replace(held, busy=True), [order]


def _outdated(state: State, share: ShareSetup) -> bool:
    """Whether a peer knows of a later decision than the routes as this node last read them."""
    epoch = state.shares[share.name].epoch
    views = (peer.view.shares.get(share.name) for peer in state.peers.values())
    return any(view is not None and view.epoch > epoch for view in views)


def _reason_to_take_over(state: State, share: ShareSetup, now: float) -> str | None:
    """Why this node must lead the share's routes to itself now; None if it must not."""
    me = state.setup.me
    current = active(state, share.name)
    if me not in share.nodes or not judge(state, share, me, now).fit:
        return None
    if current == me:
        return _reason_to_complete(state, share)
    if not share.movable(current):
        return None
    if value(state.wishes, move(share.name)) == f"{TO}{me}":
        return "asked for by an operator"
    return None if in_maintenance(state) else _reason_by_itself(state, share, current, now)


def _reason_by_itself(
    state: State, share: ShareSetup, current: str | None, now: float
) -> str | None:
    """Why the share must be moved here without anybody's asking."""
    if current is None or current in share.former:
        reason = f"{current} is no longer a node" if current else "nobody carries it"
        return reason if _is_first(state, share, now) else None
    returns = _reason_to_return(state, share, current, now)
    return returns or _reason_to_relieve(state, share, current, now)


def _reason_to_return(state: State, share: ShareSetup, current: str, now: float) -> str | None:
    """Failback: the first node takes its share again, unless an operator put it where it is."""
    since = state.shares[share.name].healthy_since.get(state.setup.me)
    if share.failback is None or state.setup.me != share.home or since is None:
        return None
    placed = value(state.wishes, move(share.name)) == f"{AT}{current}"
    return None if placed or now - since < share.failback else "it returns to its first node"


def _reason_to_complete(state: State, share: ShareSetup) -> str | None:
    """The active node leads the routes here that a half-done take-over left behind."""
    stray = _stray_route(state, share, state.setup.me)
    return None if stray is None else f"{stray} is not led here"


def _stray_route(state: State, share: ShareSetup, node: str) -> Route | None:
    """A route that does not lead to the node whom the first route leads to, and may be moved."""
    holders = state.shares[share.name].holders or {}
    routes = share.routes
    strays = (r for r in routes if holders.get(r) != node and share.movable(holders.get(r)))
    return next(strays, None)


def _reason_to_relieve(state: State, share: ShareSetup, current: str, now: float) -> str | None:
    held = state.shares[share.name]
    if share.divided and _cut_off(state, share, current):
        # Returns could not be handed over: whoever receives them carries everything.
        receives = _first_share(state, share)
        mine = active(state, receives.name) == state.setup.me
        return f"{current} is out of reach, and returns arrive here" if mine else None
    if held.relieved_by == current and now < held.relieved_until:
        return None
    verdict = judge(state, share, current, now)
    if verdict.condition == "silent":
        stray = _stray_route(state, share, current)
        if stray is None:
            return None
        reasons: Reasons = (f"{stray} is not led there and its agent cannot move it",)
        verdict = replace(verdict, reasons=reasons)
    elif verdict.condition in {"healthy", "unknown"}:
        return None
    settled = 0.0 if verdict.condition == "dead" else share.hold_down
    if _first_eligible(state, share, current, settled, now) != state.setup.me:
        return None
    return f"{current} is {verdict.condition}: {'; '.join(verdict.reasons)}"


def _cut_off(state: State, share: ShareSetup, node: str) -> bool:
    """Whether a node has taken a share of this gateway from here and has not been heard since."""
    return any(
        state.shares[other.name].relieved_by == node
        for other in state.setup.shares
        if other.gateway == share.gateway
    )


def _first_share(state: State, share: ShareSetup) -> ShareSetup:
    """The share of the same gateway that has the edge routes."""
    return next(other for other in state.setup.shares if other.gateway == share.gateway)


def _is_first(state: State, share: ShareSetup, now: float) -> bool:
    """Whether every node before this one is unfit; one that may still turn up is waited for.

    So is one that is being filled: nodes that start together each find the other so for a moment,
    and would take each other's share.
    """
    earlier = takewhile(lambda node: node != state.setup.me, share.nodes)
    return not any(_may_carry(state, share, node, now) for node in earlier)


def _may_carry(state: State, share: ShareSetup, node: str, now: float) -> bool:
    verdict = judge(state, share, node, now)
    peer = state.peers.get(node, PeerState())
    starting = peer.heard is None or verdict.condition == "unknown" or peer.view.sync.empty
    return verdict.condition == "healthy" or (starting and now - state.started < COLD_START)


def _first_eligible(
    state: State, share: ShareSetup, current: str, settled: float, now: float
) -> str | None:
    """The first other node that has been healthy for `settled` seconds."""
    for node in share.nodes:
        if node == current or not speaks(state, node, now):
            continue  # an agent that is silent cannot act, even if its node forwards
        if healthy_for(state, share, node, settled, now):
            return node
    return None


def _with_peer(state: State, name: str, peer: PeerState) -> State:
    return replace(state, peers={**state.peers, name: peer})


def _with_share(state: State, name: str, share: ShareState) -> State:
    return replace(state, shares={**state.shares, name: share})
