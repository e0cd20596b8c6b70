"""A single-zone and a cross-zone gateway: a node's death is outlived by both, a zone's by one."""

from collections.abc import Callable

import pytest

from natgate.lab import agents

from . import divided
from .conftest import Bench

pytestmark = pytest.mark.lab

PARTNER, WORLD = "192.168.100.20", "203.0.113.20"
SINGLE, CROSS = "ok: source=10.60.0.161\n", "ok: source=10.60.0.177\n"


@pytest.fixture(scope="module")
def zones(bring_up: Callable[..., Bench]) -> Bench:
    """The scene, up."""
    return bring_up("zones")


def wait_carried(zones: Bench, single: str, cross: str) -> None:
    """Return when the two gateways are with these nodes."""

    def missing() -> str | None:
        active = {g["name"]: g["active"] for g in agents.status(zones.lab)["gateways"]}
        wanted = {"single": single, "cross": cross}
        return None if active == wanted else f"they are carried by {active}"

    agents.wait(missing)


def test_status_says_in_which_zones_a_gateway_lives(zones: Bench) -> None:
    """And in words, for people."""
    found = {g["name"]: g["zones"] for g in zones.json("status")["gateways"]}
    assert found == {"single": ["a"], "cross": ["a", "c"]}
    assert "active-standby, zone a only" in " ".join(zones.ok("status").split())


def test_a_zone_dies(zones: Bench) -> None:
    """Its first node: both gateways move. Its last: one is in the other zone, one is nowhere.

    What the single-zone gateway translated does not leave by another one, nor as it is.
    """
    zones.settle()
    divided.move(zones, "node-c", "--home")  # whoever was there first has them
    wait_carried(zones, "node-a1", "node-a1")
    zones.ok("fault", "node-dead", "node-a1")
    wait_carried(zones, "node-a2", "node-c")
    for client in ("client-a", "client-c"):
        assert zones.fetch(client, PARTNER) == SINGLE
        assert zones.fetch(client, WORLD) == CROSS
    zones.ok("fault", "node-dead", "node-a2")
    assert zones.fetch("client-c", WORLD) == CROSS
    assert zones.fetch("client-c", PARTNER) is None

    def missing() -> str | None:
        told = {w["code"]: w["text"] for w in agents.status(zones.lab)["warnings"]}
        said = "no healthy node for single" in told.get("no-healthy-node", "")
        return None if said else f"the warnings are {told}"

    agents.wait(missing)
    assert zones.packets("wrong") == {}


def test_a_zone_comes_back(zones: Bench) -> None:
    """The single-zone gateway with it; the other stays where it is."""
    zones.heal()
    agents.wait_forwarding(zones.lab)
    assert {g["name"]: g["active"] for g in agents.status(zones.lab)["gateways"]}[
        "cross"
    ] == "node-c"
    assert zones.fetch("client-c", PARTNER) == SINGLE
    assert zones.packets("wrong") == {}
