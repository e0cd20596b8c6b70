"""A node that translates, with `natgate log run` on it, and flows by the thousand."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from natgate.model.log_rows import ROW, Rows
from natgate.store.log_directory import LogDirectory, read_journal
from natgate.store.log_files import read_rows
from natgate.wire.config import render_spec
from tests.kernel.net import FIXED, TARGETS, Net, spec_with

HOST = "10.1.0.10"
PATIENCE = 60.0
NATGATE = [sys.executable, "-m", "natgate"]
GATEWAY = {
    "name": "g",
    "addresses": [{"address": FIXED}],
    "snat": [{"name": "one", "sources": ["10.1.0.0/24"], "addresses": [FIXED]}],
    "dnat": [{"name": "web", "address": FIXED, "protocol": "udp", "port": 443, "target": HOST}],
}
FIRST = 10_000
"""The first port of the target that flows go to."""


def spec_file(place: Path, gateway: dict[str, Any] = GATEWAY, **log: object) -> Path:
    """A spec with a log in a directory."""
    document = yaml.safe_load(render_spec(spec_with(gateway)))
    document["log"] = {"directory": str(place / "log"), **log}
    path = place / "spec.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


@dataclass
class Logging:
    """`natgate log run`, and what it says."""

    process: subprocess.Popen[bytes]
    said: Path

    def kill(self) -> None:
        """Kill -9."""
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """Stop it until `go_on`."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run again."""
        os.kill(self.process.pid, signal.SIGCONT)

    def end(self) -> int:
        """Ask it to end, as systemd does; its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)


def until(true: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait until something becomes true."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@contextmanager
def logging(net: Net, spec: Path) -> Iterator[Logging]:
    """A log on the node, which has begun; it is gone in the end, whatever happens."""
    said = spec.with_name(f"said-{time.monotonic_ns()}")
    argv = ["setpriv", "--pdeathsig", "KILL", *NATGATE, "log", "run", "--spec", str(spec)]
    with net.node.entered(), said.open("w") as errors:
        process = subprocess.Popen(argv, stderr=errors)
    made = Logging(process, said)
    try:
        until(lambda: "log begun" in said.read_text() or process.poll() is not None, "no start")
        assert process.poll() is None, said.read_text()
        yield made
    finally:
        process.kill()
        process.wait()


def flows(net: Net, ports: Iterable[int], host: str = HOST) -> set[tuple[int, int]]:
    """A UDP flow to each port of the target; source and destination port as the target saw them."""
    net.packets()
    net.seen.clear()
    sender = net.udp(host)
    for number, port in enumerate(ports):
        sender.sendto(b"x", (TARGETS[0], port))
        if number % 500 == 0:
            net.packets()
    net.packets()
    return {(each.port, port) for each, port in zip(net.seen, ports, strict=True)}


def end_all(net: Net) -> None:
    """The kernel ends every flow of the node."""
    net.node.run("conntrack -F")


def logged(spec: Path) -> Rows:
    """Every row in files and journals."""
    log = LogDirectory(spec.parent / "log")
    parts = [read_journal(path)[1] for path in log.journals()]
    parts += [read_rows(path)[0] for _, path in log.files()]
    return np.concatenate(parts or [np.zeros(0, ROW)])


def ended(spec: Path) -> set[tuple[int, int]]:
    """The ports, outside and at the target, of all flows whose end is logged."""
    rows = logged(spec)
    rows = rows[rows["kind"] == 1]
    return set(zip(rows["port"].tolist(), rows["peer_port"].tolist(), strict=True))


def ended_count(spec: Path) -> int:
    """How many flows' ends are logged."""
    return int((logged(spec)["kind"] == 1).sum())


def natgate(net: Net, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`natgate` on the node."""
    with net.node.entered():
        argv = [*NATGATE, *arguments]
        return subprocess.run(argv, capture_output=True, text=True, check=False)


def who(net: Net, spec: Path, port: int, at: float, *more: str) -> dict[str, Any]:
    """The answer to a question, as a document."""
    when = datetime.fromtimestamp(at, UTC).isoformat()
    place = ("--directory", str(spec.parent / "log"), "--json")
    question = ("--address", FIXED, "--port", str(port), "--at", when)
    done = natgate(net, "log", "who", *question, *place, *more)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def free_port() -> int:
    """A UDP port of this namespace that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
