"""What one node carries of a gateway: its share.

An active-standby gateway is one share: all routes and all ports. An active-active gateway has one
share for each of its nodes: the routes of the node's own zone and a block of ports. The first share
also has the edge routes, so whoever carries it receives what returns.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from natgate.model.address import FIRST_PORT, LAST_PORT, PORTS
from natgate.model.gateway import Gateway
from natgate.model.routes import Route, wanted_routes
from natgate.model.spec import Spec


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Block:
    """A range of ports (and echo ids), both ends included, of every address of a gateway."""

    first: int
    last: int

    def __str__(self) -> str:
        """As nft reads it."""
        return f"{self.first}-{self.last}"

    def __len__(self) -> int:
        """How many ports."""
        return self.last - self.first + 1

    def __contains__(self, port: int) -> bool:
        """Whether a port lies in the block."""
        return self.first <= port <= self.last


EVERY_PORT = Block(first=FIRST_PORT, last=LAST_PORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One share: `nodes` may carry it, its home first; the first route tells who does."""

    name: str
    gateway: str
    nodes: tuple[str, ...]
    routes: tuple[Route, ...]
    block: Block

    @property
    def home(self) -> str:
        """The node that carries it when all is well."""
        return self.nodes[0]


def divide(count: int) -> tuple[Block, ...]:
    """The ports of an address in `count` blocks of one size; the last one takes what is left over."""
    size = PORTS // count
    firsts = [FIRST_PORT + size * index for index in range(count)]
    lasts = [first - 1 for first in firsts[1:]] + [LAST_PORT]
    return tuple(Block(first=f, last=last) for f, last in zip(firsts, lasts, strict=True))


def joined(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """The blocks in order, those that touch each other made one."""
    found: list[Block] = []
    for block in sorted(blocks):
        if found and found[-1].last + 1 == block.first:
            found[-1] = Block(first=found[-1].first, last=block.last)
        else:
            found.append(block)
    return tuple(found)


def without(blocks: Iterable[Block], holes: Iterable[Block]) -> tuple[Block, ...]:
    """The ports of `blocks` that lie in none of `holes`."""
    left = joined(blocks)
    for hole in holes:
        sides = [
            Block(first=first, last=last)
            for block in left
            for first, last in (
                (block.first, min(block.last, hole.first - 1)),
                (max(block.first, hole.last + 1), block.last),
            )
            if first <= last
        ]
        left = joined(sides)
    return left


def shares_of(spec: Spec, gateway: Gateway) -> tuple[Share, ...]:
    """The shares of a gateway, in the order of its nodes; see the module for who gets which route."""
    nodes = spec.nodes_of(gateway)
    routes = wanted_routes(spec, gateway)
    if gateway.mode == "active-standby":
        whole = Share(
            name=gateway.name, gateway=gateway.name, nodes=nodes, routes=routes, block=EVERY_PORT
        )
        return (whole,)
    homes = {route: _home_of(spec, nodes, route) for route in routes}
    return tuple(
        Share(
            name=f"{gateway.name}@{node}",
            gateway=gateway.name,
            nodes=(node, *(other for other in nodes if other != node)),
            routes=tuple(route for route in routes if homes[route] == node),
            block=block,
        )
        for node, block in zip(nodes, divide(len(nodes)), strict=True)
    )


def handed_routes(spec: Spec, node: str) -> tuple[tuple[Route, str], ...]:
    """On the route carrier: the routes of a node's own table by which it hands over, and to whom."""
    if spec.handover.carrier != "route":
        return ()
    address = spec.node(node).address
    tables = [subnet.table for subnet in spec.network.subnets if address in subnet.cidr]
    return tuple(
        (Route(table=table, destination=route.destination), peer)
        for gateway in spec.gateways
        if gateway.mode == "active-active" and node in spec.nodes_of(gateway)
        for peer in spec.nodes_of(gateway)
        if peer != node
        for route in wanted_routes(spec, gateway)
        if route.table == spec.network.edge_table
        for table in tables
    )


def all_shares(spec: Spec) -> tuple[Share, ...]:
    """Every share of every gateway, in the order of the spec."""
    return tuple(share for gateway in spec.gateways for share in shares_of(spec, gateway))


def _home_of(spec: Spec, nodes: tuple[str, ...], route: Route) -> str:
    """The first node in the zone of the route's table, else the first node of all."""
    zones = {s.zone for s in spec.network.subnets if s.kind == "client" and s.table == route.table}
    return next((node for node in nodes if spec.node(node).zone in zones), nodes[0])
