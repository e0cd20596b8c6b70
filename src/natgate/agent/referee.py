"""The referee as a cloud function: one event, and turns until the routes need no more change.

Like the loop of a node it observes, plans and applies. It reads everything anew after each change,
so of two that run at once the last one to write sees what both have made of the routes.
Only the standard library and boto3 are needed where it runs.
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from natgate.agent.referee_log import RefereeLog
from natgate.cloud.aws_calls import CONNECT, READ, Patience, client_of
from natgate.cloud.aws_referee import AwsGroup
from natgate.model.error import HostError, RefusedError
from natgate.model.referee import (
    CloudEvent,
    Instance,
    RefereeSetup,
    RouteChange,
    TableRoute,
    World,
)
from natgate.plan.referee import Turn, concerns, decide
from natgate.wire.aws_events import parse_event
from natgate.wire.referee_setup import parse_referee

SETUP = "NATGATE_REFEREE"
"""The environment variable that says what to watch over."""

TURNS = 8
"""Turns for one event; two that run at once need four."""

RESERVE = CONNECT + READ
"""Seconds that are kept of the function's time: a last call may take as long, then it is said."""

_client_of = cache(client_of)


class Group(Protocol):
    """What the referee watches over."""

    def group_of(self, instance: str) -> str | None:
        """The auto scaling group of an instance, empty if it has none; None if not known."""
        ...

    def read(self) -> World:
        """Instances, alarms and routes as they are now; HostError if they cannot be read."""
        ...

    def change(self, changes: Sequence[RouteChange]) -> Mapping[TableRoute, str]:
        """Make every change, whatever becomes of the others: why each failed that did."""
        ...

    def replace(self, instance: Instance) -> bool:
        """Have an instance replaced; False if it is gone already."""
        ...


def handler(event: object, context: object) -> None:
    """Take one event of EventBridge; HostError names every route that is not as it should be."""
    text = os.environ.get(SETUP)
    if not text:
        raise RefusedError(
            f"the environment variable {SETUP} is not set; it says as JSON what to watch over"
        )
    setup = parse_referee(text, SETUP)
    log = RefereeLog(
        request=str(getattr(context, "aws_request_id", "")),
        now=time.time,
        write=_write,
        many=len(setup.shares) > 1,
    )
    left = getattr(context, "get_remaining_time_in_millis", None)
    seconds = setup.deadline if left is None else min(setup.deadline, left() / 1000 - RESERVE)
    patience = Patience(deadline=time.monotonic() + seconds)
    try:
        group = AwsGroup(setup=setup, client=_client_of(setup.region), patience=patience)
        Referee(setup=setup, group=group, log=log, patience=patience).take(event)
    except HostError:
        _client_of.cache_clear()  # the next call begins with new connections and credentials
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Referee:
    """Takes events, each by itself: what it knows, it reads."""

    setup: RefereeSetup
    group: Group
    log: RefereeLog
    patience: Patience

    def take(self, data: object) -> None:
        """Decide and act until all is as it should be; HostError with all that could not be done."""
        event = parse_event(data)
        self.log.triggered(event)
        if not concerns(self.setup, event) or self._is_foreign(event):
            self.log.say("INFO", "not ours", instanceId=event.instance, alarm=event.alarm)
            return
        work = _Work(previous={})
        try:
            self._settle(event, work)
        except HostError as error:
            if not work.failed:
                raise
            work.problems.append(str(error))
        self._conclude(work)

    def _is_foreign(self, event: CloudEvent) -> bool:
        """Whether an instance of which all groups hear is another group's."""
        if event.trigger != "state" or event.instance is None:
            return False
        return self.group.group_of(event.instance) not in {None, self.setup.asg}

    def _settle(self, event: CloudEvent, work: "_Work") -> None:
        """Turns until one needs no change, or only such as have failed already."""
        for _ in range(TURNS):
            world = self.group.read()
            turn = decide(self.setup, event, world, self.log.now())
            self.log.decided(turn, work.turn)
            work.take(turn)
            due = [change for change in turn.changes if change not in work.failed]
            if not due:
                return
            if due == work.made:
                # AWS still shows what was before; it may take a second to show what was written.
                self.patience.sleep(self.patience.jitter(0.1, 0.4))
            failed = self.group.change(due)
            work.failed |= {c: failed[c.route] for c in due if c.route in failed}
            work.made = [change for change in due if change.route not in failed]
        work.problems.append(
            f"the routes still changed after {TURNS} turns; the next event goes on"
        )

    def _conclude(self, work: "_Work") -> None:
        """Say how it ended, and have an ill instance replaced if it ended well."""
        assert work.turn is not None  # noqa: S101 (a turn was taken, or reading failed)
        problems = list(work.problems)
        for share in work.turn.shares:
            self.log.refused(share)
            left = {c.route: work.failed.get(c, "not led there yet") for c in share.changes}
            left |= {r: t.text for r, t in share.refused.items() if t.kind == "unread"}
            for route, error in left.items():
                self.log.failed(share, route, error)
                problems.append(f"{route}: {error}")
            if share.active and not left:
                self.log.synced(share, work.previous.get(share.share))
        for instance in work.turn.skipped:
            self.log.instance("skip replace (within cooldown)", instance)
        if work.turn.replace:
            self._replace(work.turn.replace, problems)
        if problems:
            raise HostError("; ".join(problems))

    def _replace(self, instance: Instance, problems: list[str]) -> None:
        """An ill instance goes once nothing leads to it any more."""
        if problems:
            self.log.instance("skip replace (routes failed)", instance, level="WARNING")
            return
        try:
            there = self.group.replace(instance)
        except HostError as error:
            problems.append(str(error))
        else:
            self.log.instance("replaced" if there else "already gone", instance)


@dataclass(slots=True, kw_only=True)
class _Work:
    """What has come of one event so far.

    `previous`: what each share's first route led to at first. `made`: the changes of the last turn.
    """

    previous: dict[str, str | None]
    turn: Turn | None = None
    made: list[RouteChange] = field(default_factory=list)
    failed: dict[RouteChange, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def take(self, turn: Turn) -> None:
        """The turn that holds now."""
        for share in turn.shares:
            self.previous.setdefault(share.share, share.previous)
        self.turn = turn


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
