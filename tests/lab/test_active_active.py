"""All zones forward at once behind one address, over both carriers and in three zones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from natgate.model.share import divide

from . import divided
from .conftest import Bench

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module", params=["vxlan", "route", "three-zones"])
def zones(
    request: pytest.FixtureRequest,
    bring_up: Callable[..., Bench],
    tmp_path_factory: pytest.TempPathFactory,
) -> Bench:
    """The built-in scene with both nodes at work by each carrier, and the one of three zones."""
    if request.param == "three-zones":
        return bring_up("three-zones")
    directory: Path = tmp_path_factory.mktemp("scenes")
    return bring_up(divided.scene_file(directory, request.param))


@pytest.fixture(autouse=True)
def _settled(zones: Bench) -> None:
    """Every test begins with each share at home, and tables that say so."""
    zones.heal()
    divided.settled(zones)


def test_every_client_reaches_the_target_in_every_way(zones: Bench) -> None:
    """TCP, UDP, echoes and fragments of every zone work, and only the fixed address is seen."""
    divided.everything_works(zones)


def test_ports_lie_in_the_block_of_the_clients_own_node(zones: Bench) -> None:
    """A client's own node translates its flows, each port and echo id from that node's block."""
    nodes = zones.lab.nodes()
    before = {flow for node in nodes for flow in divided.flows(zones, node)}
    divided.everything_works(zones)
    for client in divided.clients(zones):
        home = divided.home_of(zones, client)
        block = divided.block_of(zones, home)
        fresh = set(divided.flows(zones, home)) - before
        found = [flow for flow in fresh if flow.client == str(client.address)]
        assert {flow.protocol for flow in found} == {"tcp", "udp", "icmp"}
        assert {flow.outside for flow in found} == {divided.fixed(zones)}
        assert [flow for flow in found if flow.port not in block] == []


def test_returns_are_handed_over_by_the_node_that_receives_them(zones: Bench) -> None:
    """Each return of another zone is handed over once; those of the own zone and others never."""
    receiver, *others = zones.lab.nodes()
    for client in divided.clients(zones):
        before = divided.counter(zones, receiver, "handed_over")
        with divided.udp(zones, client.name) as flow:
            for _ in range(20):
                divided.echoed(flow, b"x", (divided.target(zones), divided.ECHO))
        risen = divided.counter(zones, receiver, "handed_over") - before
        assert risen == (0 if divided.home_of(zones, client) == receiver else 20)
    assert [divided.counter(zones, node, "handed_over") for node in others] == [0] * len(others)


def test_status_shows_who_carries_which_ports(zones: Bench) -> None:
    """`status --json` has a share for each node, at home, with blocks that are all ports once."""
    status = zones.json("status")
    nodes = zones.lab.nodes()
    (gateway,) = status["gateways"]
    assert gateway["mode"] == "active-active"
    assert status["active"] == list(nodes)
    assert gateway["active"] == nodes[0]
    shares = gateway["shares"]
    assert [(share["home"], share["carrier"]) for share in shares] == [(n, n) for n in nodes]
    assert [share["ports"] for share in shares] == [str(b) for b in divide(len(nodes))]


def test_with_one_node_left_every_zone_still_forwards(zones: Bench) -> None:
    """All nodes but one die, one after the other, whichever is left: it carries every zone."""
    for survivor in zones.lab.nodes():
        for dead in (node for node in zones.lab.nodes() if node != survivor):
            zones.ok("fault", "node-dead", dead)
        divided.settled(zones, divided.all_with(zones, survivor))
        divided.everything_works(zones)
        zones.heal()
        if zones.lab.scene.spec.gateways[0].failback.policy == "sticky":
            divided.move(zones, survivor, "--home")
        divided.settled(zones)
        divided.everything_works(zones)
