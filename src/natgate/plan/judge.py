"""Whether a node can carry a gateway: by its own word, or by probes if it says nothing."""

from dataclasses import dataclass, replace
from typing import Literal

from natgate.model.event import Probe
from natgate.model.view import GatewayView, PathHealth, Reasons
from natgate.plan.state import PeerState, Setup, ShareSetup, State, drained, speaks

Condition = Literal["healthy", "silent", "unhealthy", "dead", "drained", "unknown"]

BLOCKED_ROUNDS = 2.5
"""Probes of a speaking node that may stay unanswered, one each `again`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A node's fitness for one gateway; `silent` forwards although its agent does not speak."""

    condition: Condition
    reasons: Reasons = ()

    @property
    def fit(self) -> bool:
        """Whether the node forwards for the gateway."""
        return self.condition in {"healthy", "silent"}


BLOCKED = Judgement(
    condition="unhealthy", reasons=("probes no longer pass through the node: something drops them",)
)
DRAINED = Judgement(condition="drained", reasons=("drained by an operator",))


def judge(state: State, share: ShareSetup, node: str, now: float) -> Judgement:
    """A node's fitness for a share, as far as this node can tell."""
    found = _judge(state, share, node, now)
    return DRAINED if found.fit and drained(state, node) else found


def own_word(state: State, gateway: str) -> GatewayView:
    """What this node says of itself."""
    reasons = state.own.reasons.get(gateway)
    if reasons is None:
        return GatewayView(reasons=("not checked yet",), checked=False)
    return GatewayView(
        reasons=reasons,
        checked=gateway not in state.own.unchecked,
        unanswered=state.own.unanswered.get(gateway),
    )


def path_health(state: State) -> PathHealth | None:
    """What this node says of itself for all its gateways; None until every check has run.

    A reason that is known already is enough to be ill.
    """
    gateways = dict.fromkeys(
        share.gateway for share in state.setup.shares if state.setup.me in share.nodes
    )
    words = {gateway: own_word(state, gateway) for gateway in gateways}
    reasons = [
        f"{gateway}: {reason}"
        for gateway, word in words.items()
        if word.checked
        for reason in word.reasons
    ]
    if not words or not (reasons or all(word.checked for word in words.values())):
        return None
    return PathHealth(reasons=tuple(reasons))


def track_health(state: State, now: float) -> State:
    """Since when each node is healthy: a node that recovers starts anew."""
    shares = dict(state.shares)
    for share in state.setup.shares:
        held = shares[share.name]
        fit = [node for node in share.nodes if judge(state, share, node, now).fit]
        since = {node: held.healthy_since.get(node, now) for node in fit}
        if since != held.healthy_since:
            shares[share.name] = replace(held, healthy_since=since)
    return replace(state, shares=shares)


def settled(state: State, node: str, now: float) -> bool:
    """Whether a node has been healthy for the hold-down of each of its shares."""
    shares = [share for share in state.setup.shares if node in share.nodes]
    return bool(shares) and all(healthy_for(state, s, node, s.hold_down, now) for s in shares)


def healthy_for(state: State, share: ShareSetup, node: str, seconds: float, now: float) -> bool:
    """Whether a node has been fit for a share for so long."""
    since = state.shares[share.name].healthy_since.get(node)
    return since is not None and now - since >= seconds


def _judge(state: State, share: ShareSetup, node: str, now: float) -> Judgement:
    if node == state.setup.me:
        return _judge_word(own_word(state, share.gateway))
    if speaks(state, node, now):
        told = _judge_word(state.peers[node].view.gateways.get(share.gateway))
        blocked = told.fit and _blocked(state.setup, state.peers[node])
        return BLOCKED if blocked else told
    return _judge_silent(state, share, state.peers.get(node, PeerState()), now)


def _blocked(setup: Setup, peer: PeerState) -> bool:
    """Whether probes that used to pass through a node no longer do, while its kernel answers.

    A node that never let one pass is not judged: the way back to here may be closed to them.
    """
    kernel = peer.answers.get((Probe.KERNEL, None))
    forwarding = peer.answers.get((Probe.FORWARDING, None))
    if kernel is None or forwarding is None:
        return False
    return kernel - forwarding > BLOCKED_ROUNDS * setup.again


def _judge_word(view: GatewayView | None) -> Judgement:
    """By a node's own word; one that has not checked, or applies another spec, is not relieved."""
    if view is None:
        return Judgement(condition="unknown", reasons=("does not know this gateway",))
    if not view.checked:
        return Judgement(condition="unknown", reasons=view.reasons)
    return Judgement(condition="unhealthy" if view.reasons else "healthy", reasons=view.reasons)


def _judge_silent(state: State, share: ShareSetup, peer: PeerState, now: float) -> Judgement:
    """A node whose agent is silent: its probes of the last timeout speak for it."""

    def answered(probe: Probe, of: str | None = None) -> bool:
        at = peer.answers.get((probe, of))
        return at is not None and now - at <= state.setup.timeout

    forwards = answered(Probe.FORWARDING)
    reaches = answered(Probe.UPSTREAM, share.gateway) or not share.has_echo
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
