"""Faults and ends of instances by the lab's own socket."""

import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from natgate.lab import control
from natgate.model.error import HostError, RefusedError

from .conftest import Town


@pytest.fixture
def path(town: Town, tmp_path: Path) -> Iterator[Path]:
    """A socket by which the town is told."""
    place = tmp_path / "control"
    server = control.serve(place, town.cloud.act)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield place
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_verb_says_what_came_of_it(path: Path) -> None:
    """A sentence each; a table is named as in the spec."""
    assert control.ask(path, "throttle", "2") == "the API throttles every call for 2 s"
    assert "refuses to change routes of edge (rtb-" in control.ask(path, "refuse", "edge")
    assert control.ask(path, "heal") == "the API answers as it should"


def test_an_instance_can_be_ended(path: Path, town: Town) -> None:
    """`terminate NODE` takes the instance that stands for it."""
    assert "of node-a is shutting-down" in control.ask(path, "terminate", "node-a")
    assert town.machines.done == [("kill", "node-a")]
    with pytest.raises(RefusedError, match="is shutting-down"):
        control.ask(path, control.BOOT, "node-a")


def test_what_cannot_be_is_refused(path: Path) -> None:
    """The reason comes back to the caller."""
    with pytest.raises(RefusedError, match="no instance stands for nobody"):
        control.ask(path, "stop", "nobody")
    with pytest.raises(RefusedError, match="milliseconds"):
        control.ask(path, "slow", "much")


def test_only_the_owner_reaches_the_socket(path: Path) -> None:
    """Nobody else may connect."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_cloud_that_is_not_there_is_said(tmp_path: Path) -> None:
    """One sentence, no traceback."""
    with pytest.raises(HostError, match="does not answer"):
        control.ask(tmp_path / "none", "heal")
