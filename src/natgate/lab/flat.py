"""A flat fabric as lines of `ip`: one segment, on which hosts find each other by ARP.

Hosts have /32 addresses here as well, and a route to the network's ranges over their link, so that
no address that moves brings a route of its own.
"""

from collections.abc import Iterable, Iterator

from natgate.lab.scene import LINK, Scene
from natgate.model.steering import VrrpSteering

BRIDGE = "segment"


def switch(ports: Iterable[str]) -> Iterator[str]:
    """The switch: all its ports are in one bridge, which has no address."""
    yield "link set lo up"
    yield f"link add {BRIDGE} type bridge"
    yield f"link set {BRIDGE} up"
    for port in ports:
        yield f"link set {port} master {BRIDGE} up"


def routes(scene: Scene, host: str) -> Iterator[str]:
    """The routes of a host on the segment.

    Clients leave by the address that the nodes move; nodes and routers reach each prefix through
    its router. There is no other way out.
    """
    for prefix in scene.spec.network.ranges:
        yield f"route replace {prefix} dev {LINK}"
    if host in {client.name for client in scene.clients}:
        steering = scene.spec.steering
        if isinstance(steering, VrrpSteering):
            yield f"route replace default via {steering.inside[0]} dev {LINK} onlink"
        return
    for router in scene.routers:
        if router.name != host:
            yield f"route replace {router.prefix} via {router.address} dev {LINK} onlink"
