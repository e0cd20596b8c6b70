"""What must be true between the fields of a spec; every problem at once, with its path.

The reasons about routes are those of clouds: a route to a node can only be made for a prefix
that is a whole subnet (source 000, point 2), so a fixed address needs a subnet of its own.
"""

from collections import defaultdict
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

from natgate.model.address import FIRST_PORT, LAST_PORT, collapse, covers
from natgate.model.aws import aws_problems, held_by_nodes
from natgate.model.bgp import bgp_problems
from natgate.model.entries import entry_problems
from natgate.model.error import Problem, twice
from natgate.model.exposition import exposition_problem
from natgate.model.gateway import Gateway, Health
from natgate.model.portblocks import block_problems
from natgate.model.quota import quota_problems
from natgate.model.replication import replication_problems
from natgate.model.routes import wanted_routes, ways_of
from natgate.model.share import shares_of
from natgate.model.spec import Spec, Subnet
from natgate.model.steering import EtcdFence, LabSteering, WitnessFence
from natgate.model.vrrp import vrrp_problems

MIN_SUBNET_PREFIX = 28
"""The smallest subnet that AWS makes (source 000 uses 10.10.0.80/28)."""

PASSWORD_TIME = 0.3
"""What etcd may need to check a password, which is made to take long (bcrypt): 80 ms if idle."""

MAX_GATEWAYS = 190
"""Probes use 256 ICMP ids for each gateway, from 16384 on."""

MAX_CHECKED = FIRST_PORT - 1
"""Addresses that are checked: each has an ICMP id, and translated echoes have those above."""


def problems(spec: Spec) -> tuple[Problem, ...]:
    """Every contradiction in a spec; empty means it can be compiled."""
    checks = (
        _names,
        _subnets,
        _nodes,
        _addresses,
        _gateways,
        quota_problems,
        entry_problems,
        block_problems,
        _routes,
        _ways,
        _timing,
        _fence,
        _metrics,
        replication_problems,
        vrrp_problems,
        bgp_problems,
        aws_problems,
    )
    found = tuple(problem for check in checks for problem in check(spec))
    # Shares can be told only of a spec whose names and zones are right.
    return found or tuple(_shares(spec))


def _metrics(spec: Spec) -> Iterator[Problem]:
    problem = exposition_problem(spec.metrics)
    if problem is not None:
        yield Problem(path="metrics.listen", message=problem)


def _names(spec: Spec) -> Iterator[Problem]:
    network = spec.network
    yield from twice("network.zones[{}]", "zone", network.zones)
    yield from twice("network.subnets[{}].name", "name", (s.name for s in network.subnets))
    yield from twice("nodes[{}].name", "name", (n.name for n in spec.nodes))
    yield from twice("nodes[{}].address", "address", (n.address for n in spec.nodes))
    yield from twice("gateways[{}].name", "name", (g.name for g in spec.gateways))
    for g, gateway in enumerate(spec.gateways):
        yield from twice(f"gateways[{g}].nodes[{{}}]", "node", gateway.nodes)


def _subnets(spec: Spec) -> Iterator[Problem]:
    network = spec.network
    for index, prefix in enumerate(network.ranges):
        if prefix.prefixlen == 0:
            message = (
                f"{prefix} is everything, and nothing would be outside; name the network's own"
            )
            yield Problem(path=f"network.ranges[{index}]", message=message)
    for index, subnet in enumerate(network.subnets):
        path = f"network.subnets[{index}]"
        if not covers(collapse(network.ranges), subnet.cidr):
            ranges = ", ".join(map(str, network.ranges))
            message = f"{subnet.cidr} is not inside network.ranges ({ranges})"
            yield Problem(path=f"{path}.cidr", message=message)
        if subnet.zone is None and subnet.kind != "address":
            message = f"a {subnet.kind} subnet lies in a zone; name one of network.zones"
            yield Problem(path=f"{path}.zone", message=message)
        if subnet.zone is not None and subnet.zone not in network.zones:
            yield Problem(
                path=f"{path}.zone", message=f"zone {subnet.zone} is not in network.zones"
            )
        if subnet.table == network.edge_table:
            message = f"{subnet.table} is network.edge_table, which only returning traffic uses"
            yield Problem(path=f"{path}.route_table", message=message)
    for (i, one), (j, other) in combinations(enumerate(network.subnets), 2):
        if one.cidr.overlaps(other.cidr):
            message = f"{other.cidr} overlaps {one.cidr} of network.subnets[{i}] ({one.name})"
            yield Problem(path=f"network.subnets[{j}].cidr", message=message)


