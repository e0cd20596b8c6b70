"""The unit of the log is one that systemd takes, and gives it just enough."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.fence.processes import running, until
from tests.kernel.log_process import spec_file
from tests.namespaces import execute, namespace

from .unit_file import ROOT, settings, verified

UNIT = ROOT / "packaging" / "natgate-log.service"


def test_it_starts_a_log_with_one_capability() -> None:
    """A second one would need a reason; the page that the unit names is there."""
    unit = settings(UNIT)
    assert unit["ExecStart"][0].split()[1:3] == ["log", "run"]
    assert unit["CapabilityBoundingSet"] == ["CAP_NET_ADMIN"]
    assert unit["StateDirectory"] == ["natgate-log"]
    assert unit["Restart"] == ["always"]
    page = unit["Documentation"][0].removeprefix("file:///opt/natgate/")
    assert (ROOT / page).is_file()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_verifies_it(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, given a program that exists."""
    assert verified(UNIT, tmp_path) == (0, "")


@pytest.mark.kernel
def test_a_log_confined_as_the_unit_says_keeps_flows_and_compresses_them(tmp_path: Path) -> None:
    """With one capability and its own directory, it reads events and rotates."""
    state, said = tmp_path / "state", tmp_path / "said"
    state.mkdir()
    spec = spec_file(state, rotate_interval="500ms")
    command = [sys.executable, "-m", "natgate", "log", "run", "--spec", str(spec)]
    confined = [sys.executable, "-m", "tests.house.confined", "CAP_NET_ADMIN", str(state)]
    environment = {**os.environ, "UNIT": UNIT.name, "PYTHONPATH": str(ROOT)}
    flow = "conntrack -I -s 10.1.0.10 -d 203.0.113.20 -t 100 -u SEEN_REPLY -p udp --dport 7000"
    argv = ["unshare", "--mount", *confined, *command]
    with namespace() as island, island.entered(), running(argv, said, environment):
        until(lambda: "log begun" in said.read_text(), "it does not start")
        execute(*flow.split(), "--sport", "5000", "--src-nat", "10.1.200.5:2000")
        execute("conntrack", "-F")
        until(lambda: any(state.glob("log/*/*.parquet")), said.read_text())
