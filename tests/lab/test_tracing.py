"""A capture and a dry run on the node of a lab, beside its agent."""

import subprocess
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from natgate.kernel.dry_run import dry_run
from natgate.lab import namespace
from natgate.model.trace import Packet
from tests.namespaces import execute

from .conftest import Bench

pytestmark = pytest.mark.lab

CLIENT, TARGET, FIXED = "10.10.0.16", "192.168.100.20", "10.10.0.85"


def test_a_capture_names_the_entry_that_the_agent_tells(bench: Bench, tmp_path: Path) -> None:
    """On a node with one link a packet is there as it came and as it left."""
    file = tmp_path / "net.pcapng"
    argv = [sys.executable, "-m", "natgate", "capture", "--lab", bench.name, bench.active()]
    argv += ["--client", CLIENT, "--port", "80", "--count", "2", "-o", str(file)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 10
        while not (file.exists() and file.stat().st_size):
            assert time.monotonic() < deadline, "it does not begin"
            time.sleep(0.01)
        assert bench.fetch("client-a", TARGET)
        assert process.stderr is not None
        assert process.stderr.read().endswith("0 dropped by the kernel: --count is reached\n")
        assert process.wait() == 0
    told = execute(
        *("tshark", "-r", str(file), "-T", "fields", "-e", "frame.interface_name"),
        *("-e", "ip.src", "-e", "frame.comment"),
    )
    before, after = (line.split("\t") for line in told.splitlines())
    assert before[:2] == ["eth0 before", CLIENT]
    assert after[:2] == ["eth0 after", FIXED]
    assert before[2].startswith(f"partner/to-partner: {CLIENT}:")
    assert f" becomes {FIXED}:" in before[2]


def test_the_agent_takes_no_dry_run_for_drift(bench: Bench) -> None:
    """Ten of them name the entry; then as before, nothing was repaired and nobody took over."""
    packet = Packet(
        protocol="tcp",
        source=IPv4Address(CLIENT),
        destination=IPv4Address(TARGET),
        destination_port=80,
    )
    before = bench.json("status")
    node = bench.active()
    space = namespace.NETNS / bench.lab.namespace(node)
    for _ in range(10):
        found = dry_run(packet, "eth0", space)
        assert (found.end, found.link, found.entry) == ("postrouting", "eth0", "partner/to-partner")
        assert str(found.after.source) == FIXED
    after = bench.json("status")
    assert after["warnings"] == before["warnings"]
    assert bench.active() == node
