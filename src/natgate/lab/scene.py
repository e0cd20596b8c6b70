"""A scene: what stands around a spec, so that real packets can cross it."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal

from pydantic import Field

from natgate.model.fields import Model, Name, Port, Prefix
from natgate.model.gateway import Gateway, SnatEntry
from natgate.model.resolver import DomainName, Names, Resolver
from natgate.model.routes import EVERYWHERE
from natgate.model.spec import Spec, Subnet

VPC = "vpc"
"""The host that every scene has: the cloud's implicit router, or the switch of a flat segment."""

LINK = "eth0"
"""The link of every other host."""

Role = Literal["client", "node", "router", "target", "dns", "server"]


class Client(Model):
    """A machine whose traffic is translated."""

    name: Name
    subnet: Name = Field(description="a client subnet of the spec")
    address: IPv4Address


class Router(Model):
    """A router to the outside, such as a VPN router: its prefix lies behind it."""

    name: Name
    address: IPv4Address = Field(description="its own address, inside its prefix")
    prefix: Prefix = Field(description="what is reached through it")
    tcp_ports: tuple[Port, ...] = Field(
        default=(), description="where it accepts connections, and closes them at once"
    )


class Target(Model):
    """A server of somebody else, who admits registered sources only.

    HTTP on 80 answers `ok: source=ADDRESS`; 7 echoes UDP and TCP; 9000 sends 100 Mbit/s.
    """

    name: Name
    address: IPv4Address
    router: Name = Field(description="the router it stands behind")
    admits: tuple[IPv4Address, ...] | None = Field(
        default=None, description="registered sources; all addresses of all gateways if left out"
    )
    answers: dict[DomainName, IPv4Address] = Field(
        default={}, description="addresses by name, which it answers on port 53 as well"
    )


class NetworkResolver(Resolver):
    """The resolver that every client asks: it knows no name itself.

    A client's question and the resolver's own are two flows, with two sources.
    """

    subnet: Name = Field(
        description="a client subnet of the spec: its endpoint lies there, and its own questions "
        "take the route table of it"
    )

    @property
    def plain(self) -> Resolver:
        """The same, without its place in the spec."""
        return Resolver.model_validate(self.model_dump(exclude={"subnet"}))


class OtherRoute(Model):
    """A route of somebody else, which stands in a route table before natgate comes."""

    table: str = Field(description="the route table of a subnet of the spec")
    destination: Prefix = Field(description="0.0.0.0/0 is a default route")
    router: Name = Field(description="the router that it leads to")


class Scene(Model):
    """A whole natgate.lab/v1 file."""

    api_version: Literal["natgate.lab/v1"] = Field(alias="apiVersion")
    name: Name
    title: str = Field(min_length=1, description="one line that says what the scene shows")
    fabric: Literal["cloud", "flat"] = Field(
        default="cloud",
        description="cloud: every packet crosses the tables of one router; flat: clients, nodes "
        "and routers are on one segment and find each other by ARP",
    )
    clients: tuple[Client, ...] = ()
    resolver: NetworkResolver | None = Field(
        default=None, description="whom clients ask for names; nobody if left out"
    )
    routers: tuple[Router, ...] = ()
    targets: tuple[Target, ...] = ()
    routes: tuple[OtherRoute, ...] = ()
    spec: Spec = Field(description="the natgate/v1 spec that the agents get")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A machine of the lab: one network namespace."""

    name: str
    role: Role
    zone: str | None
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A client, a target, and the gateway whose entry covers the way between them."""

    client: Client
    target: Target
    gateway: Gateway


def hosts(scene: Scene) -> tuple[Host, ...]:
    """Every machine of the lab: the VPC router first, then from the clients outwards."""
    zones = {subnet.name: subnet.zone for subnet in scene.spec.network.subnets}
    return (
        Host(name=VPC, role="router", zone=None, addresses=()),
        *(_host(c.name, "client", zones.get(c.subnet), c.address) for c in scene.clients),
        *(
            _host(r.name, "dns", zones.get(r.subnet), r.address, r.endpoint)
            for r in (scene.resolver,)
            if r is not None
        ),
        *(_host(n.name, "node", n.zone, n.address) for n in scene.spec.nodes),
        *(_host(r.name, "router", None, r.address) for r in scene.routers),
        *(_host(t.name, "target", None, t.address) for t in scene.targets),
    )


def _host(name: str, role: Role, zone: str | None, *addresses: IPv4Address) -> Host:
    return Host(name=name, role=role, zone=zone, addresses=tuple(map(str, addresses)))


def subnet_of(scene: Scene, address: IPv4Address) -> Subnet | None:
    """The subnet of the spec that an address lies in."""
    return next((s for s in scene.spec.network.subnets if address in s.cidr), None)


def names_of(scene: Scene) -> Names | None:
    """Who knows which names; None in a scene without a resolver."""
    if scene.resolver is None:
        return None
    answers = {target.address: target.answers for target in scene.targets if target.answers}
    return Names(resolver=scene.resolver.plain, answers=answers)


def admitted(scene: Scene, target: Target) -> tuple[IPv4Address, ...]:
    """The sources that a target lets in."""
    if target.admits is not None:
        return target.admits
    return tuple(fixed.address for g in scene.spec.gateways for fixed in g.addresses)


def paths(scene: Scene) -> Iterator[Path]:
    """The ways that must work: each client with the first target that each gateway takes it to.

    A target that does not admit the addresses of the entry is no such way.
    """
    for client in scene.clients:
        seen: set[str] = set()
        for target in scene.targets:
            gateway, entry = _translation(scene.spec, client, target)
            if gateway is None or entry is None or gateway.name in seen:
                continue
            if set(scene.spec.addresses_of(gateway, entry)) <= set(admitted(scene, target)):
                seen.add(gateway.name)
                yield Path(client=client, target=target, gateway=gateway)


def _translation(
    spec: Spec, client: Client, target: Target
) -> tuple[Gateway | None, SnatEntry | None]:
    """The entry with the longest source mask, then destination mask, that covers the pair."""
    best: tuple[Gateway | None, SnatEntry | None] = (None, None)
    longest = (-1, -1)
    for gateway in spec.gateways:
        for entry in gateway.snat:
            for source in spec.sources_of(entry):
                for destination in entry.destinations or (EVERYWHERE,):
                    masks = (source.prefixlen, destination.prefixlen)
                    covered = client.address in source and target.address in destination
                    if covered and masks > longest:
                        best, longest = (gateway, entry), masks
    return best
