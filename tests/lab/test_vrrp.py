"""A flat network: keepalived moves the fixed address and the clients' next hop."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from natgate.cloud.vrrp import keepalived_of
from natgate.lab import faults, namespace
from natgate.lab.measure import Figures, figures
from natgate.lab.scene import paths
from natgate.lab.watch import Watch

from .conftest import SOON_MS, Bench
from .test_faults import HARMLESS, REPAIRED

pytestmark = pytest.mark.lab

TARGET = "192.168.100.20"
FIXED, INSIDE = "10.30.0.225", "10.30.0.1"


@pytest.fixture(scope="module")
def flat(bring_up: Callable[..., Bench]) -> Bench:
    """The scene, up."""
    return bring_up("vrrp")


@pytest.fixture(autouse=True)
def _healed(flat: Bench) -> Iterator[None]:
    """Heal after each test; no packet of any of them had a wrong source."""
    yield
    flat.heal()
    assert flat.packets("wrong") == {}
    assert set(flat.packets("admitted")) == {FIXED}


def other(flat: Bench, node: str) -> str:
    """The node that is not this one."""
    return next(name for name in flat.lab.nodes() if name != node)


def held(flat: Bench, node: str) -> set[str]:
    """The addresses on a node's link."""
    words = flat.ok("exec", node, "--", "ip", "-4", "-brief", "address", "show", "dev", "eth0")
    return {word.partition("/")[0] for word in words.split()[2:]}


def pids(flat: Bench, node: str) -> list[int]:
    """The processes of a node's keepalived."""
    return keepalived_of(flat.lab.state(node)).pids()


def suffer(flat: Bench, harm: Callable[[], object]) -> Figures:
    """What traffic loses."""
    with Watch(flat.lab, list(paths(flat.lab.scene))) as watch:
        list(watch.samples(0.3))
        harm()
        list(watch.samples(2.5))
        return figures(watch.stop())


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_both_clients_leave_with_the_fixed_address(flat: Bench) -> None:
    """The active node has the addresses that move, the other one has none of them."""
    for client in ("client-a", "client-b"):
        assert flat.fetch(client, TARGET) == f"ok: source={FIXED}\n"
    active = flat.active()
    assert {FIXED, INSIDE} <= held(flat, active)
    assert not {FIXED, INSIDE} & held(flat, other(flat, active))


def test_nobody_answers_as_the_fixed_address(flat: Bench) -> None:
    """What was not asked for is dropped on the active node, though the address is its own."""
    active = flat.active()
    listen = "import socket; s = socket.create_server(('', 8022)); print(1, flush=True); s.accept()"
    argv = namespace.inside(flat.lab.namespace(active), [sys.executable, "-c", listen])
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        server.stdout.readline()
        ask = ("curl", "-sS", "--max-time", "0.5")
        assert flat.run("exec", "vpn", "--", *ask, f"http://{FIXED}:8022/").returncode == 28
        # An echo is answered by the gateway, whoever is active.
        assert flat.run("exec", "vpn", "--", "ping", "-c1", "-W1", FIXED).returncode == 0
        server.kill()


@pytest.mark.parametrize("kind", faults.OF_ONE_NODE)
def test_traffic_goes_on_and_never_with_a_wrong_source(flat: Bench, kind: str) -> None:
    """Traffic flows again by itself; what the node can repair moves nothing."""
    flat.settle()
    before = flat.active()
    cost = suffer(flat, lambda: flat.ok("fault", kind, before))
    if kind in HARMLESS:
        assert cost.probes_lost == 0
    assert cost.outage_ms <= SOON_MS
    stays = kind in REPAIRED | HARMLESS
    assert (flat.active() == before) is stays


def test_a_node_that_returns_takes_nothing_back(flat: Bench) -> None:
    """The dead node is healed under traffic: not a packet is lost, and the gateway stays."""
    dead = flat.active()
    flat.ok("fault", "node-dead", dead)
    until(lambda: flat.active() != dead, "nobody took over")
    cost = suffer(flat, lambda: flat.ok("heal", dead))
    assert cost.probes_lost == 0
    assert flat.active() == other(flat, dead)
    assert not {FIXED, INSIDE} & held(flat, dead)


def test_a_killed_keepalived_is_followed_and_started_again(flat: Bench) -> None:
    """The other node takes over; this one loses the addresses and stands by."""
    flat.settle()
    before = flat.active()

    def kill() -> None:
        for pid in pids(flat, before):
            os.kill(pid, signal.SIGKILL)

    cost = suffer(flat, kill)
    assert cost.outage_ms <= SOON_MS
    until(lambda: flat.active() != before, "nobody took over")
    until(lambda: len(pids(flat, before)) == 2, "keepalived is not started again")
    assert not {FIXED, INSIDE} & held(flat, before)


def test_the_gateway_moves_on_although_no_agent_lives(flat: Bench) -> None:
    """With both agents dead keepalived goes on by itself, and agents that return follow."""
    before = flat.active()

    def harm() -> None:
        for node in flat.lab.nodes():
            flat.ok("fault", "agent-killed", node)
        flat.ok("fault", "node-dead", before)

    cost = suffer(flat, harm)
    assert cost.outage_ms <= SOON_MS
    flat.heal()
    assert flat.active() == other(flat, before)


def test_removing_natgate_hands_over_and_leaves_nothing(bring_up: Callable[..., Bench]) -> None:
    """The other node carries on; of keepalived neither process nor address nor file is left."""
    flat = bring_up("vrrp")
    leaving = flat.active()
    state = flat.lab.state(leaving)
    argv = [sys.executable, "-m", "natgate", "remove", "--json", "--state", str(state)]
    done: list[subprocess.CompletedProcess[str]] = []

    def remove() -> None:
        done.append(subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60))

    cost = suffer(flat, remove)
    assert done[0].returncode == 0, done[0].stderr
    assert json.loads(done[0].stdout)["changes"]
    assert cost.outage_ms <= SOON_MS
    assert pids(flat, leaving) == []
    assert held(flat, leaving) == {str(flat.lab.scene.spec.node(leaving).address)}
    assert not (state / "vrrp").exists()
    assert flat.fetch("client-a", TARGET) == f"ok: source={FIXED}\n"
    assert flat.packets("wrong") == {}
