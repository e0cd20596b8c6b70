"""The warnings that follow from the decision's state."""

from collections.abc import Iterator

from natgate.model.view import Reasons
from natgate.model.warning import ActiveWarning, warning
from natgate.plan.failover import GatewaySetup, State, active, judge, speaks


def warnings(state: State, digest: str, now: float) -> tuple[ActiveWarning, ...]:
    """Every warning that is true now, each node named once; `digest` is this node's spec."""
    found = [w for gateway in state.setup.gateways for w in _of_gateway(state, gateway, now)]
    for name, peer in state.peers.items():
        if speaks(state, name, now) and peer.view.digest != digest:
            found.append(warning("spec-differs", name, f"{name} applies another spec"))
    return tuple(dict.fromkeys(found))


def _of_gateway(state: State, gateway: GatewaySetup, now: float) -> Iterator[ActiveWarning]:
    held = state.gateways[gateway.name]
    if held.error is not None:
        yield warning("routes-failed", gateway.name, f"{gateway.name}: {held.error}")
    for route, holder in (held.holders or {}).items():
        if not gateway.movable(holder):
            yield warning("route-foreign", gateway.name, f"{route} leads to {holder}")
    judged = {node: judge(state, gateway, node, now) for node in gateway.nodes}
    for node, verdict in judged.items():
        if verdict.condition == "silent":
            yield warning("agent-silent", node, f"the agent on {node} is silent; {node} forwards")
        elif verdict.condition == "dead":
            yield warning("node-dead", node, f"{node} answers neither heartbeats nor probes")
            if held.relieved_by == node:
                text = f"{node} took over {gateway.name} and cannot be reached from here"
                yield warning("path-cut", node, text)
        elif verdict.condition == "unhealthy":
            yield warning("node-unhealthy", node, f"{node}: {_sentence(verdict.reasons)}")
    if not any(verdict.fit for verdict in judged.values()):
        carrier = active(state, gateway.name) or "nobody"
        text = f"no healthy node for {gateway.name}; its routes stay with {carrier}"
        yield warning("no-healthy-node", gateway.name, text)


def _sentence(reasons: Reasons) -> str:
    return "; ".join(reasons)
