"""The first guide works as it is written, on two routers made of namespaces."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from natgate.lab import namespace

from .files import ROOT, blocks
from .test_privileges import until

pytestmark = pytest.mark.kernel

GUIDE = ROOT / "docs" / "guides" / "two-routers.md"
PREFIX = f"ng.t{os.getpid()}-guide."
HOST, PARTNER, SWITCH = (PREFIX + name for name in ("host", "partner", "switch"))
ROUTERS = {"router-a": "192.0.2.2", "router-b": "192.0.2.3"}
PORTS = {HOST: "host", PARTNER: "partner", **{PREFIX + name: name for name in ROUTERS}}


@pytest.fixture
def office() -> Iterator[None]:
    """A host, two routers and the partner on one switch; routes lead to router-a."""
    spaces = [SWITCH, *PORTS]
    namespace.create(spaces)
    try:
        lines = ["link add br0 type bridge", "link set br0 up"]
        for space, port in PORTS.items():
            lines.append(f"link add {port} type veth peer name eth0 netns {space}")
            lines.append(f"link set {port} master br0 up")
        namespace.configure(SWITCH, lines)
        _host(HOST, "10.1.1.9/24", "203.0.113.0/24 via 192.0.2.2 dev eth0 onlink")
        _host(PARTNER, "192.0.2.1/24", "198.51.100.10 via 192.0.2.2")
        namespace.configure(PARTNER, ["address add 203.0.113.20/32 dev eth0"])
        for router, address in ROUTERS.items():
            _host(PREFIX + router, f"{address}/24", "10.1.0.0/16 dev eth0")
            route = "route add 203.0.113.0/24 via 192.0.2.1"
            namespace.configure(PREFIX + router, [route])
        yield
    finally:
        namespace.delete(spaces)


def _host(space: str, address: str, route: str) -> None:
    up = ["link set lo up", f"address add {address} dev eth0", "link set eth0 up"]
    namespace.configure(space, [*up, f"route add {route}"])


def natgate(router: str, *arguments: str) -> str:
    """What `natgate` says on a router; it must succeed."""
    argv = [sys.executable, "-m", "natgate", *arguments]
    return namespace.run(namespace.inside(PREFIX + router, argv))


def test_the_steps_of_the_guide_work(office: None, tmp_path: Path) -> None:
    """Checked, planned, kept by two agents, seen with the fixed address, flushed, and removed."""
    del office
    spec, key = tmp_path / "spec.yaml", tmp_path / "key"
    (text,) = blocks(GUIDE, "yaml")
    spec.write_text(text.replace("/etc/natgate/key", str(key)))
    key.write_text("0123456789abcdef")
    key.chmod(0o600)
    states = {router: str(tmp_path / router) for router in ROUTERS}
    agents = []
    try:
        for router, state in states.items():
            assert "valid" in natgate(router, "check", str(spec))
            plan = natgate(router, "plan", "--state", state, str(spec))
            assert "snat to 198.51.100.10" in plan
            argv = [sys.executable, "-m", "natgate", "agent", "--state", state, "--spec", str(spec)]
            agents.append(subprocess.Popen(namespace.inside(PREFIX + router, argv)))
        until(lambda: all(_healthy(router, state) for router, state in states.items()), "unhealthy")
        assert _seen_source() == "198.51.100.10"
        namespace.run(namespace.inside(PREFIX + "router-a", ["nft", "flush", "ruleset"]))
        until(lambda: _seen_source() == "198.51.100.10", "the flush was not repaired")
        for router, state in states.items():
            natgate(router, "apply", "--state", state, str(spec))
            assert "made" in natgate(router, "remove", "--state", state)
            left = namespace.run(namespace.inside(PREFIX + router, ["nft", "list", "ruleset"]))
            assert left == ""
    finally:
        for agent in agents:
            agent.terminate()
            agent.wait()


def _healthy(router: str, state: str) -> bool:
    if not Path(state, "agent.sock").exists():
        return False
    status: dict[str, Any] = json.loads(natgate(router, "status", "--json", "--state", state))
    return [node["healthy"] for node in status["nodes"]] == [True, True]


def _seen_source() -> str:
    """The source of one datagram from the host, as the partner sees it."""
    listen = "import socket as s; u = s.socket(2, 2); u.settimeout(5); u.bind(('', 7))"
    argv = [sys.executable, "-c", f"{listen}; print(flush=True); print(u.recvfrom(9)[1][0])"]
    with subprocess.Popen(
        namespace.inside(PARTNER, argv), stdout=subprocess.PIPE, text=True
    ) as partner:
        assert partner.stdout
        partner.stdout.readline()
        send = "import socket as s; s.socket(2, 2).sendto(b'hello', ('203.0.113.20', 7))"
        namespace.run(namespace.inside(HOST, [sys.executable, "-c", send]))
        return partner.stdout.read().strip()
