"""What must be true of a spec whose addresses are moved by VRRP (RFC 5798)."""

from collections.abc import Iterator

from natgate.model.address import covers
from natgate.model.error import Problem
from natgate.model.spec import Spec
from natgate.model.steering import VrrpSteering

LONGEST_HUNDREDTHS = 4095
"""An advert says its interval in hundredths of a second, in 12 bits (RFC 5798, section 5.2.7)."""


def vrrp_problems(spec: Spec) -> Iterator[Problem]:
    """Every contradiction that steering of kind vrrp brings; none for another kind."""
    if isinstance(spec.steering, VrrpSteering):
        yield from _nodes(spec)
        yield from _inside(spec, spec.steering)
        yield from _interval(spec.steering)


def _nodes(spec: Spec) -> Iterator[Problem]:
    """All addresses of a node move at once: one gateway, carried by every node."""
    if len(spec.nodes) == 1:
        message = "vrrp moves addresses between nodes: add one, or use {kind: none}"
        yield Problem(path="nodes", message=message)
    if len(spec.gateways) > 1:
        message = (
            "vrrp moves all addresses of a node together, so two gateways could each draw them "
            "their way: put all addresses and entries into one gateway"
        )
        yield Problem(path="gateways[1]", message=message)
    for g, gateway in enumerate(spec.gateways):
        missing = [node.name for node in spec.nodes if node.name not in spec.nodes_of(gateway)]
        if missing:
            message = f"vrrp moves addresses among all nodes; add {', '.join(missing)}"
            yield Problem(path=f"gateways[{g}].nodes", message=message)


def _inside(spec: Spec, steering: VrrpSteering) -> Iterator[Problem]:
    seen = {node.address: f"nodes[{n}].address" for n, node in enumerate(spec.nodes)}
    for g, gateway in enumerate(spec.gateways):
        for a, fixed in enumerate(gateway.addresses):
            seen.setdefault(fixed.address, f"gateways[{g}].addresses[{a}].address")
    for index, address in enumerate(steering.inside):
        path = f"steering.inside[{index}]"
        if address in seen:
            message = f"{address} is already at {seen[address]}; hosts need a next hop that moves"
            yield Problem(path=path, message=message)
        elif not covers(spec.network.ranges, address):
            ranges = ", ".join(map(str, spec.network.ranges))
            message = f"{address} is not inside network.ranges ({ranges}), where its hosts are"
            yield Problem(path=path, message=message)
        seen.setdefault(address, path)


def _interval(steering: VrrpSteering) -> Iterator[Problem]:
    hundredths = steering.advert_interval * 100
    whole = abs(hundredths - round(hundredths)) < 1e-6  # noqa: PLR2004 (0.07 * 100 is not 7)
    if not whole or not 1 <= round(hundredths) <= LONGEST_HUNDREDTHS:
        message = "VRRP counts in steps of 10ms, from 10ms to 40.95s"
        yield Problem(path="steering.advert_interval", message=message)