def _subnet_of(spec: Spec, address: IPv4Address) -> Subnet | None:
    return next((s for s in spec.network.subnets if address in s.cidr), None)


def _nodes(spec: Spec) -> Iterator[Problem]:
    for index, node in enumerate(spec.nodes):
        path = f"nodes[{index}]"
        if node.zone not in spec.network.zones:
            yield Problem(path=f"{path}.zone", message=f"zone {node.zone} is not in network.zones")
        subnet = _subnet_of(spec, node.address)
        if subnet is None:
            if covers(spec.network.ranges, node.address):
                message = f"{node.address} lies in no subnet; add a subnet of kind node for it"
                yield Problem(path=f"{path}.address", message=message)
        elif subnet.kind != "node":
            message = (
                f"{node.address} lies in {subnet.kind} subnet {subnet.name}; give nodes a subnet of "
                "kind node, since a node's own probes must leave with its own address"
            )
            yield Problem(path=f"{path}.address", message=message)
        elif subnet.zone != node.zone and node.zone in spec.network.zones:
            message = f"zone {node.zone}, but {node.address} lies in a subnet of zone {subnet.zone}"
            yield Problem(path=f"{path}.zone", message=message)


def _addresses(spec: Spec) -> Iterator[Problem]:
    seen: dict[IPv4Address, str] = {}
    owner: dict[str, str] = {}
    for g, gateway in enumerate(spec.gateways):
        for a, fixed in enumerate(gateway.addresses):
            path = f"gateways[{g}].addresses[{a}].address"
            if fixed.address in seen:
                message = f"{fixed.address} is already at {seen[fixed.address]}"
                yield Problem(path=path, message=message)
            seen.setdefault(fixed.address, path)
            if not held_by_nodes(spec, gateway, fixed.address):
                yield from _place_of_address(spec, fixed.address, path)
            subnet = _subnet_of(spec, fixed.address)
            if subnet is None or subnet.kind != "address":
                continue
            if owner.setdefault(subnet.name, gateway.name) != gateway.name:
                message = (
                    f"subnet {subnet.name} already holds addresses of gateway {owner[subnet.name]}; "
                    "each gateway needs an address subnet of its own, since it is routed as a whole"
                )
                yield Problem(path=path, message=message)


def _place_of_address(spec: Spec, address: IPv4Address, path: str) -> Iterator[Problem]:
    """Where a fixed address may lie, and why a cloud refuses the other places."""
    network = spec.network
    subnet = _subnet_of(spec, address)
    if subnet is not None and subnet.kind != "address":
        yield Problem(
            path=path,
            message=f"{address} lies in {subnet.kind} subnet {subnet.name} ({subnet.cidr}); a cloud "
            "refuses a route for part of a subnet (its destination must match a whole subnet), and "
            "one for the whole would take its hosts along: give it a subnet of kind address",
        )
    elif subnet is None and covers(network.ranges, address):
        yield Problem(
            path=path,
            message=f"{address} lies in no subnet; inside network.ranges a cloud refuses a route "
            "whose destination matches no subnet (\"Route destination doesn't match any subnet CIDR "
            f'blocks"): add a subnet of kind address, at most /{MIN_SUBNET_PREFIX} on AWS',
        )
    elif subnet is None and not covers(network.address_ranges, address):
        allowed = ", ".join(map(str, network.ranges + network.address_ranges))
        message = (
            f"{address} is outside every allowed range ({allowed}); take one inside, or add its "
            "prefix to network.address_ranges"
        )
        yield Problem(path=path, message=message)


def _gateways(spec: Spec) -> Iterator[Problem]:
    if len(spec.gateways) > MAX_GATEWAYS:
        message = f"at most {MAX_GATEWAYS} gateways: each needs ICMP ids for probes of its upstream"
        yield Problem(path="gateways", message=message)
    known = {node.name for node in spec.nodes}
    for g, gateway in enumerate(spec.gateways):
        for n, name in enumerate(gateway.nodes):
            if name not in known:
                nodes = ", ".join(sorted(known))
                message = f"node {name} is not in nodes ({nodes})"
                yield Problem(path=f"gateways[{g}].nodes[{n}]", message=message)


