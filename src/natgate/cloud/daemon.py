"""A daemon that outlives the agent, known by its pid files and by its command line.

It runs in a session of its own. A restarted agent finds it again; a pid file alone proves nothing,
since after a reboot the number may be anybody's.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from natgate.model.error import HostError, RefusedError

DEADLINE = 2.0
"""Seconds that the daemon has to end after SIGTERM, before SIGKILL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """One program with its processes: the first pid file is that of the one to speak to.

    `mark` is an argument that only this daemon's processes have; `package` is Debian's.
    """

    argv: tuple[str, ...]
    pid_files: tuple[Path, ...]
    mark: str
    package: str

    def pids(self) -> list[int]:
        """The processes that live, in the order of the pid files."""
        return [pid for path in self.pid_files if (pid := self._pid(path)) is not None]

    def lives(self) -> int | None:
        """The process to speak to, if it lives."""
        return self._pid(self.pid_files[0])

    def start(self) -> None:
        """Start it and wait until it lives; none of its processes may live yet.

        RefusedError if it is not installed, HostError if it ends at once.
        """
        if shutil.which(self.argv[0]) is None:
            raise RefusedError(
                f"{self.argv[0]} is not installed: apt-get install {self.package}; do not enable "
                "its own service, natgate starts it"
            )
        for path in self.pid_files:
            path.unlink(missing_ok=True)
        environment = {"PATH": os.environ.get("PATH", os.defpath)}
        argv = ["setsid", "--fork", *self.argv]
        try:
            subprocess.run(argv, stdin=subprocess.DEVNULL, env=environment, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise HostError(f"{self.argv[0]} cannot be started: {error}") from None
        if not _within(DEADLINE, lambda: self.lives() is not None):
            raise HostError(f"{self.argv[0]} ended as soon as it was started: see the agent's log")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process to speak to, if it lives."""
        _send(self.lives(), number)

    def stop(self) -> None:
        """End all its processes: asked first, killed after 2 s."""
        self.signal(signal.SIGTERM)
        if not _within(DEADLINE, lambda: not self.pids()):
            for pid in self.pids():
                _send(pid, signal.SIGKILL)
            _within(DEADLINE, lambda: not self.pids())

    def _pid(self, path: Path) -> int | None:
        try:
            pid = int(path.read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if self.mark.encode() in words else None


def _send(pid: int | None, number: signal.Signals) -> None:
    if pid is not None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
