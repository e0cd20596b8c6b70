"""The five events of EventBridge that reach the referee (research/aws.md, section 2).

A field that AWS may leave out is None; what an event cannot be understood without must be there.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from natgate.model.aws_names import PATH_HEALTH, SOURCE
from natgate.model.error import RefusedError
from natgate.model.referee import CloudEvent

LAUNCHED = "EC2 Instance Launch Successful"
STATE_CHANGED = "EC2 Instance State-change Notification"
ALARM_CHANGED = "CloudWatch Alarm State Change"
TICKED = "Scheduled Event"

_LEAVING = {"stopping", "stopped", "shutting-down", "terminated"}


def parse_event(data: object) -> CloudEvent:
    """The facts of an event; RefusedError for one that is none of the five."""
    event = data if isinstance(data, Mapping) else {}
    kind, source = event.get("detail-type"), event.get("source")
    known = _EVENTS.get(kind) if isinstance(kind, str) else None
    if known is None or source != known[0]:
        raise RefusedError(
            f"the referee takes no event {kind!r} from {source!r}; let its rules pass "
            f"{', '.join(_EVENTS)} only"
        )
    detail = event.get("detail")
    fields = _Fields(str(kind), detail if isinstance(detail, Mapping) else {})
    return replace(known[1](fields), at=_seconds(event.get("time")))


class _Fields:
    """The fields of an event's detail."""

    def __init__(self, kind: str, fields: Mapping[str, Any]) -> None:
        self.kind = kind
        self._fields = fields

    def text(self, name: str) -> str | None:
        """A field that may be missing."""
        value = self._fields.get(name)
        return value if isinstance(value, str) and value else None

    def needed(self, name: str) -> str:
        """A field without which the event says nothing."""
        value = self.text(name)
        if value is None:
            raise RefusedError(f"the event {self.kind!r} has no detail.{name}; nothing is done")
        return value

    def inner(self, name: str) -> "_Fields":
        """The fields of a field; none if it has none."""
        value = self._fields.get(name)
        return _Fields(self.kind, value if isinstance(value, Mapping) else {})

    def flag(self, name: str) -> bool:
        """Yes or no, which must be said."""
        value = self._fields.get(name)
        if not isinstance(value, bool):
            raise RefusedError(
                f"the event {self.kind!r} says detail.{name} as {value!r} and not as true or "
                "false; nothing is done"
            )
        return value


def _launched(fields: _Fields) -> CloudEvent:
    return CloudEvent(
        trigger="launch",
        kind=fields.kind,
        instance=fields.text("EC2InstanceId"),
        asg=fields.text("AutoScalingGroupName"),
    )


def _state_changed(fields: _Fields) -> CloudEvent:
    return CloudEvent(
        trigger="state",
        kind=fields.kind,
        instance=fields.needed("instance-id"),
        leaving=fields.needed("state") in _LEAVING,
    )


def _alarm_changed(fields: _Fields) -> CloudEvent:
    state = fields.inner("state").text("value")
    return CloudEvent(
        trigger="alarm",
        kind=fields.kind,
        alarm=fields.needed("alarmName"),
        mended=state in {"OK", "INSUFFICIENT_DATA"},
    )


def _path_health(fields: _Fields) -> CloudEvent:
    healthy = fields.flag("healthy")
    return CloudEvent(
        trigger="peer",
        kind=fields.kind,
        group=fields.needed("group"),
        zone=fields.needed("zone"),
        ill=not healthy,
        mended=healthy,
    )


def _ticked(fields: _Fields) -> CloudEvent:
    return CloudEvent(trigger="tick", kind=fields.kind)


_EVENTS = {
    LAUNCHED: ("aws.autoscaling", _launched),
    STATE_CHANGED: ("aws.ec2", _state_changed),
    ALARM_CHANGED: ("aws.cloudwatch", _alarm_changed),
    PATH_HEALTH: (SOURCE, _path_health),
    TICKED: ("aws.events", _ticked),
}
"""Each kind of event with whom it must come from."""


def _seconds(text: object) -> float | None:
    """A time such as 2026-06-24T07:50:03Z, in seconds since 1970; None if it is none."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return None if found is None else found.replace(tzinfo=found.tzinfo or UTC).timestamp()
