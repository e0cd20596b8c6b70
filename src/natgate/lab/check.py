"""What must be true between the fields of a scene; every problem at once, with its path."""

from collections.abc import Iterator
from ipaddress import IPv4Address

from natgate.lab.network import GATEWAY
from natgate.lab.scene import LINK, VPC, Scene, subnet_of
from natgate.model import rules
from natgate.model.address import covers
from natgate.model.error import Problem
from natgate.model.steering import FrrSteering, LabSteering, VrrpSteering


def problems(scene: Scene) -> tuple[Problem, ...]:
    """Every contradiction in a scene and in its spec; empty means it can be built."""
    checks = (
        _names,
        _addresses,
        _clients,
        _resolver,
        _nodes,
        _routers,
        _targets,
        _routes,
        _steering,
    )
    inside = (
        Problem(path=f"spec.{problem.path}", message=problem.message)
        for problem in rules.problems(scene.spec)
    )
    return (*(problem for check in checks for problem in check(scene)), *inside)


def _names(scene: Scene) -> Iterator[Problem]:
    seen = {VPC: "the lab's own router"}
    for path, name in (
        *((f"spec.nodes[{i}].name", n.name) for i, n in enumerate(scene.spec.nodes)),
        *((f"clients[{i}].name", c.name) for i, c in enumerate(scene.clients)),
        *(("resolver.name", r.name) for r in (scene.resolver,) if r is not None),
        *((f"routers[{i}].name", r.name) for i, r in enumerate(scene.routers)),
        *((f"targets[{i}].name", t.name) for i, t in enumerate(scene.targets)),
    ):
        # Two nodes of one name are the spec's own problem.
        if name in seen and not path.startswith("spec.nodes"):
            yield Problem(path=path, message=f"name {name} is already taken by {seen[name]}")
        seen.setdefault(name, path)


def _addresses(scene: Scene) -> Iterator[Problem]:
    seen: dict[IPv4Address, str] = {}
    for n, node in enumerate(scene.spec.nodes):
        seen.setdefault(node.address, f"spec.nodes[{n}].address")
    for g, gateway in enumerate(scene.spec.gateways):
        for a, fixed in enumerate(gateway.addresses):
            seen.setdefault(fixed.address, f"spec.gateways[{g}].addresses[{a}].address")
    if isinstance(scene.spec.steering, VrrpSteering):
        for i, inside in enumerate(scene.spec.steering.inside):
            seen.setdefault(inside, f"spec.steering.inside[{i}]")
    for path, address in (
        *((f"clients[{i}].address", c.address) for i, c in enumerate(scene.clients)),
        *(
            (f"resolver.{field}", getattr(scene.resolver, field))
            for field in ("address", "endpoint")
            if scene.resolver is not None
        ),
        *((f"routers[{i}].address", r.address) for i, r in enumerate(scene.routers)),
        *((f"targets[{i}].address", t.address) for i, t in enumerate(scene.targets)),
    ):
        if address in seen:
            yield Problem(path=path, message=f"address {address} is already at {seen[address]}")
        seen.setdefault(address, path)


def _clients(scene: Scene) -> Iterator[Problem]:
    for index, client in enumerate(scene.clients):
        path = f"clients[{index}]"
        yield from _in_client_subnet(scene, client.subnet, client.address, path, "address")


def _in_client_subnet(
    scene: Scene, name: str, address: IPv4Address, path: str, field: str
) -> Iterator[Problem]:
    subnets = {s.name: s for s in scene.spec.network.subnets if s.kind == "client"}
    subnet = subnets.get(name)
    if subnet is None:
        known = ", ".join(subnets) or "none"
        message = f"{name} is not a client subnet of the spec ({known})"
        yield Problem(path=f"{path}.subnet", message=message)
    elif address not in subnet.cidr:
        message = f"{address} is not inside subnet {subnet.name} ({subnet.cidr})"
        yield Problem(path=f"{path}.{field}", message=message)


