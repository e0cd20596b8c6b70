"""The systemd unit is one that systemd takes."""

import shutil
from pathlib import Path

import pytest

from .unit_file import ROOT, UNIT, capabilities, settings, verified


def test_every_line_is_a_setting() -> None:
    """The unit parses, starts `natgate agent`, and leaves traffic alone when it stops."""
    unit = settings()
    assert unit["ExecStart"][0].split()[1] == "agent"
    assert unit["KillMode"] == ["process"]
    assert unit["Restart"] == ["always"]


def test_it_has_no_more_capabilities_than_are_tested() -> None:
    """A third capability would need a reason, and a test that shows that it is needed."""
    assert capabilities() == ["CAP_NET_ADMIN", "CAP_NET_RAW"]


def test_documentation_exists() -> None:
    """The page that the unit names is in this repository."""
    page = settings()["Documentation"][0].removeprefix("file:///opt/natgate/")
    assert (ROOT / page).is_file()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_verifies_it(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, given a program that exists."""
    assert verified(UNIT, tmp_path) == (0, "")
