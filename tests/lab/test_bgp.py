"""A lab whose routes FRR announces: faults of nodes and daemons, and what is left afterwards."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from natgate.lab import agents, namespace, routing
from natgate.lab.measure import Figures, figures
from natgate.lab.scene import paths
from natgate.lab.watch import Watch

from .conftest import SOON_MS, Bench

pytestmark = pytest.mark.lab

TARGET, SOURCE = "192.168.100.20", "10.10.0.85"


@pytest.fixture(scope="module")
def bench(bring_up: Callable[..., Bench]) -> Bench:
    """The built-in scene with BGP."""
    return bring_up("fixed-source-bgp")


@pytest.fixture(autouse=True)
def _healed(bench: Bench) -> Iterator[None]:
    """Heal after each test."""
    yield
    bench.heal()


def suffer(bench: Bench, break_it: Callable[[], object]) -> Figures:
    """What a fault costs the traffic, once the fault before it is behind all nodes."""
    bench.settle()
    with Watch(bench.lab, list(paths(bench.lab.scene))) as watch:
        list(watch.samples(0.3))
        break_it()
        list(watch.samples(2.5))
        return figures(watch.stop())


def until_agreed(bench: Bench, active: str) -> None:
    """Wait until each agent says that a node is active, and that all are healthy."""
    agents.wait_healthy(bench.lab, bench.lab.nodes())
    deadline = time.monotonic() + 10
    while True:
        found = {n: s["gateways"][0]["active"] for n, s in agents.statuses(bench.lab).items()}
        if found == dict.fromkeys(bench.lab.nodes(), active):
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def expect_right_sources(bench: Bench) -> None:
    """The far side has seen the fixed address and no other."""
    assert bench.packets("wrong") == {}
    assert set(bench.packets("admitted")) == {SOURCE}
    for client in bench.lab.scene.clients:
        assert bench.fetch(client.name, TARGET) == f"ok: source={SOURCE}\n"


@pytest.mark.parametrize("kind", ["node-dead", "upstream-dead"])
def test_another_node_carries_on_and_keeps_the_gateway(bench: Bench, kind: str) -> None:
    """The outage is bounded; the node that returns waits, and both agree on who is active."""
    before = bench.active()
    cost = suffer(bench, lambda: bench.ok("fault", kind, before))
    expect_right_sources(bench)
    assert cost.outage_ms <= SOON_MS
    after = bench.active()
    assert after != before
    bench.ok("heal", before)
    until_agreed(bench, after)
    expect_right_sources(bench)


def test_an_agent_that_dies_costs_nothing(bench: Bench) -> None:
    """What it announced stays announced, and its successor adopts it."""
    before = bench.active()
    cost = suffer(bench, lambda: bench.ok("fault", "agent-killed", before))
    assert cost.probes_lost == 0
    bench.heal()
    until_agreed(bench, before)
    expect_right_sources(bench)


def test_a_bgpd_that_dies_gives_the_gateway_to_another(bench: Bench) -> None:
    """The routers move by themselves; its node says that it cannot carry, and comes back to wait."""
    before = bench.active()
    (after,) = set(bench.lab.nodes()) - {before}
    pid = routing.pid(bench.lab, before, "bgpd")
    cost = suffer(bench, lambda: namespace.send([pid], signal.SIGKILL))
    assert cost.outage_ms <= SOON_MS
    deadline = time.monotonic() + 10
    while bench.active() != after:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    bench.ok("heal", before)
    until_agreed(bench, after)
    expect_right_sources(bench)


def test_removing_leaves_the_operators_configuration(bench: Bench) -> None:
    """The gateway is handed over first, and FRR is then as its operator wrote it."""
    before = bench.active()
    (after,) = set(bench.lab.nodes()) - {before}
    vtysh = ["vtysh", "--vty_socket", str(bench.lab.daemons(before)), "-c", "show running-config"]
    assert "natgate-" in namespace.run(vtysh)
    argv = [sys.executable, "-m", "natgate", "remove", "--state", str(bench.lab.state(before))]

    def remove() -> None:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr

    cost = suffer(bench, remove)
    assert cost.outage_ms <= SOON_MS
    assert "natgate-" not in namespace.run(vtysh)
    assert "table-map keep-out" in namespace.run(vtysh)
    assert bench.active() == after
    expect_right_sources(bench)
    namespace.send(agents.pids(bench.lab, before), signal.SIGKILL)


def test_removing_without_an_agent_withdraws_too(bench: Bench) -> None:
    """What a dead agent has left announced goes with the rest."""
    active = bench.active()
    (node,) = set(bench.lab.nodes()) - {active}
    vtysh = ["vtysh", "--vty_socket", str(bench.lab.daemons(node)), "-c", "show running-config"]
    deadline = time.monotonic() + 10
    while "natgate-" not in namespace.run(vtysh):  # it waits for the hold-down
        assert time.monotonic() < deadline
        time.sleep(0.05)
    namespace.send(agents.pids(bench.lab, node), signal.SIGKILL)
    argv = [sys.executable, "-m", "natgate", "remove", "--once"]
    argv += ["--state", str(bench.lab.state(node))]
    namespace.run(namespace.inside(bench.lab.namespace(node), argv))
    assert "natgate-" not in namespace.run(vtysh)
    expect_right_sources(bench)
