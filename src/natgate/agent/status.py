"""What is true now: the one object that CLI, API and lab show."""

from collections.abc import Iterable
from typing import Any

from natgate.model.spec import Spec
from natgate.model.warning import CATALOGUE, ActiveWarning
from natgate.plan.failover import State, active, judge, speaks

SCHEMA_VERSION = 1


def status(
    *,
    spec: Spec | None,
    state: State | None,
    node: str,
    generation: int,
    warnings: Iterable[ActiveWarning],
    now: float,
) -> dict[str, Any]:
    """The status of a whole network as one node sees it, ready for JSON."""
    shown = [
        {
            "code": w.code,
            "severity": CATALOGUE[w.code].severity,
            "subject": w.subject,
            "text": w.text,
        }
        for w in warnings
    ]
    head = {"version": SCHEMA_VERSION, "node": node, "generation": generation, "warnings": shown}
    if spec is None or state is None:
        return {**head, "active": [], "nodes": [], "gateways": [], "epoch": 0}
    gateways = [
        {
            "name": gateway.name,
            "mode": gateway.mode,
            "addresses": [str(fixed.address) for fixed in gateway.addresses],
            "active": _carrier(state, gateway.name, now),
            "epoch": state.gateways[gateway.name].epoch,
        }
        for gateway in spec.gateways
    ]
    carriers = [str(gateway["active"]) for gateway in gateways if gateway["active"]]
    return {
        **head,
        "active": list(dict.fromkeys(carriers)),
        "nodes": [_node(spec, state, n.name, now) for n in spec.nodes],
        "gateways": gateways,
        "epoch": max(held.epoch for held in state.gateways.values()),
    }


def _carrier(state: State, gateway: str, now: float) -> str | None:
    """Who is active: as last read, unless reading fails and a peer knows of a later decision."""
    held = state.gateways[gateway]
    told = [
        peer.view.gateways[gateway]
        for name, peer in state.peers.items()
        if gateway in peer.view.gateways and speaks(state, name, now)
    ]
    later = [view for view in told if view.active is not None and view.epoch > held.epoch]
    if held.error is not None and later:
        return max(later, key=lambda view: view.epoch).active
    return active(state, gateway)


def _node(spec: Spec, state: State, name: str, now: float) -> dict[str, Any]:
    verdicts = [
        judge(state, setup, name, now) for setup in state.setup.gateways if name in setup.nodes
    ]
    reasons = dict.fromkeys(reason for verdict in verdicts for reason in verdict.reasons)
    node = spec.node(name)
    return {
        "name": name,
        "zone": node.zone,
        "address": str(node.address),
        "healthy": bool(verdicts) and all(verdict.fit for verdict in verdicts),
        "agent": "answers" if speaks(state, name, now) else "silent",
        "reasons": list(reasons) if verdicts else ["carries no gateway"],
    }
