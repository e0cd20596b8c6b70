"""Who gives out the ports of a block: never two nodes at once.

A node begins only when it carries the share, the block is its own (by its place in the spec, or by a
claim that the fence has granted), and every other node gives out none of these ports and will not
begin: it says that it has read of the new carrier, or that it yields to this node's asking; or it
has been silent, and its routes gone, for longer than it takes to notice that. A node ends when
somebody else carries the share, or is about to.

It is not enough that the others give out none: one of them may be about to begin, in the belief that
it still carries the share. The silence counts from the moment when the routes were led away: a node
that is cut off from the others and carries the share gives out its ports for as long as it does.
"""

from dataclasses import replace

from natgate.model.event import ClaimBlock
from natgate.plan.state import (
    PeerState,
    ShareSetup,
    ShareState,
    State,
    active,
    speaks,
    word_of,
)

RELEASE = 0.1
"""Seconds for which a speaking node is waited for to stop; heartbeats about it leave at once."""


def track_blocks(state: State, now: float) -> State:
    """Begin and end to give out the ports of each share."""
    shares = dict(state.shares)
    for share in state.setup.shares:
        if share.divided:
            held = shares[share.name]
            yields = _yields(state, share, held, now)
            begun = not yields and _hands_out(state, share, held, now)
            shares[share.name] = replace(held, hands_out=begun, yields=yields)
    return replace(state, shares=shares)


def want(held: ShareState) -> int:
    """The number of this node's asking; 0 if it does not ask."""
    return 0 if held.wanted_since is None else max(1, int(held.wanted_since * 1e6))


def released(state: State, share: ShareSetup, now: float) -> bool:
    """Whether no other node gives out ports of the share's block, or will begin to."""
    return all(_has_released(state, share, node, now) for node in _others(state, share))


def worth_waiting(state: State, share: ShareSetup, now: float) -> bool:
    """Whether asking the others is of use: who is silent, or cannot help, is not waited for."""
    others = _others(state, share)
    heard = [node for node in others if speaks(state, node, now)]
    if any(word_of(state, node, share.name).hands_out for node in heard):
        return True
    may_begin = state.setup.fenced or state.setup.me == share.home
    return may_begin and len(heard) == len(others) and not released(state, share, now)


def _others(state: State, share: ShareSetup) -> tuple[str, ...]:
    return tuple(node for node in share.nodes if node != state.setup.me)


def may_own(state: State, share: ShareSetup) -> bool:
    """Whether the block is this node's own: adopted ones need a claim that the fence granted.

    At home a fence that is away costs nothing; what it says counts as soon as it answers.
    """
    claim = state.shares[share.name].claim
    if state.setup.me != share.home:
        return claim is not None and claim.owner == state.setup.me
    return claim is None or claim.owner == state.setup.me


def carries_all(state: State, share: ShareSetup) -> bool:
    """Whether every route of a share that may be moved leads here."""
    holders = state.shares[share.name].holders or {}
    targets = [holders.get(route) for route in share.routes]
    me = state.setup.me
    return me in targets and all(t == me or not share.movable(t) for t in targets)


def claim_due(state: State, share: ShareSetup, now: float) -> ClaimBlock | None:
    """The order to claim the block of a share that is carried here and owned by somebody else."""
    held = state.shares[share.name]
    if not state.setup.fenced or not share.divided or not carries_all(state, share):
        return None
    if held.claim is not None and held.claim.owner == state.setup.me:
        return None
    if held.claimed is not None and now - held.claimed < state.setup.again:
        return None
    return ClaimBlock(share=share.name)


def _hands_out(state: State, share: ShareSetup, held: ShareState, now: float) -> bool:
    me = state.setup.me
    if held.hands_out:
        return held.holders is None or active(state, share.name) == me
    whole = carries_all(state, share)
    return whole and may_own(state, share) and released(state, share, now)


def _yields(state: State, share: ShareSetup, held: ShareState, now: float) -> str:
    """The asking of another node that this one keeps to; one that asks itself keeps to none."""
    if held.wanted_since is not None:
        return ""
    for node in _others(state, share):
        wants = word_of(state, node, share.name).wants
        if wants and speaks(state, node, now):
            return f"{node} {wants}"
    return ""


def _has_released(state: State, share: ShareSetup, node: str, now: float) -> bool:
    """A node that applies another spec may have divided the ports differently: it must give out none."""
    held, me = state.shares[share.name], state.setup.me
    peer = state.peers.get(node, PeerState())
    if not speaks(state, node, now):
        last = state.started if peer.heard is None else peer.heard
        return held.since is not None and now - max(last, held.since) >= state.setup.lease
    if peer.view.digest != state.setup.digest:
        return not any(
            word.hands_out
            for name, word in peer.view.shares.items()
            if name.startswith(f"{share.gateway}@")
        )
    word = word_of(state, node, share.name)
    knows = held.since is not None and word.active == me and word.epoch >= held.epoch
    yields = held.wanted_since is not None and word.yields == f"{me} {want(held)}"
    return (knows or yields) and not word.hands_out
