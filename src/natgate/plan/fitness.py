"""Whether a node may stand in for the active one, for steering that lets the network act by itself."""

from natgate.plan.failover import GatewaySetup, State, active, judge


def fitness(state: State, gateway: GatewaySetup, now: float) -> bool | None:
    """Whether this node may stand in for the active one; None while that cannot be said.

    A node that recovers waits for the hold-down, unless it is the active one.
    """
    me = state.setup.me
    verdict = judge(state, gateway, me, now)
    if me not in gateway.nodes or verdict.condition == "unknown":
        return None
    if not verdict.fit:
        return False
    since = state.gateways[gateway.name].healthy_since.get(me, now)
    return True if active(state, gateway.name) == me or now - since >= gateway.hold_down else None