def _routes(spec: Spec) -> Iterator[Problem]:
    """One route has one target: two gateways may not need the same one."""
    claims: dict[tuple[str, IPv4Network], set[str]] = defaultdict(set)
    for g, gateway in enumerate(spec.gateways):
        for route in wanted_routes(spec, gateway):
            owners = claims[route.table, route.destination]
            owners.add(gateway.name)
            others = owners - {gateway.name}
            if others and route.table != spec.network.edge_table:
                message = (
                    f"route table {route.table} needs {route.destination} for gateway "
                    f"{min(others)} already, and a route has one target: put both entries into "
                    "one gateway, or give the subnets route tables of their own"
                )
                yield Problem(path=f"gateways[{g}].snat", message=message)


def _ways(spec: Spec) -> Iterator[Problem]:
    """Routes choose a gateway by destination only, rules by source first: they must agree.

    Where one gateway's destination lies inside another's, the route leads every host of the table
    to the first, so it must be the one that translates them: by the same sources, since a longer
    mask would win over the closer destination.
    """
    claims = _claims(spec)
    lengths = {destination.prefixlen for _, destination in claims}
    for (table, inner), claimants in claims.items():
        for length in sorted(length for length in lengths if length < inner.prefixlen):
            outer = inner.supernet(new_prefix=length)
            for wide, sources in claims.get((table, outer), {}).items():
                for narrow, reached in claimants.items():
                    if wide == narrow or sources <= reached:
                        continue
                    one, two = spec.gateways[narrow].name, spec.gateways[wide].name
                    message = (
                        f"route table {table} leads {inner} to gateway {one}, and hosts that "
                        f"gateway {two} translates for {outer} would go there too: give both the "
                        "same sources, or put the entries into one gateway"
                    )
                    yield Problem(path=f"gateways[{narrow}].snat", message=message)


def _shares(spec: Spec) -> Iterator[Problem]:
    """An active-active gateway needs a route for each node, and a carrier that fits the nodes."""
    for g, gateway in enumerate(spec.gateways):
        if gateway.mode == "active-standby":
            continue
        path = f"gateways[{g}]"
        nodes = spec.nodes_of(gateway)
        if len(nodes) == 1:
            message = "active-active needs two nodes or more; use mode active-standby"
            yield Problem(path=f"{path}.mode", message=message)
        if not isinstance(spec.steering, LabSteering):
            message = (
                "active-active needs a steering that leads each zone's route table to a node of "
                f"its own, which {spec.steering.kind} does not; use mode active-standby"
            )
            yield Problem(path=f"{path}.mode", message=message)
        for share in shares_of(spec, gateway):
            if not share.routes:
                zone = spec.node(share.home).zone
                message = (
                    f"node {share.home} would carry nothing: no entry translates a client subnet "
                    f"of zone {zone} that another node does not carry; leave the node out of "
                    "gateways[].nodes, or use mode active-standby"
                )
                yield Problem(path=f"{path}.mode", message=message)
        if spec.handover.carrier == "route":
            yield from _route_carrier(spec, gateway, nodes, path)


def _route_carrier(
    spec: Spec, gateway: Gateway, nodes: tuple[str, ...], path: str
) -> Iterator[Problem]:
    way_out = "use handover.carrier vxlan"
    if len(nodes) > 2:  # noqa: PLR2004 (one table can lead to one other node)
        message = f"a route leads to one other node, and there are {len(nodes)}: {way_out}"
        yield Problem(path=f"{path}.mode", message=message)
    tables = [getattr(_subnet_of(spec, spec.node(n).address), "table", None) for n in nodes]
    if None in tables or len(set(tables)) < len(tables):
        message = (
            "handover.carrier route needs a node subnet with a route table of its own for each "
            f"node of {gateway.name}; give them one, or {way_out}"
        )
        yield Problem(path=f"{path}.mode", message=message)


def _claims(spec: Spec) -> dict[tuple[str, IPv4Network], dict[int, set[IPv4Network]]]:
    """For each table and destination the gateways that need the route, and whom they translate."""
    claims: dict[tuple[str, IPv4Network], dict[int, set[IPv4Network]]] = {}
    clients = [subnet for subnet in spec.network.subnets if subnet.kind == "client"]
    for g, gateway in enumerate(spec.gateways):
        for prefixes, destinations in ways_of(spec, gateway):
            for subnet in clients:
                sources = {source for source in prefixes if source.overlaps(subnet.cidr)}
                for destination in destinations if sources else ():
                    claimants = claims.setdefault((subnet.table, destination), {})
                    claimants.setdefault(g, set()).update(sources)
    return claims


