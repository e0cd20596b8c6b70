"""What is asked of a trace, in terms of hosts and packets; every refusal says what would do."""

from ipaddress import AddressValueError, IPv4Address, IPv6Address

from natgate.model.error import RefusedError
from natgate.model.resolver import NamePath, is_domain
from natgate.model.spec import Spec
from natgate.model.topology import RoutedHost, Topology
from natgate.model.trace import Packet, Protocol, Trace
from natgate.plan.trace import predict
from natgate.plan.trace_name import way_of, with_question
from natgate.plan.trace_route import MADE_HERE, Chosen, route_of, source_of

UNSPECIFIED = IPv4Address(0)


def foretell(
    topology: Topology, spec: Spec, start: str, to: str, asked: tuple[Protocol, int | None]
) -> tuple[Trace, Packet]:
    """The way from a host (or an address that one has) to a name or an address, and its packet."""
    _check_nodes(topology, spec)
    host = host_called(topology, start)
    destination, way = _where(topology, to)
    protocol, port = asked
    packet = Packet(
        protocol=protocol,
        source=UNSPECIFIED,
        destination=destination,
        destination_port=port,
    )
    source = address_of(start)
    source = source_of(host, packet) if source is None else source
    if source is None:
        raise RefusedError(f"{host.name} has no address, so it sends nothing")
    packet = _from(packet, source)
    trace = predict(topology, spec, host, packet)
    return (trace if way is None else with_question(trace, topology, spec, way)), packet


def foretell_here(
    topology: Topology, spec: Spec, start: str, to: str, asked: tuple[Protocol, int | None]
) -> tuple[Trace, Packet, str]:
    """The same from one node on, for a packet that comes in there; also the link by which it does."""
    node = topology.hosts[0]
    source, destination = address_of(start), address_of(to)
    if source is None or destination is None:
        unknown = start if source is None else to
        raise RefusedError(f"a node knows no names of hosts; write the address of {unknown}")
    protocol, port = asked
    packet = Packet(
        protocol=protocol, source=source, destination=destination, destination_port=port
    )
    if source in node.addresses:
        return predict(topology, spec, node, packet), packet, MADE_HERE
    back = Packet(protocol=protocol, source=UNSPECIFIED, destination=source)
    chosen = route_of(node, back, MADE_HERE)
    link = chosen.route.link if isinstance(chosen, Chosen) else None
    if link is None:
        raise RefusedError(
            f"{node.name} has no route to {source}, so it is not known by which link it comes in"
        )
    return predict(topology, spec, node, packet, link), packet, link


def _check_nodes(topology: Topology, spec: Spec) -> None:
    """A node of another name would be foretold to translate nothing."""
    known = {node.name for node in spec.nodes}
    for node in spec.nodes:
        holder = topology.holder(node.address)
        if holder is not None and holder.name not in known:
            raise RefusedError(
                f"{node.address} is node {node.name} in the spec, and host {holder.name} in the "
                "routes; give both the same name"
            )


def host_called(topology: Topology, start: str) -> RoutedHost:
    """The host of a name or an address."""
    address = address_of(start)
    found = topology.host(start) if address is None else topology.holder(address)
    if found is None:
        known = ", ".join(host.name for host in topology.hosts)
        raise RefusedError(f"there is no host {start}; there are {known}")
    return found


def address_of(text: str) -> IPv4Address | None:
    """An address that somebody wrote; None if it is a name."""
    try:
        return IPv4Address(text)
    except AddressValueError:
        pass
    try:
        IPv6Address(text)
    except AddressValueError:
        return None
    raise RefusedError(f"{text} is IPv6, which natgate neither translates nor forwards")


def _where(topology: Topology, to: str) -> tuple[IPv4Address, NamePath | None]:
    address = address_of(to)
    if address is not None:
        return address, None
    host = topology.host(to)
    if host is None:
        if topology.names is None or not is_domain(to.lower().removesuffix(".")):
            known = ", ".join(host.name for host in topology.hosts if host.addresses)
            raise RefusedError(f"{to or 'nothing'} is neither an address nor one of {known}")
        way = way_of(topology, to)
        return way.answer, way
    if not host.addresses:
        raise RefusedError(f"{to} has no address that could be asked for")
    return host.addresses[0], None


def _from(packet: Packet, source: IPv4Address) -> Packet:
    return Packet(
        protocol=packet.protocol,
        source=source,
        destination=packet.destination,
        destination_port=packet.destination_port,
    )
