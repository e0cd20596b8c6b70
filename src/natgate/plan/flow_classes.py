"""What a spec says of each class of flows: see `model.flow_class`."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from natgate.model.fields import Ports
from natgate.model.flow_class import Bounds, Told
from natgate.model.open_flow import WITH_PORTS, protocol_text
from natgate.model.spec import Spec
from natgate.plan.compile import carried_by, inside_of, internal_of
from natgate.plan.dnat import any_port, own_addresses
from natgate.plan.resolve import Packet, Resolver


def bounds_of(spec: Spec, node: str) -> Bounds:
    """The bounds of everything that a node's rules compare a flow with."""
    gateways = carried_by(spec, node)
    wholes = (*own_addresses(gateways), *any_port(gateways))
    entries = [entry for gateway in gateways for entry in gateway.snat]
    served = [entry for gateway in gateways for entry in gateway.dnat]
    far = [prefix for whole in wholes for prefix in whole.far]
    sources = [
        *inside_of(spec),
        *(prefix for entry in entries for prefix in spec.sources_of(entry)),
        *(prefix for entry in served for prefix in entry.clients),
        *(IPv4Network(whole.host) for whole in wholes),
        *far,
    ]
    destinations = [
        *internal_of(spec),
        *(prefix for entry in entries for prefix in entry.destinations),
        *(IPv4Network(fixed.address) for gateway in gateways for fixed in gateway.addresses),
        *far,
    ]
    ports = [ports for entry in entries for ports in entry.ports]
    ports += [entry.port for entry in served if isinstance(entry.port, Ports)]
    return Bounds(
        sources=_starts((int(p.network_address), int(p.broadcast_address)) for p in sources),
        destinations=_starts(
            (int(p.network_address), int(p.broadcast_address)) for p in destinations
        ),
        ports=_starts((p.first, p.last) for p in ports),
    )


def _starts(ranges: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    return tuple(sorted({bound for first, last in ranges for bound in (first, last + 1)}))


def tell(resolver: Resolver, protocol: int, source: int, destination: int, port: int) -> Told:
    """What a spec says of flows whose first packet is like that."""
    packet = Packet(
        source=IPv4Address(source),
        destination=IPv4Address(destination),
        protocol=protocol_text(protocol),
        port=port if protocol in WITH_PORTS else None,
    )
    answer = resolver.resolve(packet)
    addresses = resolver.addresses(answer.entry) or answer.sources
    return Told(
        entry=answer.entry,
        sources=frozenset(map(int, addresses)),
        target=int(answer.destination[0]) if answer.destination is not None else None,
    )
