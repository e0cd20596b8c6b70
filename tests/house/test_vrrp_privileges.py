"""The privileges of the systemd unit are enough for keepalived, which the agent starts."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from natgate.cloud.vrrp import keepalived_of
from natgate.lab import namespace

from .test_privileges import CONFINED, natgate, until
from .unit_file import ROOT, capabilities

pytestmark = pytest.mark.kernel

NODE = f"ng.t{os.getpid()}-vrrp.node"
FAR = f"ng.t{os.getpid()}-vrrp.far"
FIXED, NOBODY = "192.0.2.9", "02:00:00:00:00:01"
SPEC = """
apiVersion: natgate/v1
network:
  name: unit
  ranges: [10.20.0.0/16]
  address_ranges: [192.0.2.0/24]
  zones: [a]
  subnets: [{name: clients, zone: a, cidr: 10.20.1.0/24}]
nodes:
  - {name: node, zone: a, address: 192.0.2.1}
  - {name: other, zone: a, address: 192.0.2.3}
gateways:
  - name: out
    addresses: [{address: 192.0.2.9}]
    snat: [{name: all, sources: [10.20.1.0/24]}]
    health: {upstream: [{kind: icmp, address: 192.0.2.2}]}
steering: {kind: vrrp, interface: eth0, router_id: 7, inside: [10.20.1.1]}
heartbeat: {key_env: KEY}
host: {ownership: "off"}
"""


@pytest.fixture
def node() -> Iterator[str]:
    """A node's namespace, linked to another one that answers pings; its peer does not exist."""
    namespace.create([NODE, FAR])
    try:
        namespace.configure(NODE, [f"link add eth0 type veth peer name eth0 netns {FAR}"])
        for name, address in ((NODE, "192.0.2.1"), (FAR, "192.0.2.2")):
            namespace.configure(name, [f"address add {address}/24 dev eth0", "link set eth0 up"])
        yield NODE
    finally:
        namespace.delete([NODE, FAR])


@contextmanager
def agent(node: str, state: Path) -> Iterator[None]:
    """A confined agent, whose daemon outlives it."""
    spec = state / "spec.yaml"
    spec.write_text(SPEC)
    command = [sys.executable, "-m", "natgate", "agent", "--state", str(state), "--spec", str(spec)]
    confined = [*CONFINED, " ".join(capabilities()), str(state), *command, "--node", "node"]
    argv = namespace.inside(node, ["unshare", "--mount", *confined])
    environment = {**os.environ, "KEY": "k" * 32}
    with (state / "log").open("w") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=ROOT, env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def test_a_confined_agent_and_its_keepalived_take_the_addresses(node: str, tmp_path: Path) -> None:
    """Addresses are taken and announced, outlive the agent, and go with natgate; no error is logged."""
    words = ["ip", "-n", node, "-brief", "-4", "address", "show", "dev", "eth0"]

    def holds() -> bool:
        return {"10.20.1.1/32", f"{FIXED}/32"} <= set(namespace.run(words).split())

    options = ("--json", "--state", str(tmp_path))
    for _ in range(2):
        with agent(node, tmp_path):
            until(holds, (tmp_path / "log").read_text())
        assert holds()
    with agent(node, tmp_path):
        until(lambda: '"active": "node"' in natgate(node, "status", *options), "it is not active")
        for pid in keepalived_of(tmp_path).pids():
            os.kill(pid, signal.SIGKILL)
        until(lambda: not holds(), "it was not started again")
        stale = f"neighbour replace {FIXED} lladdr {NOBODY} dev eth0 nud stale"
        namespace.configure(FAR, [stale])
        shown = ["ip", "-n", FAR, "neighbour", "show", FIXED]
        until(lambda: NOBODY not in namespace.run(shown), "nothing was announced")
        assert "made" in natgate(node, "remove", "--state", str(tmp_path))
    assert not holds()
    assert keepalived_of(tmp_path).pids() == []
    assert "ermi" not in (tmp_path / "log").read_text()
