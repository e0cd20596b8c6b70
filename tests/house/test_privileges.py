"""The privileges of the systemd unit are enough for an agent, and each of them is needed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from natgate.lab import namespace

from .confined import EXPANDER
from .unit_file import ROOT, capabilities

pytestmark = pytest.mark.kernel

NODE = f"ng.t{os.getpid()}-unit.node"
FAR = f"ng.t{os.getpid()}-unit.far"
CONFINED = [sys.executable, "-m", "tests.house.confined"]
PATIENCE = 15.0
SPEC = """
apiVersion: natgate/v1
network:
  name: unit
  ranges: [10.20.0.0/16]
  zones: [a]
  subnets:
    - {name: clients, zone: a, cidr: 10.20.1.0/24}
    - {name: fixed, cidr: 10.20.2.0/28, kind: address}
nodes: [{name: node, zone: a, address: 192.0.2.1}, {name: dead, zone: a, address: 192.0.2.3}]
gateways:
  - name: out
    addresses: [{address: 10.20.2.1}]
    snat: [{name: all, sources: [10.20.1.0/24]}]
    health: {upstream: [{kind: icmp, address: 192.0.2.2}]}
host: {ownership: "off"}
heartbeat: {key_env: NATGATE_TEST_KEY}
"""
KEY = {"NATGATE_TEST_KEY": "a key for this test alone"}


@pytest.fixture
def node() -> Iterator[str]:
    """A node's namespace, linked to another one that answers pings."""
    namespace.create([NODE, FAR])
    try:
        namespace.configure(NODE, [f"link add eth0 type veth peer name eth0 netns {FAR}"])
        for name, address in ((NODE, "192.0.2.1"), (FAR, "192.0.2.2")):
            namespace.configure(name, [f"address add {address}/24 dev eth0", "link set eth0 up"])
        yield NODE
    finally:
        namespace.delete([NODE, FAR])


def agent(node: str, state: Path, allowed: list[str]) -> subprocess.Popen[str]:
    """An agent in the node's namespace with the unit's confinement."""
    spec = state / "spec.yaml"
    spec.write_text(SPEC)
    command = [sys.executable, "-m", "natgate", "agent", "--state", str(state)]
    command += ["--spec", str(spec), "--node", "node"]
    confined = [*CONFINED, " ".join(allowed), str(state), *command]
    argv = namespace.inside(node, ["unshare", "--mount", *confined])
    environment = {**os.environ, **KEY}
    return subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment)


def natgate(node: str, *arguments: str) -> str:
    """What `natgate` says in the node's namespace."""
    argv = namespace.inside(node, [sys.executable, "-m", "natgate", *arguments])
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def forwards(node: str) -> bool:
    """Whether rules, guard and forwarding are all in place."""
    rules = namespace.run(namespace.inside(node, ["nft", "list", "ruleset"]))
    guard = namespace.run(["tc", "-n", node, "filter", "show", "dev", "eth0", "egress"])
    on = namespace.run(namespace.inside(node, ["sysctl", "-n", "net.ipv4.ip_forward"]))
    translates = "snat to ip saddr" in rules and ": 10.20.2.1" in rules
    return translates and "bpf" in guard and on.strip() == "1"


def test_an_agent_confined_as_the_unit_says_applies_and_repairs(node: str, tmp_path: Path) -> None:
    """With two capabilities it brings a spec into force, checks upstream, and repairs a flush."""
    with agent(node, tmp_path, capabilities()) as process:
        try:
            until(lambda: forwards(node), "the spec is not in force")
            healthy = '"healthy": true'
            status = ("status", "--json", "--state", str(tmp_path))
            until(lambda: healthy in natgate(node, *status), "upstream is not checked")
            synced = '"state": "in sync"'
            until(lambda: synced in natgate(node, *status), "flows are not replicated")
            namespace.run(namespace.inside(node, ["nft", "flush", "ruleset"]))
            namespace.set_sysctls(node, {"net.ipv4.ip_forward": 0})
            until(lambda: forwards(node), "the damage is not repaired")
            assert "drift-repaired" in natgate(node, *status)
        finally:
            process.terminate()
    assert process.returncode in {0, -signal.SIGTERM}, "systemd takes both as success"
    assert forwards(node), "traffic outlives the agent"


@pytest.mark.parametrize("missing", capabilities())
def test_each_capability_is_needed(node: str, tmp_path: Path, missing: str) -> None:
    """Without any one of them the agent ends with a sentence that names it."""
    left = [name for name in capabilities() if name != missing]
    process = agent(node, tmp_path, left)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert missing in said


def test_confinement_is_real(node: str, tmp_path: Path) -> None:
    """What the unit forbids fails: files, address families, system calls, executable memory."""
    attempts = f"""
import mmap, os, socket, sys
failed = []
for attempt in (
    lambda: open("/etc/natgate-test", "w"),
    lambda: socket.socket(socket.AF_INET6),
    lambda: os.sched_setaffinity(0, {{0}}),
    lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC),
    lambda: os.chown("{tmp_path}", 1, 1),
):
    try:
        attempt()
    except OSError:
        failed.append(attempt)
sys.exit(len(failed))
"""
    confined = [*CONFINED, " ".join(capabilities()), str(tmp_path)]
    argv = ["unshare", "--mount", *confined, sys.executable, "-c", attempts]
    done = subprocess.run(namespace.inside(node, argv), check=False, cwd=ROOT)
    assert done.returncode == (5 if shutil.which(EXPANDER) else 4)
