"""Every fault on the active node, with traffic all the while: never a wrong source."""

from collections.abc import Callable, Iterator

import pytest

from natgate.lab import faults
from natgate.lab.measure import Figures, figures
from natgate.lab.scene import paths
from natgate.lab.watch import Watch

from .conftest import SOON_MS, Bench

pytestmark = pytest.mark.lab

REPAIRED = {"rules-deleted", "ruleset-flushed", "forwarding-off"}
HARMLESS = {"agent-stopped", "agent-killed", "heartbeats-lost"}


@pytest.fixture(scope="module")
def unowned(bring_up: Callable[..., Bench]) -> Bench:
    """The built-in scene with table ownership off, as on a kernel before 6.9."""
    return bring_up("--ownership", "off")


def suffer(bench: Bench, kind: str, node: str) -> tuple[str, Figures]:
    """Inject a fault under traffic; what the command said and what the traffic lost."""
    bench.settle()
    with Watch(bench.lab, list(paths(bench.lab.scene))) as watch:
        list(watch.samples(0.3))
        said = bench.ok("fault", kind, node)
        list(watch.samples(2.5))
        return said, figures(watch.stop())


@pytest.fixture(autouse=True)
def _healed(bench: Bench) -> Iterator[None]:
    """Heal after each test."""
    yield
    bench.heal()


@pytest.mark.parametrize("kind", faults.OF_ONE_NODE)
def test_traffic_goes_on_and_never_with_a_wrong_source(bench: Bench, kind: str) -> None:
    """Traffic flows again by itself, and the far side sees one source only."""
    before = bench.active()
    _, cost = suffer(bench, kind, before)
    assert bench.packets("wrong") == {}
    assert set(bench.packets("admitted")) == {"10.10.0.85"}
    if kind in HARMLESS:
        assert cost.probes_lost == 0
    assert cost.outage_ms <= SOON_MS
    stays = kind in REPAIRED | HARMLESS
    assert (bench.active() == before) is stays
    assert cost.download_survived
    assert cost.stream_survived
    if stays:
        assert cost.download_mbit_s > 50


@pytest.mark.parametrize("kind", ["rules-deleted", "ruleset-flushed"])
def test_a_refused_fault_says_so(bench: Bench, kind: str) -> None:
    """Where the kernel protects an owned table, the command says so and nothing is lost."""
    said, cost = suffer(bench, kind, bench.active())
    assert "its agent owns" in said
    assert cost.probes_lost == 0


@pytest.mark.parametrize("kind", ["rules-deleted", "ruleset-flushed"])
def test_without_ownership_rules_are_repaired(unowned: Bench, kind: str) -> None:
    """A flush that succeeds is repaired, and meanwhile nothing leaks."""
    before = unowned.active()
    said, cost = suffer(unowned, kind, before)
    assert "owns" not in said
    assert cost.outage_ms <= SOON_MS
    assert unowned.packets("wrong") == {}
    assert unowned.active() == before
    unowned.heal()


def test_a_fault_of_the_standby_costs_nothing(bench: Bench) -> None:
    """Whatever happens to the node that is not active, traffic does not notice."""
    active = bench.active()
    standby = next(node for node in bench.lab.nodes() if node != active)
    _, cost = suffer(bench, "node-dead", standby)
    assert cost.probes_lost == 0
    assert bench.active() == active


def test_heal_brings_a_dead_node_back(bench: Bench) -> None:
    """After healing every node is healthy again, and the gateway stays where it went."""
    first = bench.active()
    bench.ok("fault", "node-dead", first)
    bench.ok("heal", first)
    status = bench.json("status")
    assert all(node["healthy"] for node in status["nodes"])
    assert bench.fetch("client-a", "192.168.100.20") == "ok: source=10.10.0.85\n"
