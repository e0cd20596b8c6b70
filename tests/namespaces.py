"""Network namespaces without names: they end with the test, whatever happens to it.

The testing thread itself enters a namespace and comes back; sockets stay where they were opened.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
_HERE = Path("/proc/thread-self/ns/net")


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace that lives as long as its file descriptor is open."""

    descriptor: int

    @property
    def path(self) -> str:
        """A path by which programs find it."""
        return f"/proc/{os.getpid()}/fd/{self.descriptor}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is inside meanwhile."""
        back = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check(_LIBC.setns(self.descriptor, CLONE_NEWNET))
            yield
        finally:
            _check(_LIBC.setns(back, CLONE_NEWNET))
            os.close(back)

    def run(self, *commands: str) -> str:
        """Commands inside, each split at spaces; their output, and all must succeed."""
        with self.entered():
            return "".join(execute(*command.split()) for command in commands)


@contextmanager
def namespace() -> Iterator[Namespace]:
    """A fresh namespace, with its loopback up; this thread stays where it is."""
    back = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_LIBC.unshare(CLONE_NEWNET))
        try:
            made = Namespace(os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC))
            execute("ip", "link", "set", "lo", "up")
        finally:
            _check(_LIBC.setns(back, CLONE_NEWNET))
    finally:
        os.close(back)
    try:
        yield made
    finally:
        os.close(made.descriptor)


def execute(*command: str, stdin: str = "") -> str:
    """The output of a program, which must succeed."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=10
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}{stdin}"
    return done.stdout


def nft(script: str) -> str:
    """An nft script run by another process, as a foreign program would."""
    return execute("nft", "-f", "-", stdin=script)
