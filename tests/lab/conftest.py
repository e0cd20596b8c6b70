"""Labs for tests: brought up by the command, as a user would, and always taken down."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from natgate.lab import agents, faults, record, witness
from natgate.lab.record import Lab
from natgate.model.error import HostError

Done = subprocess.CompletedProcess[str]

SOON_MS = 1500
"""The longest outage of a gateway that helps itself, on the busiest machine; `python -m
bench.survival` measures it against what is promised."""

THREE_ZONES = Path(__file__).with_name("three-zones.yaml")


def natgate(*arguments: str) -> Done:
    """Run `natgate lab` with arguments, as a user would."""
    argv = [sys.executable, "-m", "natgate", "lab", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=180)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One lab that is up."""

    name: str

    @property
    def lab(self) -> Lab:
        """Its scene and its names."""
        return record.find(self.name)

    def run(self, verb: str, *arguments: str) -> Done:
        """A verb of `natgate lab` for this lab."""
        return natgate(verb, "--name", self.name, *arguments)

    def ok(self, verb: str, *arguments: str) -> str:
        """The same; its output, and it must succeed."""
        done = self.run(verb, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, verb: str) -> Any:  # noqa: ANN401 (whatever the command says)
        """The document of a verb with --json."""
        return json.loads(self.ok(verb, "--json"))

    def active(self) -> str:
        """The node that carries the first gateway."""
        return str(agents.status(self.lab)["gateways"][0]["active"])

    def fetch(self, client: str, address: str) -> str | None:
        """What a target answers to curl from a client; None if it does not."""
        try:
            return agents.fetch(self.lab, client, address)
        except HostError:
            return None

    def heal(self) -> None:
        """Undo every fault."""
        faults.heal(self.lab, self.lab.nodes())

    def settle(self) -> None:
        """Wait until every node may take over at once: one fault has its hold-down behind it."""
        agents.wait_settled(self.lab)

    def packets(self, kind: str) -> dict[str, int]:
        """Packets that the targets saw from admitted or wrong sources, by source."""
        seen: dict[str, int] = {}
        for target in self.lab.scene.targets:
            for source, count in witness.packets(self.lab.namespace(target.name), kind).items():
                seen[source] = seen.get(source, 0) + count
        return seen


@pytest.fixture(scope="module")
def bring_up(worker_id: str) -> Iterator[Callable[..., Bench]]:
    """Brings up labs, each under a name of its own, and takes them down with the module.

    Fifty agents of labs that nobody looks at any more would leave the last tests no processor.
    """
    with ExitStack() as stack:

        def make(*arguments: str) -> Bench:
            bench = Bench(name=f"t{os.getpid()}-{worker_id}-{len(made)}"[:21])
            made.append(bench)
            stack.callback(natgate, "down", "--name", bench.name)
            done = natgate("up", "--name", bench.name, *arguments)
            assert done.returncode == 0, done.stderr
            return bench

        made: list[Bench] = []
        yield make


@pytest.fixture(scope="module")
def bench(bring_up: Callable[..., Bench]) -> Bench:
    """The built-in scene."""
    return bring_up()
