"""A real agent is killed after every single step of a failover, and started again."""

import json
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from natgate.lab import agents, catalogue, namespace
from natgate.lab.record import KEY_ENV

from .conftest import Bench

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
STEPS = {"active-standby": 4, "active-active": 5}
"""Writes of a take-over without a fence: intent, rules (active-active), routes, verified, done."""

DEADLINE = 15.0


@pytest.fixture(scope="module", params=STEPS)
def each_mode(
    request: pytest.FixtureRequest,
    bring_up: Callable[..., Bench],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Bench, int]:
    """The built-in scene in either mode, and how many steps a take-over has there."""
    text = catalogue.text_of(catalogue.DEFAULT_SCENE)
    text = text.replace("- name: partner\n", f"- name: partner\n      mode: {request.param}\n")
    scene = tmp_path_factory.mktemp("scene") / "scene.yaml"
    scene.write_text(text)
    return bring_up(str(scene)), STEPS[request.param]


def start_dying(bench: Bench, node: str, number: int) -> None:
    """Let an agent that will be killed after a write take the place of a node's agent."""
    lab = bench.lab
    namespace.send(agents.pids(lab, node), signal.SIGKILL)
    wait(lambda: not agents.pids(lab, node))
    argv = [sys.executable, "-m", "tests.lab.dying_agent", str(number), "agent"]
    argv += ["--state", str(lab.state(node)), "--node", node]
    argv += ["--spec", str(lab.directory / "spec.yaml")]
    key = (lab.directory / "key").read_text()
    env = {KEY_ENV: key, "PYTHONPATH": str(ROOT)}
    namespace.start(lab.namespace(node), argv, log=lab.log(node), env=env)


def lives(bench: Bench, node: str) -> bool:
    """Whether the agent that is to die still lives."""
    found = namespace.processes([bench.lab.namespace(node)]).values()
    return any("tests.lab.dying_agent" in argv for argv in found)


def wait(holds: Callable[[], bool]) -> None:
    """Return when something holds."""
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def holders(bench: Bench) -> set[str]:
    """The next hops of every route that carries the gateway, in the router's own tables."""
    argv = ["ip", "-n", bench.lab.namespace("vpc"), "route", "show", "table", "all"]
    pattern = r"^(?:10\.10\.0\.80/28|192\.168\.100\.0/24) via (10\.10\.0\.(?:68|100)) "
    return set(re.findall(pattern, namespace.run(argv), re.MULTILINE))


def journal(bench: Bench, node: str) -> list[dict[str, object]]:
    """The failovers that a node has recorded."""
    argv = [sys.executable, "-m", "natgate", "failovers", "--json"]
    argv += ["--state", str(bench.lab.state(node))]
    found: list[dict[str, object]] = json.loads(
        namespace.run(namespace.inside(bench.lab.namespace(node), argv))
    )
    return found


def test_every_step_may_be_the_last(each_mode: tuple[Bench, int]) -> None:
    """After each: all routes lead to the survivor, nothing is open, and no source was wrong."""
    bench, steps = each_mode
    for number in range(1, steps + 1):
        active = bench.active()
        survivor = next(node for node in bench.lab.nodes() if node != active)
        start_dying(bench, survivor, number)
        agents.wait_healthy(bench.lab, [survivor])
        bench.ok("fault", "node-dead", active)
        wait(lambda survivor=survivor: not lives(bench, survivor))  # type: ignore[misc]
        agents.start(bench.lab, survivor)
        wait(lambda: len(holders(bench)) == 1)
        agents.wait_healthy(bench.lab, [survivor])
        address = bench.lab.scene.spec.node(survivor).address
        wait(lambda address=address: holders(bench) == {str(address)})  # type: ignore[misc]
        wait(lambda survivor=survivor: _closed(bench, survivor))  # type: ignore[misc]
        for client in ("client-a", "client-c"):
            wait(lambda client=client: bench.fetch(client, "192.168.100.20") is not None)  # type: ignore[misc]
        assert bench.packets("wrong") == {}
        bench.heal()


def _closed(bench: Bench, node: str) -> bool:
    return all(record["outcome"] != "running" for record in journal(bench, node))
