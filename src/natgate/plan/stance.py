"""Whether a node stands ready for a share, for steering that also decides by itself.

Such a steering (VRRP, BGP) must know beforehand who may carry a gateway, since it moves on by itself
when the active node dies, with or without its agent.
"""

from natgate.plan.judge import healthy_for, judge
from natgate.plan.state import ShareSetup, State, active, speaks


def stands_ready(state: State, share: ShareSetup, now: float) -> bool | None:
    """Whether this node offers to carry a share; None: as before, since nothing is known.

    A node that recovers waits for the hold-down, unless it is the active one. An ill node
    withdraws, but while it is active only if another can follow: better an ill one than none.
    """
    me = state.setup.me
    if me not in share.nodes:
        return False
    verdict = judge(state, share, me, now)
    carries = active(state, share.name) == me
    if verdict.fit:
        settled = healthy_for(state, share, me, share.hold_down, now)
        return True if carries or settled else None
    if verdict.condition == "unknown" or (carries and not _has_successor(state, share, now)):
        return None
    return False


def _has_successor(state: State, share: ShareSetup, now: float) -> bool:
    """Whether another node that speaks has been healthy for the hold-down."""
    return any(
        healthy_for(state, share, node, share.hold_down, now)
        for node in share.nodes
        if node != state.setup.me and speaks(state, node, now)
    )
