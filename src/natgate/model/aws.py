"""What must be true of a spec whose routes are those of an AWS VPC.

AWS takes few destinations for a route to a network interface (VPC user guide, collected in
research/aws.md, section 1.1): in an edge table a whole subnet or the whole VPC, in a subnet's table
anything outside the VPC, or inside it a whole subnet. No call is made before this holds.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from natgate.model.error import Problem
from natgate.model.gateway import Gateway
from natgate.model.routes import Route, wanted_routes
from natgate.model.share import Share, all_shares, handed_routes
from natgate.model.spec import Spec, Subnet
from natgate.model.steering import AwsSteering

_ZONE = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}[a-z]")
"""The name of an availability zone."""


def aws_problems(spec: Spec) -> Iterator[Problem]:
    """Every contradiction that steering of kind aws brings; none for another kind."""
    steering = spec.steering
    if isinstance(steering, AwsSteering):
        yield from _zones(spec, steering)
        yield from _tables(spec, steering)
        yield from _elastic(spec, steering)
        yield from _destinations(spec)
        yield from _node_subnets(spec)
        yield from _handover(spec)


def held_by_nodes(spec: Spec, gateway: Gateway, address: IPv4Address) -> bool:
    """Whether a fixed address can lie on the nodes' own interfaces.

    That is so on AWS, if it lies in the one subnet in which all nodes of its gateway stand.
    """
    subnet = _subnet_of(spec, address)
    if not isinstance(spec.steering, AwsSteering) or subnet is None or subnet.kind != "node":
        return False
    known = {node.name: node.address for node in spec.nodes}
    nodes = [known[name] for name in spec.nodes_of(gateway) if name in known]
    return all(node in subnet.cidr for node in nodes)


def is_held(spec: Spec, route: Route) -> bool:
    """Whether a route of a gateway stands for an address that lies on a node's own interface."""
    subnet = _subnet_of(spec, route.destination.network_address)
    return route.destination.prefixlen == route.destination.max_prefixlen and (
        subnet is not None and subnet.kind == "node"
    )


def in_tables(spec: Spec) -> tuple[Share, ...]:
    """The shares that live in route tables, which a referee moves as well.

    The first route says who is active, so a share whose first is an address on the nodes' own
    interfaces is left to the nodes.
    """
    return tuple(
        share for share in all_shares(spec) if share.routes and not is_held(spec, share.routes[0])
    )


def _subnet_of(spec: Spec, address: IPv4Address) -> Subnet | None:
    return next((s for s in spec.network.subnets if address in s.cidr), None)


def _zones(spec: Spec, steering: AwsSteering) -> Iterator[Problem]:
    for index, zone in enumerate(spec.network.zones):
        name = steering.availability_zone(zone)
        if not _ZONE.fullmatch(name):
            message = (
                f"zone {zone} is no availability zone of {steering.region}; call it by its letter, "
                f"or in full, such as {steering.region}a"
            )
            yield Problem(path=f"network.zones[{index}]", message=message)


def _tables(spec: Spec, steering: AwsSteering) -> Iterator[Problem]:
    known = {spec.network.edge_table, *(s.table for s in spec.network.subnets)}
    ids: dict[str, str] = {}
    for name, number in steering.tables.items():
        path = f"steering.tables.{name}"
        if name not in known:
            tables = ", ".join(sorted(known))
            yield Problem(path=path, message=f"{name} is no route table of this spec ({tables})")
        if ids.setdefault(number, name) != name:
            message = f"{number} is {ids[number]} already; each name is a table of its own"
            yield Problem(path=path, message=message)


def _elastic(spec: Spec, steering: AwsSteering) -> Iterator[Problem]:
    held = {
        fixed.address
        for gateway in spec.gateways
        for fixed in gateway.addresses
        if held_by_nodes(spec, gateway, fixed.address)
    }
    taken: dict[IPv4Address, IPv4Address] = {}
    for elastic, address in steering.elastic.items():
        path = f"steering.elastic.{elastic}"
        if address not in held:
            message = (
                f"{address} is no gateway's address inside the subnet of all its nodes, and AWS "
                "leads an elastic address to an interface that has its private address only"
            )
            yield Problem(path=path, message=message)
        if taken.setdefault(address, elastic) != elastic:
            message = f"{taken[address]} stands for {address} already; AWS has one for each"
            yield Problem(path=path, message=message)


def _destinations(spec: Spec) -> Iterator[Problem]:
    for g, gateway in enumerate(spec.gateways):
        for route in wanted_routes(spec, gateway):
            reason = _refused(spec, route)
            if reason is not None:
                part = "addresses" if route.table == spec.network.edge_table else "snat"
                yield Problem(path=f"gateways[{g}].{part}", message=reason)


def _refused(spec: Spec, route: Route) -> str | None:
    """Why AWS would not take a route to a network interface; None if it would."""
    destination, ranges = route.destination, spec.network.ranges
    subnets = {subnet.cidr for subnet in spec.network.subnets}
    if destination in subnets or is_held(spec, route):
        return None
    if route.table == spec.network.edge_table:
        if destination in ranges:
            return None
        return _refused_at_edge(destination, ranges)
    if destination in ranges:
        return (
            f"AWS keeps {destination} local in a subnet's route table, since it is the VPC itself"
        )
    if any(destination.subnet_of(each) for each in ranges):
        return (
            f"AWS refuses {route}: inside the VPC the destination of a route must be a whole subnet"
        )
    return None


def _refused_at_edge(destination: IPv4Network, ranges: tuple[IPv4Network, ...]) -> str:
    if any(destination.subnet_of(each) for each in ranges):
        return (
            f"AWS refuses {destination} in an edge table (\"Route destination doesn't match any "
            'subnet CIDR blocks"): a floating address needs a subnet of its own, of kind address'
        )
    vpc = ", ".join(map(str, ranges))
    return (
        f"AWS refuses {destination} in an edge table: it is outside the VPC ({vpc}); take an address "
        "in a subnet of its own inside it, or lead it through a transit gateway by other means"
    )


def _node_subnets(spec: Spec) -> Iterator[Problem]:
    """A route to an interface in the table of that interface's own subnet would be a loop."""
    tables = {s.table: s.name for s in spec.network.subnets if s.kind == "node"}
    for index, subnet in enumerate(spec.network.subnets):
        if subnet.kind == "client" and subnet.table in tables:
            message = (
                f"{subnet.table} is also the table of node subnet {tables[subnet.table]}, whose "
                "traffic would be led to the node again; give the nodes a table of their own"
            )
            yield Problem(path=f"network.subnets[{index}].route_table", message=message)


def _handover(spec: Spec) -> Iterator[Problem]:
    """Inside a VPC no route leads to a single address, by which one node could hand over to the other."""
    handed = [route for node in spec.nodes for route, _ in handed_routes(spec, node.name)]
    held = next((route for route in handed if is_held(spec, route)), None)
    if held is not None:
        message = f"AWS refuses {held}, by which nodes would hand over; take the carrier vxlan"
        yield Problem(path="handover.carrier", message=message)
