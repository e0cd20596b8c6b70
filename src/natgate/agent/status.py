"""What is true now: the one object that CLI, API and lab show."""

from collections.abc import Iterable
from typing import Any

from natgate.model.gateway import Gateway
from natgate.model.share import Share, shares_of
from natgate.model.spec import Spec
from natgate.model.warning import CATALOGUE, ActiveWarning
from natgate.plan.judge import judge, settled
from natgate.plan.state import State, active, drained, in_maintenance, share_setup, speaks

SCHEMA_VERSION = 1


def status(
    *,
    spec: Spec | None,
    state: State | None,
    node: str,
    generation: int,
    warnings: Iterable[ActiveWarning],
    now: float,
    replication: dict[str, Any] | None = None,
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
    gateways = [_gateway(spec, state, gateway, now) for gateway in spec.gateways]
    carriers = [share["carrier"] for gateway in gateways for share in gateway["shares"]]
    return {
        **head,
        "active": list(dict.fromkeys(filter(None, carriers))),
        "nodes": [_node(spec, state, n.name, now) for n in spec.nodes],
        "gateways": gateways,
        "epoch": max(held.epoch for held in state.shares.values()),
        "maintenance": in_maintenance(state),
        "replication": replication,
    }


def _gateway(spec: Spec, state: State, gateway: Gateway, now: float) -> dict[str, Any]:
    """`active` receives what returns: the carrier of the first share."""
    shares = [_share(state, share, now) for share in shares_of(spec, gateway)]
    return {
        "name": gateway.name,
        "mode": gateway.mode,
        "zones": list(spec.zones_of(gateway)),
        "addresses": [str(fixed.address) for fixed in gateway.addresses],
        "timeouts": gateway.timeouts.model_dump(),
        "active": shares[0]["carrier"],
        "epoch": max(share["epoch"] for share in shares),
        "shares": shares,
    }


def _share(state: State, share: Share, now: float) -> dict[str, Any]:
    held = state.shares[share.name]
    carrier = active(state, share.name)
    setup = share_setup(state, share.name)
    hands_out = held.hands_out if setup.divided else carrier == state.setup.me
    claim = held.claim
    return {
        "name": share.name,
        "home": share.home,
        "carrier": _carrier(state, share.name, now),
        "epoch": held.epoch,
        "ports": str(share.block),
        "hands_out_here": hands_out,
        "claim": {"owner": claim.owner, "epoch": claim.epoch} if claim else None,
    }


def _carrier(state: State, share: str, now: float) -> str | None:
    """Who carries it: as last read, unless reading fails and a peer knows of a later decision."""
    held = state.shares[share]
    told = [
        peer.view.shares[share]
        for name, peer in state.peers.items()
        if share in peer.view.shares and speaks(state, name, now)
    ]
    later = [view for view in told if view.active is not None and view.epoch > held.epoch]
    if held.error is not None and later:
        return max(later, key=lambda view: view.epoch).active
    return active(state, share)


def _node(spec: Spec, state: State, name: str, now: float) -> dict[str, Any]:
    verdicts = [
        judge(state, setup, name, now) for setup in state.setup.shares if name in setup.nodes
    ]
    reasons = dict.fromkeys(reason for verdict in verdicts for reason in verdict.reasons)
    node = spec.node(name)
    return {
        "name": name,
        "zone": node.zone,
        "address": str(node.address),
        "healthy": bool(verdicts) and all(verdict.fit for verdict in verdicts),
        "settled": settled(state, name, now),
        "agent": "answers" if speaks(state, name, now) else "silent",
        "drained": drained(state, name),
        "reasons": list(reasons) if verdicts else ["carries no gateway"],
    }