def _timing(spec: Spec) -> Iterator[Problem]:
    heartbeat = spec.heartbeat
    if heartbeat.timeout < 2 * heartbeat.interval:
        message = "must be at least twice heartbeat.interval, or one late packet is a suspicion"
        yield Problem(path="heartbeat.timeout", message=message)
    if heartbeat.reflection_port > LAST_PORT:
        yield Problem(
            path="heartbeat.port", message="the next two ports are used as well; take a lower one"
        )
    if heartbeat.key_file and heartbeat.key_env:
        message = "give key_file or heartbeat.key_env, not both"
        yield Problem(path="heartbeat.key_file", message=message)
    lab = isinstance(spec.steering, LabSteering)
    if len(spec.nodes) > 1 and not (heartbeat.key_file or heartbeat.key_env or lab):
        message = "several nodes need a shared key: set key_file or key_env"
        yield Problem(path="heartbeat", message=message)
    checked = 0
    for g, gateway in enumerate(spec.gateways):
        yield from _check_timing(gateway.health, f"gateways[{g}].health")
        checked += len(gateway.addresses) if gateway.health.addresses else 0
        if checked > MAX_CHECKED:
            message = f"no more than {MAX_CHECKED} addresses can be checked; leave it out here"
            yield Problem(path=f"gateways[{g}].health.addresses", message=message)


def _check_timing(health: Health, path: str) -> Iterator[Problem]:
    for c, check in enumerate(health.upstream):
        if check.kind == "icmp" and check.timeout < 2 * check.interval:
            message = "must be at least twice its interval, or one lost echo is a failure"
            yield Problem(path=f"{path}.upstream[{c}].timeout", message=message)
    each = health.addresses
    if each is not None and each.timeout < 2 * each.interval:
        message = "must be at least twice its interval, or one lost echo is a failure"
        yield Problem(path=f"{path}.addresses.timeout", message=message)


def _fence(spec: Spec) -> Iterator[Problem]:
    fence = spec.fence
    if isinstance(fence, EtcdFence):
        yield from twice("fence.endpoints[{}]", "endpoint", fence.endpoints)
        yield from _endpoints(fence)
        yield from _credentials(fence)
    elif isinstance(fence, WitnessFence):
        heartbeat, lab = spec.heartbeat, isinstance(spec.steering, LabSteering)
        if not (heartbeat.key_file or heartbeat.key_env or lab):
            message = "a witness believes only the shared key: set key_file or key_env"
            yield Problem(path="heartbeat", message=message)
        for index, node in enumerate(spec.nodes):
            if node.address == fence.address:
                message = (
                    f"{fence.address} is the address of nodes[{index}] ({node.name}), which would "
                    "be alone with its own decision; run the witness on a third machine"
                )
                yield Problem(path="fence.address", message=message)


def _endpoints(fence: EtcdFence) -> Iterator[Problem]:
    for index, endpoint in enumerate(fence.endpoints):
        path = f"fence.endpoints[{index}]"
        scheme, _, rest = endpoint.partition("://")
        host, _, port = rest.rpartition(":")
        if not 1 <= int(port) <= LAST_PORT:
            yield Problem(path=path, message=f"port {port} does not exist; etcd's own is 2379")
        if scheme == "https" or fence.insecure or _is_loopback(host):
            continue
        message = (
            f"{endpoint} is not protected, and whoever is on the way can make claims: use https, "
            "or say insecure: true"
        )
        yield Problem(path=path, message=message)


def _is_loopback(host: str) -> bool:
    try:
        return IPv4Address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _credentials(fence: EtcdFence) -> Iterator[Problem]:
    for one, other in (("cert_file", "key_file"), ("user", "password_env")):
        for given, missing in ((one, other), (other, one)):
            if getattr(fence, given) and not getattr(fence, missing):
                message = f"without fence.{missing} it is of no use: give both, or neither"
                yield Problem(path=f"fence.{given}", message=message)
    schemes = {endpoint.partition("://")[0] for endpoint in fence.endpoints}
    if len(schemes) > 1:
        message = "some are https and some http; make all of them https"
        yield Problem(path="fence.endpoints", message=message)
    elif schemes == {"https"} and not fence.ca_file:
        message = "missing; https is worth something only if it says who vouches for the members"
        yield Problem(path="fence.ca_file", message=message)
    elif schemes == {"http"}:
        for name in ("ca_file", "cert_file"):
            if getattr(fence, name):
                message = "is not used, since all endpoints are http: make them https, or remove it"
                yield Problem(path=f"fence.{name}", message=message)
    if fence.user and fence.timeout < PASSWORD_TIME:
        message = (
            "etcd takes its time to check a password: allow 300ms or more, or give the rights to "
            "a certificate (cert_file and key_file)"
        )
        yield Problem(path="fence.timeout", message=message)
