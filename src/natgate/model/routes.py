"""Which routes carry a gateway: those that a failover moves from node to node."""

from dataclasses import dataclass
from ipaddress import IPv4Network

from natgate.model.gateway import Gateway
from natgate.model.spec import Spec

EVERYWHERE = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Route:
    """One destination in one route table; its target is whichever node is active."""

    table: str
    destination: IPv4Network

    def __str__(self) -> str:
        """As an operator would say it."""
        return f"{self.destination} in {self.table}"


def wanted_routes(spec: Spec, gateway: Gateway) -> tuple[Route, ...]:
    """The edge routes first, then the client routes; the first one says who is active.

    Edge: the subnet of each fixed address (the address itself where it lies in no subnet), for
    returning traffic. Client: each destination of an entry, in the table of each of its sources.
    """
    edge = {
        Route(table=spec.network.edge_table, destination=_routed_with(spec, gateway, index))
        for index in range(len(gateway.addresses))
    }
    client = {
        Route(table=subnet.table, destination=destination)
        for entry in gateway.snat
        for source in entry.sources
        for subnet in spec.network.subnets
        if subnet.kind == "client" and subnet.cidr.overlaps(source)
        for destination in entry.destinations or (EVERYWHERE,)
    }
    return (*sorted(edge), *sorted(client))


def _routed_with(spec: Spec, gateway: Gateway, index: int) -> IPv4Network:
    address = gateway.addresses[index].address
    for subnet in spec.network.subnets:
        if subnet.kind == "address" and address in subnet.cidr:
            return subnet.cidr
    return IPv4Network(address)
