"""What must be true of a spec whose routes are announced by BGP."""

from collections.abc import Iterator
from ipaddress import IPv4Network

from natgate.model.error import Problem
from natgate.model.routes import wanted_routes
from natgate.model.spec import Spec
from natgate.model.steering import FrrSteering


def bgp_problems(spec: Spec) -> Iterator[Problem]:
    """Every contradiction that steering of kind frr brings; none for another kind."""
    if isinstance(spec.steering, FrrSteering):
        yield from _destinations(spec)
        yield from _routers(spec, spec.steering)


def _destinations(spec: Spec) -> Iterator[Problem]:
    """BGP has one table: two gateways may not need one destination, whatever their route tables."""
    owner: dict[IPv4Network, str] = {}
    for g, gateway in enumerate(spec.gateways):
        for destination in dict.fromkeys(r.destination for r in wanted_routes(spec, gateway)):
            other = owner.setdefault(destination, gateway.name)
            if other != gateway.name:
                message = (
                    f"{destination} is announced for gateway {other} already, and BGP has one route "
                    "to it for all: put both entries into one gateway"
                )
                yield Problem(path=f"gateways[{g}].snat", message=message)


def _routers(spec: Spec, steering: FrrSteering) -> Iterator[Problem]:
    nodes = {node.address for node in spec.nodes}
    for index, router in enumerate(steering.routers):
        if router in nodes:
            message = f"{router} is a node; name the routers that forward to the nodes"
            yield Problem(path=f"steering.routers[{index}]", message=message)
