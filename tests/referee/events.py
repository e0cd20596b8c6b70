"""Events as EventBridge delivers them."""

from typing import Any

from tests.referee.cloud import A

TIME = "2026-06-24T07:50:03Z"
TICK = {"detail-type": "Scheduled Event", "source": "aws.events", "time": TIME, "detail": {}}


def alarm(name: str, value: str = "ALARM") -> dict[str, Any]:
    """An alarm changed."""
    return {
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "time": TIME,
        "detail": {"alarmName": name, "state": {"value": value}},
    }


def state(instance: str, value: str = "stopping") -> dict[str, Any]:
    """An instance changed."""
    return {
        "detail-type": "EC2 Instance State-change Notification",
        "source": "aws.ec2",
        "time": TIME,
        "detail": {"instance-id": instance, "state": value},
    }


def launched(instance: str, asg: str = "natgate-closed-network") -> dict[str, Any]:
    """An instance came up."""
    return {
        "detail-type": "EC2 Instance Launch Successful",
        "source": "aws.autoscaling",
        "time": TIME,
        "detail": {"AutoScalingGroupName": asg, "EC2InstanceId": instance},
    }


def word(zone: str = A, *, healthy: bool = False, group: str = "closed-network") -> dict[str, Any]:
    """A node says how it is."""
    return {
        "detail-type": "natgate Path Health",
        "source": "natgate",
        "time": TIME,
        "detail": {"group": group, "zone": zone, "healthy": healthy, "reasons": ["no rules"]},
    }
