"""conntrackd beside the agent: it outlives the agent, which finds it again and speaks to it."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from natgate.model.error import HostError, RefusedError
from natgate.wire.conntrackd import Pairing, Stats, parse_stats, render_conntrackd

PROGRAM = "conntrackd"
DEADLINE = 3.0
"""Seconds that conntrackd has to start, to answer and to end."""


class Conntrackd:
    """One conntrackd, known by its configuration file: no other process names it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()
        self._config = self._directory / "conf"
        self._pid_file = self._directory / "pid"
        self._lock = self._directory / "lock"
        self._control = self._directory / "control"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def directory(self) -> str:
        """Where its lock, control socket and configuration are."""
        return str(self._directory)

    def session(self) -> str:
        """Names this run of it: another one knows nothing of what this one has sent."""
        pid = self.lives()
        if pid is None:
            return ""
        started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        return f"{pid}.{started}"

    def lives(self) -> int | None:
        """Its process; None if it is dead."""
        if self._child is not None:
            self._child.poll()
        try:
            pid = int(self._pid_file.read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if str(self._config).encode() in words else None

    def bring(self, pairing: Pairing) -> bool:
        """Have one that runs with this configuration; whether it was started for that.

        RefusedError if conntrackd is not installed, HostError if it does not come up.
        """
        text = render_conntrackd(pairing)
        with suppress(OSError):
            if self.lives() is not None and self._config.read_text() == text:
                return False
        self.stop()
        if shutil.which(PROGRAM) is None:
            raise RefusedError(
                "conntrackd is not installed, so open connections end with their node: "
                "apt-get install conntrackd; do not enable its own service, natgate starts it"
            )
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._config.write_text(text)
            for left in (self._lock, self._control):
                left.unlink(missing_ok=True)
        except OSError as error:
            raise HostError(f"cannot write {self._config}: {error.strerror}") from None
        self._start()
        return True

    def stop(self) -> None:
        """End it: asked first, killed after 3 s; nothing if it does not run."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            pid = self.lives()
            if pid is None:
                return
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + DEADLINE
            while self.lives() is not None and time.monotonic() < deadline:
                time.sleep(0.01)

    def remove(self) -> None:
        """End it, and take its files away."""
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    async def tell(self, *options: str) -> str:
        """Its answer to its own options, such as -s; HostError if it gives none in time."""
        argv = (PROGRAM, "-C", str(self._config), *options)
        try:
            asked = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise HostError(f"conntrackd cannot be asked: {error.strerror}") from None
        try:
            async with asyncio.timeout(DEADLINE):
                output, _ = await asked.communicate()
        except TimeoutError:
            raise HostError("conntrackd does not answer") from None
        finally:
            if asked.returncode is None:
                asked.kill()
                await asked.wait()
        if asked.returncode:
            asked_for = " ".join(options)
            raise HostError(f"conntrackd {asked_for} failed with exit code {asked.returncode}")
        return output.decode(errors="replace")

    async def stats(self) -> Stats:
        """What it counts; HostError if it does not say."""
        try:
            said = [await self.tell("-s", *more) for more in ((), ("queue",), ("runtime",))]
            return parse_stats(*said)
        except ValueError as error:
            raise HostError(f"conntrackd's counters cannot be read: {error}") from None

    def _start(self) -> None:
        environment = {"PATH": os.environ.get("PATH", os.defpath)}
        try:
            self._child = subprocess.Popen(
                [PROGRAM, "-C", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
                # Its errors go where the agent's go, and a reader that ends must not end it.
                restore_signals=False,
            )
            self._pid_file.write_text(f"{self._child.pid}\n")
        except OSError as error:
            raise HostError(f"conntrackd cannot be started: {error.strerror}") from None
        deadline = time.monotonic() + DEADLINE
        while not self._control.exists():
            if self._child.poll() is not None or time.monotonic() > deadline:
                raise HostError("conntrackd ended as soon as it was started: see the agent's log")
            time.sleep(0.005)
