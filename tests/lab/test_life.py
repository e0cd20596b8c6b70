"""A lab's life: up, looked at, used, down, and nothing left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from natgate.lab import namespace, network, record

from .conftest import Bench, natgate

pytestmark = pytest.mark.lab


def left_of(name: str) -> list[str]:
    """What there is of a lab: namespaces and files."""
    left = namespace.existing(network.namespace(name, ""))
    return left + [str(path) for path in (record.ROOT / name,) if path.exists()]


def test_hosts_are_listed_with_roles_zones_and_addresses(bench: Bench) -> None:
    """`hosts --json` lists every machine with the namespace in which it runs."""
    hosts = {row["host"]: row for row in bench.json("hosts")}
    assert hosts["node-c"] == {
        "host": "node-c",
        "role": "node",
        "zone": "c",
        "namespace": f"ng.{bench.name}.node-c",
        "addresses": ["10.10.0.100"],
    }
    assert {row["role"] for row in hosts.values()} == {"client", "node", "router", "target"}
    assert set(namespace.existing(f"ng.{bench.name}.")) == {
        row["namespace"] for row in hosts.values()
    }


def test_both_zones_leave_with_the_fixed_address(bench: Bench) -> None:
    """A target sees clients of both zones under the one address, and writes it to its log."""
    for client in ("client-a", "client-c"):
        assert bench.fetch(client, "192.168.100.20") == "ok: source=10.10.0.85\n"
    assert 'access source=10.10.0.85 "GET / HTTP/1.1"' in bench.ok("logs", "target")


def test_exec_passes_input_output_and_exit_code_through(bench: Bench) -> None:
    """A command on a host gets our input and gives back its output and exit code."""
    argv = [sys.executable, "-m", "natgate", "lab", "exec", "--name", bench.name, "client-a", "--"]
    script = "read line; echo out $line; echo err >&2; exit 7"
    done = subprocess.run(
        [*argv, "sh", "-c", script], input="in\n", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "out in\n", "err\n")


def test_exec_runs_inside_the_hosts_network(bench: Bench) -> None:
    """A command on a host sees that host's addresses."""
    assert "10.10.0.45/32" in bench.ok("exec", "client-c", "--", "ip", "-4", "address", "show")


def test_status_names_the_active_node(bench: Bench) -> None:
    """`status --json` has the active node, every node's health, and the counters."""
    status = bench.json("status")
    assert status["active"] == [status["gateways"][0]["active"]]
    assert [(node["name"], node["zone"], node["healthy"]) for node in status["nodes"]] == [
        ("node-a", "a", True),
        ("node-c", "c", True),
    ]
    assert set(status) >= {"generation", "epoch", "warnings"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("fault", "no-such-fault", "node-a"), 1, "no fault is called no-such-fault"),
        (("fault", "node-dead", "node-x"), 1, "has no node node-x; it has node-a, node-c"),
        (("fault",), 2, "name a KIND and a NODE"),
        (("heal", "client-a"), 1, "has no node client-a"),
        (("exec", "nobody", "--", "true"), 1, "has no host nobody"),
        (("logs", "nobody"), 1, "has no host nobody"),
        (("up",), 1, "is already up; choose another --name or run natgate lab down"),
    ],
)
def test_a_mistake_is_refused(
    bench: Bench, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """A name that is not there, or is taken, is refused in one sentence and changes nothing."""
    done = bench.run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert bench.fetch("client-a", "192.168.100.20") == "ok: source=10.10.0.85\n"


@pytest.mark.parametrize("verb", ["down", "hosts", "status", "heal"])
def test_a_lab_that_is_not_up_is_refused(verb: str) -> None:
    """A lab that is not there is said to be not there, exit code 1."""
    done = natgate(verb, "--name", "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no lab nowhere is up" in done.stderr


def test_two_labs_stand_side_by_side(bench: Bench, bring_up: Callable[..., Bench]) -> None:
    """A second lab with the same addresses neither disturbs the first nor is disturbed."""
    other = bring_up()
    for each in (bench, other):
        assert each.fetch("client-c", "192.168.100.20") == "ok: source=10.10.0.85\n"
    assert other.run("down").returncode == 0
    assert left_of(other.name) == []
    assert bench.fetch("client-c", "192.168.100.20") == "ok: source=10.10.0.85\n"


@pytest.mark.parametrize("seconds", [0.3, 0.6, 0.9, 1.5, 2.5])
def test_a_lab_killed_while_coming_up_is_taken_away(seconds: float) -> None:
    """Whenever `up` is killed, `down` leaves neither namespace nor process nor file."""
    name = f"killed-{os.getpid()}"
    argv = [sys.executable, "-m", "natgate", "lab", "up", "--name", name]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as up:
        time.sleep(seconds)
        up.kill()
    if left_of(name):
        done = natgate("down", "--name", name)
        assert done.returncode == 0, done.stderr
    assert left_of(name) == []


def test_down_ends_stopped_and_foreign_processes(bring_up: Callable[..., Bench]) -> None:
    """Processes in a lab that are stopped, or that a user started there, are ended as well."""
    bench = bring_up()
    bench.ok("fault", "agent-stopped", "node-a")
    script = "echo started; exec sleep 60"
    argv = namespace.inside(f"ng.{bench.name}.client-a", ["sh", "-c", script])
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as foreign:
        assert foreign.stdout
        assert foreign.stdout.readline() == "started\n"
        found = list(namespace.processes(namespace.existing(f"ng.{bench.name}.")))
        assert bench.run("down").returncode == 0
        assert foreign.wait(5) == -signal.SIGTERM
    assert foreign.pid in found
    assert left_of(bench.name) == []
    assert not any(_alive(pid) for pid in found)


def _alive(pid: int) -> bool:
    """A process that has ended may still wait for its parent to look."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_up_with_a_bad_scene_changes_nothing() -> None:
    """A scene that cannot be is refused with every problem, and nothing is built."""
    done = natgate("up", "/dev/null", "--name", "bad")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the file is empty" in done.stderr
    assert left_of("bad") == []
