"""A referee whose clock only moves when it waits, and whose lines are kept."""

import json
from dataclasses import dataclass, field
from typing import Any

from natgate.agent.referee import Referee
from natgate.agent.referee_log import RefereeLog
from natgate.cloud.aws_calls import Patience
from natgate.cloud.aws_referee import AwsGroup
from natgate.model.referee import RefereeSetup
from natgate.wire.referee_setup import parse_referee
from tests.referee.cloud import NOW, SETUP_DATA, Cloud


def setup_of(**changes: object) -> RefereeSetup:
    """The setup of the scene, with some of its fields changed."""
    return parse_referee(json.dumps({**SETUP_DATA, **changes}), "NATGATE_REFEREE")


SETUP = setup_of()


@dataclass
class Bench:
    """One event at a time; `said` has the lines of the last one."""

    cloud: Cloud
    setup: RefereeSetup = SETUP
    threads: int = 1
    said: list[dict[str, Any]] = field(default_factory=list)
    waited: float = 0.0

    def take(self, event: object) -> None:
        """An event reaches the referee."""
        self.said.clear()
        self.waited = 0.0
        patience = Patience(
            deadline=self.setup.deadline,
            clock=lambda: self.waited,
            sleep=self._wait,
            jitter=lambda low, high: (low + high) / 2,
        )
        Referee(
            setup=self.setup,
            group=AwsGroup(
                setup=self.setup,
                client=self.cloud.client,
                patience=patience,
                threads=self.threads,
            ),
            log=RefereeLog(
                request="r",
                now=lambda: NOW,
                write=lambda line: self.said.append(json.loads(line)),
                many=len(self.setup.shares) > 1,
            ),
            patience=patience,
        ).take(event)

    def lines(self, message: str) -> list[dict[str, Any]]:
        """What was said, without what every line has."""
        every = {"timestamp", "level", "message", "logger", "requestId"}
        return [
            {k: v for k, v in line.items() if k not in every}
            for line in self.said
            if line["message"] == message
        ]

    def _wait(self, seconds: float) -> None:
        self.waited += seconds
