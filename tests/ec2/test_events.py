"""What nodes say and what CloudWatch makes of it, as events."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from natgate.lab.ec2.alarms import verdict
from natgate.lab.ec2.events import Stamp, tick

from .conftest import REGION, Town

ALARMS = {f"natgate-closed-network-{REGION}{zone}" for zone in "ac"}


def say(town: Town, zone: str, value: float) -> None:
    """What a node tells CloudWatch of itself."""
    dimensions = [
        {"Name": "Group", "Value": "closed-network"},
        {"Name": "Zone", "Value": f"{REGION}{zone}"},
    ]
    datum: dict[str, Any] = {"MetricName": "PathHealthy", "Dimensions": dimensions, "Value": value}
    town.client("cloudwatch").put_metric_data(
        Namespace="natgate", MetricData=[{**datum, "Unit": "Count", "StorageResolution": 1}]
    )


def states(town: Town) -> dict[str, str]:
    """The state of each zone's alarm, by the zone's letter."""
    found = town.client("cloudwatch").describe_alarms(AlarmNames=sorted(ALARMS))["MetricAlarms"]
    return {each["AlarmName"][-1]: each["StateValue"] for each in found}


def test_an_alarm_knows_nothing_at_first(town: Town) -> None:
    """INSUFFICIENT_DATA until three periods have passed."""
    assert states(town) == {"a": "INSUFFICIENT_DATA", "c": "INSUFFICIENT_DATA"}


def test_an_explicit_zero_and_silence_both_raise_the_alarm(town: Town) -> None:
    """A zone that says 1 is OK; one that says 0, and one that says nothing, is in ALARM."""
    deadline = time.monotonic() + 12
    while states(town) != {"a": "OK", "c": "ALARM"}:
        assert time.monotonic() < deadline, states(town)
        say(town, "a", 1)
        time.sleep(0.3)
    while states(town) != {"a": "ALARM", "c": "ALARM"}:
        assert time.monotonic() < deadline, states(town)
        say(town, "a", 0)
        time.sleep(0.3)
    changes = [e for e in town.events if e["detail-type"] == "CloudWatch Alarm State Change"]
    last = changes[-1]
    assert (last["detail"]["previousState"]["value"], last["detail"]["state"]["value"]) == (
        "OK",
        "ALARM",
    )
    name = f"natgate-closed-network-{REGION}a"
    assert last["resources"] == [f"arn:aws:cloudwatch:{REGION}:123456789012:alarm:{name}"]


@pytest.mark.parametrize(
    ("points", "state"),
    [
        ((1, 1, 1), "OK"),
        ((0, 1, 1), "OK"),
        ((0, 1, 0), "ALARM"),
        ((1, None, None), "ALARM"),
        ((None, 1, 1), "OK"),
    ],
)
def test_two_of_three_periods_decide(points: tuple[float | None, ...], state: str) -> None:
    """A period without a word breaches as a zero does."""
    assert verdict(points) == state


def test_a_nodes_own_event_is_handed_on(town: Town) -> None:
    """PutEvents reaches the listener; AWS's own sources and broken details are refused."""
    detail = {"group": "closed-network", "zone": f"{REGION}a", "healthy": False, "reasons": []}
    entry = {"Source": "natgate", "DetailType": "natgate Path Health", "Detail": json.dumps(detail)}
    answer = town.client("events").put_events(
        Entries=[entry, {**entry, "Source": "aws.ec2"}, {**entry, "Detail": "{"}]
    )
    assert answer["FailedEntryCount"] == 2
    assert [each.get("ErrorCode") for each in answer["Entries"]] == [
        None,
        "NotAuthorizedForSourceException",
        "MalformedDetail",
    ]
    (event,) = town.events
    assert (event["source"], event["detail-type"], event["detail"]) == (
        "natgate",
        "natgate Path Health",
        detail,
    )


def test_the_tick_is_the_schedules() -> None:
    """EventBridge calls it Scheduled Event, from aws.events."""
    event = tick(Stamp(id="1", time=datetime(2026, 1, 1, tzinfo=UTC), region=REGION))
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert event["time"] == "2026-01-01T00:00:00Z"
