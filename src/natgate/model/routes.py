"""Which routes carry a gateway: those that a failover moves from node to node."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from natgate.model.address import Prefixes
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
    returning traffic. Client: whom an entry speaks with outside, in the table of each of its hosts.
    """
    edge = {
        Route(table=spec.network.edge_table, destination=_routed_with(spec, gateway, index))
        for index in range(len(gateway.addresses))
    }
    client = {
        Route(table=subnet.table, destination=destination)
        for sources, destinations in ways_of(spec, gateway)
        for subnet in spec.network.subnets
        if subnet.kind == "client" and any(subnet.cidr.overlaps(source) for source in sources)
        for destination in destinations
    }
    return (*sorted(edge), *sorted(client))


def ways_of(spec: Spec, gateway: Gateway) -> Iterator[tuple[Prefixes, Prefixes]]:
    """For each entry whom it concerns inside, and with whom outside."""
    for entry in gateway.snat:
        yield spec.sources_of(entry), entry.destinations or (EVERYWHERE,)
    for served in gateway.dnat:
        yield (IPv4Network(served.target),), served.clients or (EVERYWHERE,)
    for own in gateway.own:
        yield (IPv4Network(own.host),), own.destinations or (EVERYWHERE,)


def far_of(spec: Spec) -> Iterator[IPv4Network]:
    """Every prefix outside that an entry names; nobody may be forwarded there but by an entry."""
    for gateway in spec.gateways:
        for entry in gateway.snat:
            yield from entry.destinations
        for own in gateway.own:
            yield from own.destinations
        for served in gateway.dnat:
            yield from served.clients


def _routed_with(spec: Spec, gateway: Gateway, index: int) -> IPv4Network:
    address = gateway.addresses[index].address
    for subnet in spec.network.subnets:
        if subnet.kind == "address" and address in subnet.cidr:
            return subnet.cidr
    return IPv4Network(address)
