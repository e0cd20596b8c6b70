"""Who forwards what, from a listing of routes."""

from typing import Any

from natgate.lab import catalogue, network
from natgate.lab.carriers import heir, read
from natgate.lab.scene import paths

SCENE = catalogue.prepared("fixed-source")
TABLES = network.tables(SCENE.spec)
NODE_A, NODE_C = "10.10.0.68", "10.10.0.100"


def route(table: str, dst: str, gateway: str) -> dict[str, Any]:
    """A route as `ip -j` says it; tables without a name are numbers in quotes."""
    return {"dst": dst, "gateway": gateway, "dev": "p1", "table": str(TABLES[table])}


def listing(edge: str, client_a: str, client_c: str) -> list[dict[str, Any]]:
    """The routes that a failover moves, between others."""
    return [
        {"dst": "10.10.0.16", "dev": "p1", "table": "1001"},
        route("edge", "10.10.0.80/28", edge),
        route("edge", "default", "10.10.0.99"),
        route("clients-a", "192.168.100.0/24", client_a),
        route("clients-c", "192.168.100.0/24", client_c),
        route("nodes-a", "192.168.100.0/24", "192.168.100.5"),
    ]


def test_each_table_leads_to_one_node() -> None:
    """The longest prefix of each table says who carries returns, and each client's packets."""
    held = read(SCENE, paths(SCENE), listing(NODE_A, NODE_A, NODE_C))
    assert held == {"edge": "node-a", "clients-a": "node-a", "clients-c": "node-c"}
    assert next(iter(held)) == "edge"


def test_a_table_without_a_way_leads_nowhere() -> None:
    """Where no route covers the way, or it leads past the nodes, nobody carries it."""
    held = read(SCENE, paths(SCENE), listing("10.10.0.99", NODE_A, NODE_C)[:4])
    assert held == {"edge": None, "clients-a": "node-a", "clients-c": None}


def test_a_node_that_lost_nothing_goes_on_itself() -> None:
    """What a node carried is carried by itself as long as no route has moved."""
    held = {"edge": "node-a", "clients-a": "node-a", "clients-c": "node-c"}
    assert heir("node-a", held, held) == "node-a"


def test_the_heir_is_who_the_routes_lead_to_now() -> None:
    """Only the part that the broken node carried counts; without a carrier there is no heir."""
    before = {"edge": "node-a", "clients-a": "node-a", "clients-c": "node-c"}
    moved = dict.fromkeys(before, "node-a")
    assert heir("node-c", before, moved) == "node-a"
    assert heir("node-a", before, dict.fromkeys(before, None)) is None
    assert heir("node-x", before, moved) is None
