"""Entries come and go on real agents, by the command, under traffic and across a restart."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

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
