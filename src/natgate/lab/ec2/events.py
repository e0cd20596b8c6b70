"""Events as EventBridge delivers them, with all fields that AWS documents: pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from natgate.lab.ec2.taught import ACCOUNT
from natgate.wire.aws_events import ALARM_CHANGED, LAUNCHED, STATE_CHANGED, TICKED

Event = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """When and where something happened, and the event's own id."""

    id: str
    time: datetime
    region: str

    def event(self, source: str, kind: str, resources: list[str], detail: object) -> Event:
        """An event's envelope."""
        return {
            "version": "0",
            "id": self.id,
            "detail-type": kind,
            "source": source,
            "account": ACCOUNT,
            "time": self.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self.region,
            "resources": resources,
            "detail": detail,
        }

    def arn(self, service: str, resource: str) -> str:
        """The name of a resource of the account."""
        return f"arn:aws:{service}:{self.region}:{ACCOUNT}:{resource}"


def state_change(stamp: Stamp, instance: str, state: str) -> Event:
    """An instance of any group is in another state."""
    return stamp.event(
        "aws.ec2",
        STATE_CHANGED,
        [stamp.arn("ec2", f"instance/{instance}")],
        {"instance-id": instance, "state": state},
    )


def launched(stamp: Stamp, group: str, instance: str, zone: str, subnet: str) -> Event:
    """An instance is in service; AWS says StatusCode InProgress then."""
    when = stamp.time.strftime("%Y-%m-%dT%H:%M:%SZ")
    return stamp.event(
        "aws.autoscaling",
        LAUNCHED,
        [
            stamp.arn("autoscaling", f"autoScalingGroup:{stamp.id}:autoScalingGroupName/{group}"),
            stamp.arn("ec2", f"instance/{instance}"),
        ],
        {
            "StatusCode": "InProgress",
            "Description": f"Launching a new EC2 instance: {instance}",
            "AutoScalingGroupName": group,
            "ActivityId": stamp.id,
            "Details": {"Availability Zone": zone, "Subnet ID": subnet},
            "RequestId": stamp.id,
            "StatusMessage": "",
            "StartTime": when,
            "EndTime": when,
            "EC2InstanceId": instance,
            "Cause": "an instance was started in response to a difference between desired and "
            "actual capacity",
            "Origin": "EC2",
            "Destination": "AutoScalingGroup",
        },
    )


def alarm_change(
    stamp: Stamp, name: str, before: str, state: str, reason: str, metric: Mapping[str, object]
) -> Event:
    """An alarm is in another state."""
    when = stamp.time.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
    first = "Unchecked: Initial alarm creation"
    return stamp.event(
        "aws.cloudwatch",
        ALARM_CHANGED,
        [stamp.arn("cloudwatch", f"alarm:{name}")],
        {
            "alarmName": name,
            "configuration": {
                "metrics": [{"id": stamp.id, "metricStat": metric, "returnData": True}]
            },
            "previousState": {"reason": first, "timestamp": when, "value": before},
            "state": {
                "reason": reason,
                "reasonData": json.dumps({"version": "1.0", "statistic": "Minimum"}),
                "timestamp": when,
                "value": state,
            },
        },
    )


def put(stamp: Stamp, entry: Mapping[str, object]) -> Event:
    """An entry of PutEvents."""
    return stamp.event(
        str(entry.get("Source", "")),
        str(entry.get("DetailType", "")),
        [],
        json.loads(str(entry.get("Detail", "{}"))),
    )


def tick(stamp: Stamp) -> Event:
    """The schedule's."""
    rule = stamp.arn("events", "rule/natgate-tick")
    return stamp.event("aws.events", TICKED, [rule], {})
