"""Who gives out the ports of a block: never two nodes at once.

A node begins only when it carries the share, every other node has said that it gives out none of
these ports or has been silent for longer than it takes to notice that the routes are gone, and the
block is its own: by its place in the spec, or by a claim that the fence has granted. It ends when
somebody else carries the share, or is about to.
"""

from dataclasses import replace

from natgate.model.event import ClaimBlock
from natgate.plan.state import ShareSetup, ShareState, State, active, speaks, word_of

RELEASE = 0.1
"""Seconds for which a speaking node is waited for to stop; heartbeats about it leave at once."""


def track_blocks(state: State, now: float) -> State:
    """Begin and end to give out the ports of each share."""
    shares = dict(state.shares)
    for share in state.setup.shares:
        if share.divided:
            held = shares[share.name]
            shares[share.name] = replace(held, hands_out=_hands_out(state, share, held, now))
    return replace(state, shares=shares)


def released(state: State, share: ShareSetup, now: float) -> bool:
    """Whether no other node gives out ports of the share's block."""
    others = (node for node in share.nodes if node != state.setup.me)
    return all(_has_released(state, share, node, now) for node in others)


def must_stop(state: State, share: ShareSetup, now: float) -> bool:
    """Whether another node that speaks gives out ports of the share's block."""
    others = (node for node in share.nodes if node != state.setup.me)
    return any(
        speaks(state, node, now) and word_of(state, node, share.name).hands_out for node in others
    )


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
    if held.claimed is not None and now - held.claimed < state.setup.reread:
        return None
    return ClaimBlock(share=share.name)


def _hands_out(state: State, share: ShareSetup, held: ShareState, now: float) -> bool:
    me = state.setup.me
    if _wanted_by_another(state, share, now):
        return False
    if held.hands_out:
        return held.holders is None or active(state, share.name) == me
    whole = carries_all(state, share)
    return whole and may_own(state, share) and released(state, share, now)


def _wanted_by_another(state: State, share: ShareSetup, now: float) -> bool:
    others = (node for node in share.nodes if node != state.setup.me)
    return any(
        speaks(state, node, now) and word_of(state, node, share.name).wants for node in others
    )


def _has_released(state: State, share: ShareSetup, node: str, now: float) -> bool:
    """A node that applies another spec may have divided the ports differently: it must give out none."""
    peer = state.peers.get(node)
    if peer is not None and speaks(state, node, now):
        if peer.view.digest == state.setup.digest:
            return not word_of(state, node, share.name).hands_out
        return not any(
            word.hands_out
            for name, word in peer.view.shares.items()
            if name.startswith(f"{share.gateway}@")
        )
    if peer is None or peer.heard is None:
        return now - state.started >= state.setup.grace
    return now - peer.heard >= state.setup.lease
