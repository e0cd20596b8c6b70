"""Entries come and go on real agents, by the command, under traffic and across a restart."""

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from natgate.agent.places import SOCKET
from natgate.api.client import AgentClient
from natgate.lab import agents

from .conftest import Bench

pytestmark = pytest.mark.lab

HOST = "10.10.0.14"
NEW = f"{{name: new, hosts: [{HOST}], destinations: [192.168.100.0/24]}}"


@pytest.fixture(scope="module")
def edited(bring_up: Callable[..., Bench]) -> Bench:
    """The built-in scene, up."""
    return bring_up()


def entry(bench: Bench, node: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`natgate entry` on a node."""
    argv = [sys.executable, "-m", "natgate", "entry", arguments[0]]
    argv += ["--state", str(bench.lab.state(node)), *arguments[1:]]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def listed(bench: Bench, node: str, noun: str) -> str:
    """What a node says it has."""
    argv = [sys.executable, "-m", "natgate", noun, "--state", str(bench.lab.state(node))]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout


def test_an_entry_is_added_survives_a_restart_and_is_removed(edited: Bench) -> None:
    """Nodes agree again once both have it; traffic of others goes on."""
    for node in edited.lab.nodes():
        done = entry(edited, node, "add", "partner", "snat", NEW)
        assert (done.returncode, done.stderr) == (0, "")
        assert "partner/new" in done.stdout
    assert edited.fetch("client-a", "192.168.100.20") == "ok: source=10.10.0.85\n"
    assert edited.json("status")["warnings"] == []
    node = edited.active()
    edited.ok("fault", "agent-killed", node)
    edited.heal()
    agents.wait_forwarding(edited.lab)
    assert "name: new" in listed(edited, node, "spec")
    assert "partner/new" in listed(edited, node, "entries")
    for each in edited.lab.nodes():
        done = entry(edited, each, "remove", "partner", "new", "--json")
        assert json.loads(done.stdout)["generation"] > 1
        assert "partner/new" not in listed(edited, each, "entries")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "lost", "snat", NEW), "there is no gateway lost: partner"),
        (("add", "partner", "snat", "{name: x}"), "nobody is translated"),
        (("add", "partner", "snat", "{name: x, hosts: [10.10.0.1], colour: red}"), "unknown key"),
        (("add", "partner", "snat", "{name: to-partner, hosts: [10.10.0.14]}"), "is already at"),
        (("add", "partner", "snat", "{"), "not YAML"),
        (("remove", "partner", "lost"), "gateway partner has no entry lost"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(
    edited: Bench, arguments: tuple[str, ...], sentence: str
) -> None:
    """In one sentence for each mistake, with exit code 1."""
    node = edited.lab.nodes()[0]
    before = listed(edited, node, "spec")
    done = entry(edited, node, *arguments)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert listed(edited, node, "spec") == before


def test_edits_at_the_same_time_are_all_there(edited: Bench) -> None:
    """Each begins with what the one before has left, whichever way it takes."""
    node = edited.lab.nodes()[0]
    socket = edited.lab.state(node) / SOCKET
    names = [f"same-{number}" for number in range(6)]

    def added(number: int) -> None:
        hosts, far = [f"10.10.0.{number + 1}"], ["192.168.100.0/24"]
        agent = AgentClient(socket)
        agent.add_entry(
            "partner", "snat", {"name": names[number], "hosts": hosts, "destinations": far}
        )

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(added, range(len(names))))
    shown = listed(edited, node, "spec")
    assert [name for name in names if f"name: {name}" not in shown] == []
    for name in names:
        assert entry(edited, node, "remove", "partner", name).returncode == 0


def natgate(bench: Bench, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command on the active node, whose agent it asks."""
    argv = [sys.executable, "-m", "natgate", arguments[0], *arguments[1:]]
    argv += ["--state", str(bench.lab.state(bench.active()))]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def moved(bench: Bench, tmp_path: Path) -> tuple[Path, Path]:
    """The spec in force as a file, and one by which a host leaves with ports of another address."""
    text = listed(bench, bench.active(), "spec")
    spec = yaml.safe_load(text)
    (gateway,) = spec["gateways"]
    far = gateway["snat"][0]["destinations"]
    gateway["addresses"].append({"address": "10.10.0.86"})
    gateway["snat"][0]["addresses"] = ["10.10.0.85"]
    own = {"name": "own", "hosts": ["10.10.0.16"], "destinations": far, "addresses": ["10.10.0.86"]}
    gateway["snat"].append({**own, "block_size": 512})
    before, after = tmp_path / "before.yaml", tmp_path / "after.yaml"
    before.write_text(text)
    after.write_text(yaml.safe_dump(spec))
    return before, after


def test_flows_that_a_change_leaves_are_named_and_ended(edited: Bench, tmp_path: Path) -> None:
    """By plan and by apply; then the host's block is listed, and its port leads to it."""
    before, after = moved(edited, tmp_path)
    assert edited.fetch("client-a", "192.168.100.20") == "ok: source=10.10.0.85\n"
    told = natgate(edited, "plan", str(after)).stdout
    assert "would keep the translation of before" in told
    assert "leaves as 10.10.0.85, a new one leaves as 10.10.0.86 (partner/own)" in told
    done = natgate(edited, "apply", str(after), "--end-flows", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["flows_ended"] > 0
    left = json.loads(natgate(edited, "plan", str(after), "--json").stdout)
    assert left["flows"] == {"kept": 0, "hosts": 0, "examples": []}
    (block,) = json.loads(natgate(edited, "blocks", "--json").stdout)
    assert (block["host"], block["first"], block["last"]) == ("10.10.0.16", 1025, 1536)
    assert "10.10.0.16" in natgate(edited, "blocks", "--find", "10.10.0.86:1100").stdout
    assert "10.10.0.16" not in natgate(edited, "blocks", "--find", "10.10.0.86:1600").stdout
    wrong = natgate(edited, "blocks", "--find", "somewhere")
    assert (wrong.returncode, "is no address with a port" in wrong.stderr) == (1, True)
    assert natgate(edited, "apply", str(before)).returncode == 0
