"""What must be true of the addresses and ports by which flows are replicated."""

from collections.abc import Iterator

from natgate.model.error import Problem
from natgate.model.spec import Spec


def replication_problems(spec: Spec) -> Iterator[Problem]:
    """Every contradiction; none where there is only one node, and nobody to replicate to."""
    if len(spec.nodes) > 1:
        yield from _addresses(spec)
        yield from _port(spec)


def _addresses(spec: Spec) -> Iterator[Problem]:
    taken = {node.address: f"nodes[{n}].address" for n, node in enumerate(spec.nodes)}
    for g, gateway in enumerate(spec.gateways):
        for a, fixed in enumerate(gateway.addresses):
            taken.setdefault(fixed.address, f"gateways[{g}].addresses[{a}].address")
    subnets = [subnet for subnet in spec.network.subnets if subnet.kind != "node"]
    for n, node in enumerate(spec.nodes):
        address, path = node.sync_address, f"nodes[{n}].sync_address"
        if address is None:
            continue
        if address in taken:
            message = f"{address} is already at {taken[address]}; give a free one, or leave it out"
            yield Problem(path=path, message=message)
            continue
        taken[address] = path
        for subnet in subnets:
            if address in subnet.cidr:
                message = (
                    f"{address} lies in {subnet.kind} subnet {subnet.name}; take one of a subnet "
                    "of kind node, or of none"
                )
                yield Problem(path=path, message=message)


def _port(spec: Spec) -> Iterator[Problem]:
    if spec.replication.kind == "none":
        return
    heartbeat, port = spec.heartbeat, spec.replication.port
    used = {spec.handover.port: "handover.port"}
    for each in (heartbeat.port, heartbeat.probe_port, heartbeat.reflection_port):
        used[each] = "heartbeat.port, which uses three from there on"
    if port in used:
        message = f"{port} is taken by {used[port]}; take another one"
        yield Problem(path="replication.port", message=message)