def _resolver(scene: Scene) -> Iterator[Problem]:
    resolver = scene.resolver
    if resolver is None:
        return
    if scene.fabric == "flat":
        message = "a flat fabric has no route table for its questions; leave it out"
        yield Problem(path="resolver", message=message)
    if not covers(scene.spec.network.ranges, resolver.address):
        ranges = ", ".join(map(str, scene.spec.network.ranges))
        message = f"{resolver.address} is not inside the network's ranges ({ranges})"
        yield Problem(path="resolver.address", message=message)
    yield from _in_client_subnet(scene, resolver.subnet, resolver.endpoint, "resolver", "endpoint")
    servers = {target.address: target for target in scene.targets if target.answers}
    zones: dict[str, int] = {}
    for index, forward in enumerate(resolver.forwards):
        path = f"resolver.forwards[{index}]"
        if zones.setdefault(forward.zone, index) != index:
            message = f"{forward.zone} is already at resolver.forwards[{zones[forward.zone]}]"
            yield Problem(path=f"{path}.zone", message=message)
        if forward.to not in servers:
            known = ", ".join(map(str, servers)) or "none"
            message = f"no target with answers is at {forward.to}; those that have some: {known}"
            yield Problem(path=f"{path}.to", message=message)


def _nodes(scene: Scene) -> Iterator[Problem]:
    client_tables = {s.table: s.name for s in scene.spec.network.subnets if s.kind == "client"}
    for index, node in enumerate(scene.spec.nodes):
        path = f"spec.nodes[{index}].address"
        subnet = subnet_of(scene, node.address)
        if subnet is None:
            message = f"{node.address} lies in no subnet of the spec, so the lab has no route table"
            yield Problem(path=path, message=f"{message} for it")
        elif subnet.table in client_tables:
            message = (
                f"its subnet {subnet.name} shares route table {subnet.table} with client subnet "
                f"{client_tables[subnet.table]}, so the node would route to itself"
            )
            yield Problem(path=path, message=message)


def _routers(scene: Scene) -> Iterator[Problem]:
    for index, router in enumerate(scene.routers):
        path = f"routers[{index}]"
        if router.address not in router.prefix:
            message = f"{router.address} is not inside its prefix {router.prefix}"
            yield Problem(path=f"{path}.address", message=message)
        for other in scene.routers[:index]:
            if other.prefix == router.prefix:
                message = f"{router.prefix} already lies behind router {other.name}"
                yield Problem(path=f"{path}.prefix", message=message)


def _targets(scene: Scene) -> Iterator[Problem]:
    routers = {router.name: router for router in scene.routers}
    for index, target in enumerate(scene.targets):
        path = f"targets[{index}]"
        router = routers.get(target.router)
        if router is None:
            known = ", ".join(routers) or "none"
            message = f"{target.router} is not one of the routers ({known})"
            yield Problem(path=f"{path}.router", message=message)
        elif target.address not in router.prefix:
            message = f"{target.address} is not inside {router.prefix}, behind router {router.name}"
            yield Problem(path=f"{path}.address", message=message)


def _routes(scene: Scene) -> Iterator[Problem]:
    tables = {subnet.table for subnet in scene.spec.network.subnets if subnet.kind != "address"}
    routers = {router.name for router in scene.routers}
    for index, route in enumerate(scene.routes):
        path = f"routes[{index}]"
        if scene.fabric == "flat":
            yield Problem(path=path, message="a flat fabric has no route tables; leave it out")
        if route.table not in tables:
            message = (
                f"{route.table} is not a route table of the spec ({', '.join(sorted(tables))})"
            )
            yield Problem(path=f"{path}.table", message=message)
        if route.router not in routers:
            message = f"{route.router} is not one of the routers ({', '.join(routers) or 'none'})"
            yield Problem(path=f"{path}.router", message=message)


def _steering(scene: Scene) -> Iterator[Problem]:
    if scene.fabric == "flat":
        if not isinstance(scene.spec.steering, VrrpSteering):
            message = "a flat fabric has no routes to move; use kind vrrp, or fabric: cloud"
            yield Problem(path="spec.steering", message=message)
        elif (scene.spec.steering.interface, scene.spec.steering.outer_interface) != (LINK, LINK):
            message = f"a host of the lab has one link, {LINK}"
            yield Problem(path="spec.steering.interface", message=message)
    elif isinstance(scene.spec.steering, FrrSteering):
        if [str(router) for router in scene.spec.steering.routers] != [GATEWAY]:
            message = f"a lab's only router is {GATEWAY}; write routers: [{GATEWAY}]"
            yield Problem(path="spec.steering.routers", message=message)
    elif not isinstance(scene.spec.steering, LabSteering):
        message = "a lab moves its own routes; write {kind: lab} or {kind: frr}"
        yield Problem(path="spec.steering", message=message)
