"""Whether a node stands ready for a gateway, for steering that also decides by itself.

Such a steering (VRRP, BGP) must know beforehand who may carry a gateway, since it moves on by itself
when the active node dies, with or without its agent.
"""

from natgate.plan.failover import GatewaySetup, State, active, judge, speaks


def stands_ready(state: State, gateway: GatewaySetup, now: float) -> bool | None:
    """Whether this node offers to carry a gateway; None: as before, since nothing is known.

    An ill node withdraws, but while it is active only if another can follow: better an ill one
    than none.
    """
    me = state.setup.me
    verdict = judge(state, gateway, me, now)
    if me not in gateway.nodes:
        return False
    if verdict.fit:
        return True
    if verdict.condition == "unknown":
        return None
    if active(state, gateway.name) == me and not _has_successor(state, gateway, now):
        return None
    return False


def _has_successor(state: State, gateway: GatewaySetup, now: float) -> bool:
    """Whether another node that speaks has been healthy for the hold-down."""
    since = state.gateways[gateway.name].healthy_since
    return any(
        node in since and now - since[node] >= gateway.hold_down
        for node in gateway.nodes
        if node != state.setup.me and speaks(state, node, now)
    )
