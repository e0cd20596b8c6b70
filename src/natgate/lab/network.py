"""A scene as lines of `ip`: pure, one list for each namespace.

Each host has one link to the VPC router and a /32 address, so that every packet passes the
router's tables, as in a cloud (research/ha-prototype.md, section 2). A port of the router looks
only into the table of its host's subnet, then, unless a node is there, for routes learned by BGP;
what these do not know is unreachable. In a flat fabric (`lab.flat`) a switch stands in its place.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from natgate.lab import flat, vpc
from natgate.lab.scene import VPC, Router, Scene, hosts, subnet_of
from natgate.model.spec import Spec
from natgate.model.steering import FrrSteering, LabSteering, Steering

GATEWAY = "169.254.0.1"
"""The VPC router's address on every port."""

FIRST_TABLE = 1001
LOOKUP_PREF = 1001
LEARNED_PREF = 1051
UNREACHABLE_PREF = 1101
API_TABLE = 990
"""The table of the host that is a cloud's API."""

ROUTER_SYSCTLS = {
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.default.rp_filter": 0,
    "net.ipv4.conf.all.send_redirects": 0,
    "net.ipv4.conf.default.send_redirects": 0,
    "net.ipv4.ip_forward": 1,
}
"""Set before the links are made, which take over the defaults; packets hairpin on their ports."""


def namespace(lab: str, host: str) -> str:
    """The namespace of a host."""
    return f"ng.{lab}.{host}"


def tables(spec: Spec) -> dict[str, int]:
    """The kernel table of each route table: the edge table first, then in the spec's order."""
    names = [spec.network.edge_table]
    names += [subnet.table for subnet in spec.network.subnets if subnet.kind != "address"]
    return {name: FIRST_TABLE + index for index, name in enumerate(dict.fromkeys(names))}


def with_steering(
    spec: Spec, lab: str, key_env: str, vty_dir: str, cloud: vpc.Cloud = "lab"
) -> Spec:
    """The spec as the agents get it: with the lab's own router, tables and heartbeat key."""
    steering: Steering = spec.steering
    if cloud == "aws":
        steering = vpc.steering()
    elif isinstance(steering, LabSteering):
        steering = LabSteering(kind="lab", router=namespace(lab, VPC), tables=tables(spec))
    elif isinstance(steering, FrrSteering):
        steering = steering.model_copy(update={"vty_dir": vty_dir})
    heartbeat = spec.heartbeat.model_copy(update={"key_file": None, "key_env": key_env})
    return spec.model_copy(update={"steering": steering, "heartbeat": heartbeat})


def ports(scene: Scene) -> dict[str, str]:
    """The far end of each host's eth0: its name in the VPC router, or in a target's router."""
    return {host.name: f"p{index}" for index, host in enumerate(hosts(scene)) if host.name != VPC}


def uplink(scene: Scene, host: str) -> str:
    """The host at the far end of a host's eth0."""
    return next((target.router for target in scene.targets if target.name == host), VPC)


def wiring(scene: Scene, lab: str, cloud: vpc.Cloud = "lab") -> dict[str, list[str]]:
    """The links, by the namespace that makes them."""
    lines: dict[str, list[str]] = {}
    for host, port in ports(scene).items():
        near, far = namespace(lab, uplink(scene, host)), namespace(lab, host)
        lines.setdefault(near, []).append(
            f"link add {port} type veth peer name eth0 netns {far}",
        )
    if cloud == "aws":
        lines[namespace(lab, VPC)].append(vpc.wiring(namespace(lab, vpc.HOST)))
    return lines


def setup(
    scene: Scene, host: str, cloud: vpc.Cloud = "lab", address: str | None = None
) -> list[str]:
    """What a host needs once its links exist; running it again repairs and changes nothing else.

    `address` is its own one, if it is another than the scene's.
    """
    if host == VPC:
        return list(_segment(scene) if scene.fabric == "flat" else _vpc(scene, cloud))
    if host == vpc.HOST and cloud == "aws":
        return vpc.host_setup(GATEWAY)
    addresses = next(h.addresses for h in hosts(scene) if h.name == host)
    if address is not None:
        addresses = (address,)
    routers = {router.name: router for router in scene.routers}
    target = next((t for t in scene.targets if t.name == host), None)
    gateway = str(routers[target.router].address) if target else GATEWAY
    on_segment = scene.fabric == "flat" and target is None
    return [
        "link set lo up",
        *(f"address replace {each}/32 dev eth0" for each in (*addresses, *_sync(scene, host))),
        "link set eth0 up",
        *(
            flat.routes(scene, host)
            if on_segment
            else [f"route replace default via {gateway} dev eth0 onlink"]
        ),
        *(_behind(scene, routers[host]) if host in routers else ()),
    ]


