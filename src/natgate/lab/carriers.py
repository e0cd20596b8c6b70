"""Who forwards what, read from the lab's router: its route tables are the truth of it."""

import json
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from natgate.lab import namespace, network
from natgate.lab.record import Lab
from natgate.lab.scene import VPC, Path, Scene, subnet_of

Carriers = Mapping[str, str | None]
"""The node that each route table leads to: the edge table first, then those of the clients."""


def carriers(lab: Lab, ways: Iterable[Path]) -> Carriers:
    """Where the router leads the returns of a gateway, and the packets of each client."""
    argv = ["ip", "-n", lab.namespace(VPC), "-j", "route", "show", "table", "all"]
    return read(lab.scene, ways, json.loads(namespace.run(argv)))


def read(scene: Scene, ways: Iterable[Path], routes: Iterable[Mapping[str, Any]]) -> Carriers:
    """The same from what `ip -j route show table all` says: pure."""
    numbers = network.tables(scene.spec)
    nodes = {str(node.address): node.name for node in scene.spec.nodes}
    listed = [route for route in routes if "gateway" in route]
    found: dict[str, str | None] = {}
    for way in ways:
        subnet = subnet_of(scene, way.client.address)
        edge = scene.spec.network.edge_table
        found[edge] = nodes.get(_via(listed, numbers[edge], way.gateway.addresses[0].address))
        if subnet is not None:
            via = _via(listed, numbers[subnet.table], way.target.address)
            found[subnet.table] = nodes.get(via)
    return found


def _via(routes: Iterable[Mapping[str, Any]], table: int, address: IPv4Address) -> str:
    """The next hop of the longest prefix of a table that covers an address; empty if none does."""
    held = {
        _prefix(route["dst"]): str(route["gateway"])
        for route in routes
        if str(route.get("table")) == str(table)
    }
    covering = [prefix for prefix in held if address in prefix]
    return held[max(covering, key=lambda prefix: prefix.prefixlen)] if covering else ""


def _prefix(written: str) -> IPv4Network:
    return IPv4Network("0.0.0.0/0" if written == "default" else written)


def heir(node: str, before: Carriers, after: Carriers) -> str | None:
    """Who carries now what a node carried before: itself if nothing moved."""
    moved = [after.get(table) for table, carrier in before.items() if carrier == node]
    return next((carrier for carrier in moved if carrier != node), node if moved else None)
