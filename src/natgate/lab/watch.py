"""The probe programs of a lab's clients: started together, listened to, and stopped together."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

from natgate.lab import namespace
from natgate.lab.measure import Report
from natgate.lab.probe import KINDS, PROGRESS_TICKS
from natgate.lab.record import Lab
from natgate.lab.scene import Path
from natgate.model.error import HostError

PATIENCE = 10.0
"""Seconds that a probe program has to start, and to report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """How many of ten recent probes of each kind were answered at one client.

    `downloaded` is how much of what the target may send in 100 ms has come, 0 to 1.
    """

    client: str
    answered: Mapping[str, int]
    downloaded: float

    @property
    def share(self) -> float:
        """The answered share of the worst kind, 0 to 1."""
        return min(self.answered[kind] for kind in KINDS) / PROGRESS_TICKS


class Watch:
    """Probes from every given client to its target, from entering to leaving."""

    def __init__(self, lab: Lab, ways: Sequence[Path]) -> None:
        self.lab = lab
        self.ways = ways
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.listeners: list[threading.Thread] = []
        self.said: SimpleQueue[tuple[str, Any]] = SimpleQueue()

    def __enter__(self) -> Self:
        """Start the probes and wait until each has worked."""
        for way in self.ways:
            self._start(way.client.name, str(way.target.address))
        waiting = {way.client.name for way in self.ways}
        while waiting:
            client, message = self._next()
            if message == "ready":
                waiting.discard(client)
        return self

    def _start(self, client: str, target: str) -> None:
        argv = [sys.executable, "-m", "natgate.lab.probe", target]
        process = subprocess.Popen(
            namespace.inside(self.lab.namespace(client), argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the demo alone
        )
        self.processes[client] = process
        listener = threading.Thread(target=self._listen, args=(client, process), daemon=True)
        self.listeners.append(listener)
        listener.start()

    def _listen(self, client: str, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            self.said.put((client, json.loads(line)))

    def _next(self) -> tuple[str, Any]:
        """The next thing a probe said; HostError if it is that it failed, or nothing for long."""
        try:
            client, message = self.said.get(timeout=PATIENCE)
        except Empty:
            raise HostError(f"the probes of lab {self.lab.name} say nothing any more") from None
        if "failed" in message:
            raise HostError(f"the probe of {client} failed: {message['failed']}")
        return client, message

    def samples(self, seconds: float) -> Iterator[Sampled]:
        """What the probes see during so many seconds, each of them ten times a second."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            client, message = self._next()
            if "answered" in message:
                yield Sampled(
                    client=client,
                    answered=message["answered"],
                    downloaded=message["downloaded"],
                )

    def stop(self) -> dict[str, Report]:
        """End the probes; what each client has to report."""
        for process in self.processes.values():
            if process.stdin:
                process.stdin.close()
        reports: dict[str, Report] = {}
        while len(reports) < len(self.processes):
            client, message = self._next()
            if "outcomes" in message:
                reports[client] = Report.model_validate(message)
        return {client: reports[client] for client in self.processes}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave no probe running."""
        for process in self.processes.values():
            process.kill()
        for listener in self.listeners:
            listener.join()
        for process in self.processes.values():
            with process:
                pass  # closes its pipes and waits for it