def _segment(scene: Scene) -> Iterator[str]:
    return flat.switch(port for host, port in ports(scene).items() if uplink(scene, host) == VPC)


def _sync(scene: Scene, host: str) -> tuple[str, ...]:
    """A node's dedicated address for flow replication, if it has one."""
    found = (n.sync_address for n in scene.spec.nodes if n.name == host)
    return tuple(str(address) for address in found if address is not None)


def _behind(scene: Scene, router: Router) -> Iterator[str]:
    """A router's side of its targets; the rest of its prefix must not bounce back to the VPC."""
    port = ports(scene)
    yield f"route replace blackhole {router.prefix}"
    for target in scene.targets:
        if target.router == router.name:
            yield f"link set {port[target.name]} up"
            yield f"route replace {target.address}/32 dev {port[target.name]}"


def standing_routes(scene: Scene) -> Iterator[tuple[str, IPv4Network, str]]:
    """The routes to routers that stand in tables before natgate comes: table, destination, router."""
    for name in dict.fromkeys(s.table for s in scene.spec.network.subnets if s.kind == "node"):
        for router in scene.routers:
            yield name, router.prefix, router.name
    for other in scene.routes:
        yield other.table, other.destination, other.router


def _vpc(scene: Scene, cloud: vpc.Cloud) -> Iterator[str]:
    port, number = ports(scene), tables(scene.spec)
    yield "link set lo up"
    for host, name in _attached(scene).items():
        yield f"address add {GATEWAY}/32 dev {port[host]}"
        yield f"link set {port[host]} up"
        yield f"rule add pref {LOOKUP_PREF} iif {port[host]} lookup {number[name]}"
        yield f"rule add pref {UNREACHABLE_PREF} iif {port[host]} unreachable"
    if scene.spec.steering.kind == "frr":
        yield from _vpc_with_bgp(scene)
    for table in number.values():
        for host, address in _served(scene):
            yield f"route add {address}/32 dev {port[host]} table {table}"
    if cloud == "aws":
        nodes = (s.table for s in scene.spec.network.subnets if s.kind == "node")
        own = tuple(number[name] for name in dict.fromkeys(nodes))
        yield from vpc.router_setup(GATEWAY, API_TABLE, own)
        return
    for table in number.values():
        for node in scene.spec.nodes:
            for address in dict.fromkeys((node.address, node.sync)):
                yield f"route add {address}/32 dev {port[node.name]} table {table}"
    addresses = {router.name: router.address for router in scene.routers}
    for name, destination, router in standing_routes(scene):
        via = f"via {addresses[router]} dev {port[router]} onlink"
        yield f"route add {destination} {via} table {number[name]}"


def _served(scene: Scene) -> Iterator[tuple[str, IPv4Address]]:
    """Clients and resolver with each of their addresses: all tables of a network know them."""
    for client in scene.clients:
        yield client.name, client.address
    if scene.resolver is not None:
        yield scene.resolver.name, scene.resolver.address
        yield scene.resolver.name, scene.resolver.endpoint


def _vpc_with_bgp(scene: Scene) -> Iterator[str]:
    """The router itself reaches the nodes, and what it learns from them is for all other ports."""
    port, nodes = ports(scene), {node.name: node.address for node in scene.spec.nodes}
    for name, address in nodes.items():
        yield f"route add {address}/32 dev {port[name]} src {GATEWAY}"
    for host in _attached(scene):
        if host not in nodes:
            yield f"rule add pref {LEARNED_PREF} iif {port[host]} lookup main"


def _attached(scene: Scene) -> dict[str, str]:
    """The hosts at the VPC router, each with the name of its route table."""
    subnets = {subnet.name: subnet.table for subnet in scene.spec.network.subnets}
    node_tables = {n.name: subnet_of(scene, n.address) for n in scene.spec.nodes}
    return {
        **{client.name: subnets[client.subnet] for client in scene.clients},
        **{r.name: subnets[r.subnet] for r in (scene.resolver,) if r is not None},
        **{name: subnet.table for name, subnet in node_tables.items() if subnet},
        **{router.name: scene.spec.network.edge_table for router in scene.routers},
    }
