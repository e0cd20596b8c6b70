"""A scene of other shape: three zones, two addresses, two targets, a shared route table."""

import time
from collections.abc import Callable

import pytest

from .conftest import THREE_ZONES, Bench

pytestmark = pytest.mark.lab

BANK = "203.0.113.20"
LEDGER = "10.99.7.20"


@pytest.fixture(scope="module")
def three(bring_up: Callable[..., Bench]) -> Bench:
    """The three zones, up."""
    return bring_up(str(THREE_ZONES))


def assert_behaves(three: Bench) -> None:
    """Every client leaves as the entries say, and nobody reaches what no entry covers."""
    for client in ("web-x", "job-x", "web-y", "web-z"):
        assert three.fetch(client, BANK) == "ok: source=172.20.200.4\n"
    for client in ("web-x", "job-x", "web-y"):
        assert three.fetch(client, LEDGER) == "ok: source=198.51.100.7\n"
    assert three.fetch("web-z", LEDGER) is None
    assert three.packets("wrong") == {}


def test_each_target_sees_the_address_of_its_entry(three: Bench) -> None:
    """Each entry translates to its own address, and a client without an entry stays inside."""
    assert_behaves(three)


def test_the_gateway_moves_on_twice(three: Bench) -> None:
    """With two of three nodes dead, the third carries both addresses."""
    dead = []
    for _ in range(2):
        dead.append(three.active())
        three.ok("fault", "node-dead", dead[-1])
        wait_for_move(three, dead[-1])
    assert_behaves(three)
    three.heal()
    assert_behaves(three)


def wait_for_move(three: Bench, dead: str) -> None:
    """Return when another node is active."""
    deadline = time.monotonic() + 10
    while three.active() == dead:
        assert time.monotonic() < deadline, f"{dead} is still active"
