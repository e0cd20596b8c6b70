"""A private gateway beside an internet gateway: the longest destination says by which a host leaves."""

from collections.abc import Callable
from ipaddress import IPv4Address

import pytest

from natgate.lab import agents

from . import divided
from .capture import capture
from .conftest import Bench

pytestmark = pytest.mark.lab

PARTNER, WORLD = "192.168.100.20", "203.0.113.20"
PRIVATE = {f"10.50.0.{last}" for last in range(160, 164)}
PUBLIC = {"198.51.100.7"}
ROUNDS = 12
SYN = "tcp[tcpflags] = tcp-syn"


@pytest.fixture(scope="module")
def two(bring_up: Callable[..., Bench]) -> Bench:
    """The scene, up."""
    return bring_up("two-gateways")


def sources(packets: list[bytes]) -> set[str]:
    """Whom a far end sees."""
    return {str(IPv4Address(packet[12:16])) for packet in packets}


def far_ends_see(two: Bench) -> tuple[set[str], set[str]]:
    """The sources of every connection of both clients, as taken at the partner and in the world."""
    wanted = ROUNDS * len(two.lab.scene.clients)
    with (
        capture(two, "partner", "eth0", SYN) as partner,
        capture(two, "world", "eth0", SYN) as world,
    ):
        for _ in range(ROUNDS):
            for client in ("client-a", "client-c"):
                assert (two.fetch(client, PARTNER) or "").startswith("ok: ")
                assert (two.fetch(client, WORLD) or "").startswith("ok: ")
        return sources(partner.packets(wanted)), sources(world.packets(wanted))


def test_each_far_end_sees_the_addresses_of_its_gateway(two: Bench) -> None:
    """The partner sees the private addresses, several of them; the world sees the public one."""
    partner, world = far_ends_see(two)
    assert partner <= PRIVATE
    assert len(partner) > 1
    assert world == PUBLIC
    assert two.packets("wrong") == {}


def test_each_gateway_moves_alone(two: Bench) -> None:
    """They are carried by different nodes; with one dead, the other carries both."""
    two.settle()
    divided.move(two, "node-a", "--home")  # whoever was there first has them
    carried = {g["name"]: g["active"] for g in agents.status(two.lab)["gateways"]}
    assert carried == {"private": "node-a", "internet": "node-c"}
    two.ok("fault", "node-dead", "node-c")

    def missing() -> str | None:
        active = {g["name"]: g["active"] for g in agents.status(two.lab)["gateways"]}
        return None if set(active.values()) == {"node-a"} else f"they are carried by {active}"

    agents.wait(missing)
    partner, world = far_ends_see(two)
    assert partner <= PRIVATE
    assert world == PUBLIC
    assert two.packets("wrong") == {}
    two.heal()
