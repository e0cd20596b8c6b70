"""The unit of the witness is one that systemd takes, and gives it just enough."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from natgate.model.claim import Claim
from tests.fence.processes import running, until
from tests.fence.witness_process import KEY, SPEC, client
from tests.fence_contract import KEY as SHARE
from tests.namespaces import namespace

from .unit_file import ROOT, settings, verified

UNIT = ROOT / "packaging" / "natgate-witness.service"


def test_it_starts_a_witness_without_any_privilege() -> None:
    """No capability, a user of its own, and nothing to write but its state directory."""
    unit = settings(UNIT)
    assert unit["ExecStart"][0].split()[1] == "witness"
    assert unit["CapabilityBoundingSet"] == unit["AmbientCapabilities"] == [""]
    assert unit["User"] == unit["StateDirectory"] == ["natgate-witness"]
    assert unit["NoNewPrivileges"] == ["yes"]
    page = unit["Documentation"][0].removeprefix("file:///opt/natgate/")
    assert (ROOT / page).is_file()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_verifies_it(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, given a program that exists."""
    assert verified(UNIT, tmp_path) == (0, "")


@pytest.mark.kernel
def test_a_witness_confined_as_the_unit_says_keeps_claims(tmp_path: Path) -> None:
    """Without any capability, with its state directory alone to write to, it serves a claim."""
    state, spec, log = tmp_path / "state", tmp_path / "spec.yaml", tmp_path / "log"
    state.mkdir()
    spec.write_text(SPEC)
    command = [
        sys.executable,
        "-m",
        "natgate",
        "witness",
        "--spec",
        str(spec),
        "--state",
        str(state),
    ]
    confined = ["unshare", "--mount", sys.executable, "-m", "tests.house.confined", "", str(state)]
    environment = {"NATGATE_KEY": KEY.decode(), "UNIT": UNIT.name, "PYTHONPATH": str(ROOT)}
    with namespace() as island, island.entered():
        with running([*confined, *command], log, {**os.environ, **environment}):
            until(lambda: "witness of main" in log.read_text(), "it does not start")
            answers = [_claimed(), _claimed()]
        assert answers[0] == answers[1]
        assert (state / "claims.db").exists()


def _claimed() -> Claim:
    return asyncio.run(client(timeout=5).claim(SHARE, "node-a", 0))
