"""The referee in a lab: its handler in a process of its own, which takes one event at a time.

`python -m natgate.lab.ec2.referee` is that process; it reads events as lines of JSON.
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping

from natgate.agent.referee import SETUP, handler
from natgate.lab.ec2.events import Event
from natgate.lab.ec2.settings import CloudTimes
from natgate.lab.scene import Scene
from natgate.lab.vpc import environment, steering
from natgate.model.aws import in_tables
from natgate.wire.referee_of_spec import setup_for
from natgate.wire.referee_setup import render_referee

DEADLINE = 20.0
"""Seconds for one turn."""


def setup_of(scene: Scene, tables: Mapping[str, str], times: CloudTimes) -> str | None:
    """What the referee is told once, in its environment; None where a deployment has no referee.

    It knows one node in each zone, and moves no share whose address lies on the nodes' own links.
    """
    spec = scene.spec
    if not in_tables(spec) or len({node.zone for node in spec.nodes}) < len(spec.nodes):
        return None
    return render_referee(
        setup_for(spec, steering(), tables, cooldown=times.cooldown, deadline=DEADLINE)
    )


class Referee:
    """Events are handed to the process without waiting for it; a dead one is started again.

    Without a setup there is none, and events are told to nobody.
    """

    def __init__(self, setup: str | None) -> None:
        self._setup = setup
        self._process: subprocess.Popen[str] | None = None

    def tell(self, event: Event) -> None:
        """Hand one event on."""
        if self._setup is None:
            return
        line = json.dumps(event) + "\n"
        for _ in range(2):
            process = self._alive(self._setup)
            try:
                if process.stdin is not None:
                    process.stdin.write(line)
                    process.stdin.flush()
            except BrokenPipeError:
                self._process = None
            else:
                return

    def end(self) -> None:
        """No more events."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def _alive(self, setup: str) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "natgate.lab.ec2.referee"],
                stdin=subprocess.PIPE,
                env={**os.environ, **environment(), SETUP: setup},
                text=True,
            )
        return self._process


class Context:
    """What a Lambda runtime hands to a handler."""

    def __init__(self) -> None:
        self.aws_request_id = str(uuid.uuid4())


def main() -> None:
    """Take events until there are no more."""
    for line in sys.stdin:
        try:
            handler(json.loads(line), Context())
        except Exception as error:  # noqa: BLE001 (a runtime survives whatever its function does)
            sys.stdout.write(f"referee failed: {type(error).__name__}: {error}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
