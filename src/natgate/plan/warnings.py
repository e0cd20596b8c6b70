"""The warnings that follow from the decision's state."""

from collections.abc import Iterator

from natgate.model.view import Reasons
from natgate.model.warning import ActiveWarning, warning
from natgate.plan.judge import Judgement, judge
from natgate.plan.state import ShareSetup, State, active, in_maintenance, speaks


def warnings(state: State, digest: str, now: float) -> tuple[ActiveWarning, ...]:
    """Every warning that is true now, each node named once; `digest` is this node's spec."""
    found = [w for share in state.setup.shares for w in _of_share(state, share, now)]
    for name, peer in state.peers.items():
        if speaks(state, name, now) and peer.view.digest != digest:
            found.append(warning("spec-differs", name, f"{name} applies another spec"))
    if in_maintenance(state):
        found.append(warning("maintenance", "network", "maintenance: nothing is moved by itself"))
    return tuple(dict.fromkeys(found))


def _of_share(state: State, share: ShareSetup, now: float) -> Iterator[ActiveWarning]:
    held = state.shares[share.name]
    if held.error is not None:
        yield warning("routes-failed", share.name, f"{share.name}: {held.error}")
    for route, holder in (held.holders or {}).items():
        if not share.movable(holder):
            text = (
                f"{route} leads to {holder}, which is no node, and stays: remove it, or have entries "
                "name the destinations that are to come here"
            )
            yield warning("route-foreign", share.name, text)
    judged = {node: judge(state, share, node, now) for node in share.nodes}
    for node, verdict in judged.items():
        yield from _of_node(node, verdict)
        if verdict.condition == "dead" and held.relieved_by == node:
            text = f"{node} took over {share.name} and cannot be reached from here"
            yield warning("path-cut", node, text)
    if not any(verdict.fit for verdict in judged.values()):
        carrier = active(state, share.name) or "nobody"
        text = f"no healthy node for {share.name}; its routes stay with {carrier}"
        yield warning("no-healthy-node", share.name, text)


def _of_node(node: str, verdict: Judgement) -> Iterator[ActiveWarning]:
    match verdict.condition:
        case "silent":
            yield warning("agent-silent", node, f"the agent on {node} is silent; {node} forwards")
        case "dead":
            yield warning("node-dead", node, f"{node} answers neither heartbeats nor probes")
        case "drained":
            yield warning("node-drained", node, f"{node} is drained and takes nothing over")
        case "unhealthy":
            yield warning("node-unhealthy", node, f"{node}: {_sentence(verdict.reasons)}")
        case _:
            return


def _sentence(reasons: Reasons) -> str:
    return "; ".join(reasons)
