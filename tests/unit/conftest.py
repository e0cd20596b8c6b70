"""Unit tests start no process and open no network socket: the interpreter itself reports both."""

import socket
import sys
from collections.abc import Iterator

import pytest

_PROCESSES = {"subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec"}
_watching = False
_seen: list[str] = []


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    """Python's own audit events (PEP 578); a hook stays for life, so it is switched by a flag."""
    if not _watching:
        return
    opened = event == "socket.__new__" and arguments[1] != socket.AF_UNIX
    if opened or event in _PROCESSES:
        _seen.append(event)
        raise AssertionError(f"a unit test may not do this: {event} {arguments}")


sys.addaudithook(_audit)


@pytest.fixture(autouse=True)
def _no_process_and_no_network() -> Iterator[None]:
    """A unit test that reaches for the outside fails, even where the error is swallowed."""
    global _watching  # noqa: PLW0603 (an audit hook cannot be taken away)
    _seen.clear()
    _watching = True
    yield
    _watching = False
    assert not _seen, f"a unit test may not do this: {', '.join(_seen)}"
