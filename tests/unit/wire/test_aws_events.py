"""The events of EventBridge, as AWS documents them."""

from typing import Any

import pytest

from natgate.model.error import RefusedError
from natgate.model.referee import CloudEvent
from natgate.wire.aws_events import parse_event

LAUNCH = {
    "version": "0",
    "detail-type": "EC2 Instance Launch Successful",
    "source": "aws.autoscaling",
    "time": "2026-06-24T07:51:53Z",
    "region": "ap-northeast-1",
    "resources": ["auto-scaling-group-arn", "instance-arn"],
    "detail": {
        "StatusCode": "InProgress",
        "AutoScalingGroupName": "natgate-g",
        "Details": {"Availability Zone": "ap-northeast-1a", "Subnet ID": "subnet-12345678"},
        "EC2InstanceId": "i-03eba2ad858a1967d",
    },
}
STATE = {
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "time": "2026-06-24T07:50:03Z",
    "detail": {"instance-id": "i-1234567890abcdef0", "state": "stopping"},
}
ALARM = {
    "detail-type": "CloudWatch Alarm State Change",
    "source": "aws.cloudwatch",
    "time": "2026-06-24T07:52:11Z",
    "detail": {
        "alarmName": "natgate-g-ap-northeast-1a",
        "previousState": {"reason": "Unchecked: Initial alarm creation", "value": "OK"},
        "state": {
            "reason": "no data",
            "timestamp": "2026-06-24T07:52:11.989+0000",
            "value": "ALARM",
        },
    },
}
WORD = {
    "detail-type": "natgate Path Health",
    "source": "natgate",
    "time": "2026-06-24T07:52:11Z",
    "detail": {"group": "g", "zone": "ap-northeast-1a", "healthy": False, "reasons": ["rules"]},
}
TICK = {
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-06-24T07:52:00Z",
    "detail": {},
}
AT = 1782287403.0
"""07:50:03."""


def test_each_event_is_taken_apart() -> None:
    """Only the facts that matter remain."""
    assert parse_event(LAUNCH) == CloudEvent(
        trigger="launch",
        kind="EC2 Instance Launch Successful",
        at=AT + 110,
        instance="i-03eba2ad858a1967d",
        asg="natgate-g",
    )
    assert parse_event(STATE) == CloudEvent(
        trigger="state",
        kind="EC2 Instance State-change Notification",
        at=AT,
        instance="i-1234567890abcdef0",
        leaving=True,
    )
    assert parse_event(ALARM) == CloudEvent(
        trigger="alarm",
        kind="CloudWatch Alarm State Change",
        at=AT + 128,
        alarm="natgate-g-ap-northeast-1a",
    )
    assert parse_event(WORD) == CloudEvent(
        trigger="peer",
        kind="natgate Path Health",
        at=AT + 128,
        group="g",
        zone="ap-northeast-1a",
        ill=True,
    )
    assert parse_event(TICK) == CloudEvent(trigger="tick", kind="Scheduled Event", at=AT + 117)


@pytest.mark.parametrize(
    ("state", "leaving"),
    [
        ("pending", False),
        ("running", False),
        ("stopping", True),
        ("stopped", True),
        ("shutting-down", True),
        ("terminated", True),
    ],
)
def test_a_state_says_whether_an_instance_leaves(state: str, leaving: bool) -> None:  # noqa: FBT001
    """All that come after running."""
    found = parse_event({**STATE, "detail": {"instance-id": "i-1", "state": state}})
    assert found.leaving is leaving


def test_good_news_is_not_ill() -> None:
    """A node that is healthy again says so."""
    assert not parse_event({**WORD, "detail": {**WORD["detail"], "healthy": True}}).ill  # type: ignore[dict-item]


@pytest.mark.parametrize("detail", [{}, None, {"EC2InstanceId": "", "AutoScalingGroupName": 3}])
def test_what_aws_may_leave_out_is_not_needed(detail: object) -> None:
    """A launch without its details is still a reason to look."""
    found = parse_event({**LAUNCH, "detail": detail})
    assert (found.trigger, found.instance, found.asg) == ("launch", None, None)


@pytest.mark.parametrize(
    ("time", "at"),
    [
        ("2026-06-24T07:50:03Z", AT),
        ("2026-06-24T07:50:03", AT),
        ("2026-06-24T16:50:03+09:00", AT),
        ("yyyy-mm-ddThh:mm:ssZ", None),
        (None, None),
        (7, None),
    ],
)
def test_a_time_is_read_or_left_out(time: object, at: float | None) -> None:
    """An event without a readable time is an event all the same."""
    assert parse_event({**TICK, "time": time}).at == at


@pytest.mark.parametrize(
    ("event", "lacks"),
    [
        ({**STATE, "detail": {"state": "stopping"}}, "no detail.instance-id"),
        ({**STATE, "detail": {"instance-id": "i-1"}}, "no detail.state"),
        ({**ALARM, "detail": []}, "no detail.alarmName"),
        ({**WORD, "detail": {"group": "g", "healthy": False}}, "no detail.zone"),
        ({**WORD, "detail": {"zone": "a", "healthy": False}}, "no detail.group"),
        (
            {**WORD, "detail": {"group": "g", "zone": "a", "healthy": "no"}},
            "detail.healthy as 'no'",
        ),
    ],
)
def test_an_event_without_its_point_is_refused(event: dict[str, Any], lacks: str) -> None:
    """One sentence names the event and what it lacks."""
    with pytest.raises(RefusedError, match=lacks) as caught:
        parse_event(event)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "event",
    [
        {},
        None,
        "tick",
        {"detail-type": ["Scheduled Event"], "source": "aws.events"},
        {**TICK, "source": "natgate"},
        {**WORD, "source": "aws.ec2"},
        {**STATE, "detail-type": "EC2 Spot Instance Interruption Warning"},
    ],
)
def test_other_events_are_refused(event: object) -> None:
    """Also one of the five from a source that it cannot come from: anybody can send that."""
    with pytest.raises(RefusedError, match="the referee takes no event") as caught:
        parse_event(event)
    assert "Scheduled Event" in str(caught.value)


@pytest.mark.parametrize(
    ("state", "mended"),
    [("OK", True), ("INSUFFICIENT_DATA", True), ("ALARM", False), (None, False)],
)
def test_an_alarm_that_ends_is_told_apart(state: str | None, mended: bool) -> None:  # noqa: FBT001
    """And one that does not say what it is may have begun."""
    detail = {"alarmName": "a", "state": {"value": state}}
    assert parse_event({**ALARM, "detail": detail}).mended is mended
    assert parse_event({**ALARM, "detail": {"alarmName": "a"}}).mended is False


def test_a_node_that_is_well_again_is_told_apart() -> None:
    """By its own word."""
    assert parse_event(WORD).mended is False
    well = parse_event({**WORD, "detail": {"group": "g", "zone": "a", "healthy": True}})
    assert (well.ill, well.mended) == (False, True)
