"""The routes of a lab as its kernels hold them now, as a natgate.routes/v1 file."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from natgate.kernel.own_routes import read_host
from natgate.lab import agents, flat, namespace, network
from natgate.lab.record import Lab
from natgate.lab.scene import LINK, VPC, Host, Scene, hosts, names_of
from natgate.model.error import AgentError
from natgate.model.topology import RoutedHost, Topology
from natgate.plan.handover import TUNNEL, mark_of
from natgate.wire.topology import VERSION


def read(lab: Lab) -> Topology:
    """Every host of a lab that is up; HostError if one cannot be asked."""
    every = hosts(lab.scene)
    with ThreadPoolExecutor() as pool:
        found = tuple(pool.map(lambda host: _host(lab, host), every))
    return Topology(
        apiVersion=VERSION, hosts=found, carriers=carriers(lab), names=names_of(lab.scene)
    )


def carriers(lab: Lab) -> dict[str, str]:
    """The node that carries each share, as an agent says; nothing if none answers."""
    try:
        gateways = agents.status(lab)["gateways"]
    except AgentError:
        return {}
    shares = [share for gateway in gateways for share in gateway["shares"]]
    return {share["name"]: share["carrier"] for share in shares if share["carrier"]}


def segments(scene: Scene, host: str) -> Mapping[str, str]:
    """The segment of each link of a host: two ends of a wire, or the switch of a flat network."""
    found = {TUNNEL: TUNNEL}
    for other, port in network.ports(scene).items():
        up = network.uplink(scene, other)
        segment = flat.BRIDGE if scene.fabric == "flat" and up == VPC else f"{up}.{port}"
        if other == host:
            found[LINK] = segment
        elif up == host and segment != flat.BRIDGE:
            found[port] = segment
    return found


def _tables(scene: Scene, host: Host) -> dict[str, str]:
    """What the scene calls the tables that a kernel knows by number."""
    if host.name == VPC:
        return {str(number): name for name, number in network.tables(scene.spec).items()}
    if host.role == "node":
        peers = [node.name for node in scene.spec.nodes]
        return {str(mark_of(scene.spec, peer)): f"handover-{peer}" for peer in peers}
    return {}


def _host(lab: Lab, host: Host) -> RoutedHost:
    return read_host(
        host.name,
        host.role,
        enter=namespace.inside(lab.namespace(host.name), ()),
        segments=segments(lab.scene, host.name),
        tables=_tables(lab.scene, host),
    )
