"""Route tables that somebody else writes into as well: what is natgate's, and what stays."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from natgate.lab import agents, namespace, network
from natgate.lab.scene import VPC

from .conftest import Bench

pytestmark = pytest.mark.lab

PARTNER, WORLD = "192.168.100.20", "203.0.113.20"
FIXED, CLIENT_A = "10.40.0.165", "10.40.0.10"


@pytest.fixture(scope="module")
def shared(bring_up: Callable[..., Bench]) -> Bench:
    """The scene, up."""
    return bring_up("shared-tables")


def routes(shared: Bench, table: str) -> dict[str, str]:
    """The next hops of a route table, by destination."""
    number = str(network.tables(shared.lab.scene.spec)[table])
    argv = ["ip", "-j", "-n", shared.lab.namespace(VPC), "route", "show", "table", number]
    found = json.loads(namespace.run(argv))
    return {route["dst"]: route["gateway"] for route in found if "gateway" in route}


def test_a_default_route_of_somebody_else_stays(shared: Bench) -> None:
    """The clients of its table go by it, and a warning names the table."""
    assert routes(shared, "clients-a")["default"] == "203.0.113.1"
    assert shared.fetch("client-a", WORLD) == f"ok: source={CLIENT_A}\n"
    (told,) = shared.json("status")["warnings"]
    assert told["code"] == "route-foreign"
    assert told["text"].startswith("0.0.0.0/0 in clients-a leads to 203.0.113.1")


def test_a_table_without_a_default_route_gets_it(shared: Bench) -> None:
    """Its clients leave by the gateway."""
    nodes = {str(node.address) for node in shared.lab.scene.spec.nodes}
    assert routes(shared, "clients-c")["default"] in nodes
    assert shared.fetch("client-c", WORLD) == f"ok: source={FIXED}\n"


def test_the_longer_prefix_wins(shared: Bench) -> None:
    """What an entry names goes by the gateway, beside the default route of somebody else."""
    for client in ("client-a", "client-c"):
        assert shared.fetch(client, PARTNER) == f"ok: source={FIXED}\n"


def test_a_failover_moves_what_is_natgates_and_nothing_else(shared: Bench) -> None:
    """The other node gets the gateway's routes; the foreign one stays."""
    dead = shared.active()
    shared.ok("fault", "node-dead", dead)
    (other,) = set(shared.lab.nodes()) - {dead}
    agents.wait(lambda: None if shared.active() == other else f"{dead} is still active")
    address = str(shared.lab.scene.spec.node(other).address)
    assert routes(shared, "clients-a") == {"default": "203.0.113.1", "192.168.100.0/24": address}
    assert routes(shared, "clients-c") == {"default": address, "192.168.100.0/24": address}
    assert shared.fetch("client-c", WORLD) == f"ok: source={FIXED}\n"
    shared.heal()


def test_removing_takes_away_what_natgate_made(shared: Bench) -> None:
    """Once the last node is without natgate, every route of the gateway is gone but the foreign."""
    shared.settle()
    for node in shared.lab.nodes():
        state = shared.lab.directory / node
        argv = [sys.executable, "-m", "natgate", "remove", "--state", str(state)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
    assert routes(shared, "clients-a") == {"default": "203.0.113.1"}
    assert routes(shared, "clients-c") == {}
    assert routes(shared, "edge") == {}
    assert shared.fetch("client-c", WORLD) is None
