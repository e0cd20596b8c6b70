"""The rule that unit tests stay inside their process holds."""

import socket
import subprocess
from collections.abc import Callable

import pytest

from tests.unit import conftest


def _run() -> object:
    return subprocess.run(["true"], check=False)


def _open() -> object:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


@pytest.mark.parametrize("reach_out", [_run, _open])
def test_reaching_out_fails(reach_out: Callable[[], object]) -> None:
    """A unit test that starts a process or opens a network socket is stopped and reported."""
    with pytest.raises(AssertionError, match="a unit test may not do this"):
        reach_out()
    assert conftest._seen  # noqa: SLF001 (what the fixture would report)
    conftest._seen.clear()  # noqa: SLF001 (as expected here)


def test_a_local_pair_is_allowed() -> None:
    """An event loop's own pair of sockets leads nowhere and is allowed."""
    one, other = socket.socketpair()
    one.close()
    other.close()
