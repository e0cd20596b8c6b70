"""A node tells CloudWatch, EventBridge and Auto Scaling how it is."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing

import boto3
import pytest

from natgate.cloud.aws_health import AwsAnnouncer
from natgate.cloud.imds import Metadata
from natgate.model.error import HostError
from natgate.model.steering import AwsSteering as Settings
from natgate.model.view import PathHealth
from tests.aws.account import Account, spec_of
from tests.aws.metadata import Service, serving, values

ILL = PathHealth(reasons=("g: upstream dead",))


@pytest.fixture
def service() -> Iterator[Service]:
    """The metadata of an instance."""
    with serving() as made:
        yield made


@pytest.fixture
def announcer(account: Account, service: Service) -> Iterator[AwsAnnouncer]:
    """That of the second node."""
    spec = spec_of()
    assert isinstance(spec.steering, Settings)
    metadata = Metadata(service.endpoint)
    made = AwsAnnouncer(
        spec.steering, spec, "node-c", client=account.client(1.0), metadata=metadata
    )
    with closing(made):
        yield made


def test_each_measurement_is_a_one_or_an_explicit_zero(announcer: AwsAnnouncer) -> None:
    """By group and zone, under the name that alarms look at."""
    for healthy in (True, False, False):
        asyncio.run(announcer.measure(healthy=healthy))
    with closing(boto3.client("cloudwatch")) as watch:
        found, *_ = watch.list_metrics(Namespace="natgate")["Metrics"]
    assert found["MetricName"] == "PathHealthy"
    assert {d["Name"]: d["Value"] for d in found["Dimensions"]} == {
        "Group": "net",
        "Zone": "ap-northeast-1c",
    }


def test_a_point_has_high_resolution(account: Account, announcer: AwsAnnouncer) -> None:
    """An alarm of ten seconds sees nothing else."""
    asyncio.run(announcer.measure(healthy=False))
    (point,) = account.sent["PutMetricData"][0]["MetricData"]
    assert (point["Value"], point["StorageResolution"], point["Unit"]) == (0.0, 1, "Count")


def test_a_change_is_an_event(account: Account, announcer: AwsAnnouncer) -> None:
    """With what the referee needs to know."""
    asyncio.run(announcer.announce(ILL))
    (entry,) = account.sent["PutEvents"][0]["Entries"]
    assert (entry["Source"], entry["DetailType"]) == ("natgate", "natgate Path Health")
    assert json.loads(entry["Detail"]) == {
        "group": "net",
        "zone": "ap-northeast-1c",
        "healthy": False,
        "reasons": ["g: upstream dead"],
    }


def test_an_event_that_is_not_taken_is_told(account: Account, announcer: AwsAnnouncer) -> None:
    """EventBridge answers well to a call of which it took no event."""
    account.stale["PutEvents"] = {
        "FailedEntryCount": 1,
        "Entries": [{"ErrorCode": "InternalFailure"}],
    }
    with pytest.raises(HostError, match="did not take the event: InternalFailure"):
        asyncio.run(announcer.announce(ILL))


def test_what_cannot_be_told_names_the_call(account: Account, announcer: AwsAnnouncer) -> None:
    """The rights of a role are those of actions."""
    account.fail("PutMetricData", "AccessDenied")
    with pytest.raises(HostError, match="not authorised: cloudwatch:PutMetricData on natgate"):
        asyncio.run(announcer.measure(healthy=True))


def test_a_new_instance_ends_its_launch(
    account: Account, service: Service, announcer: AwsAnnouncer
) -> None:
    """In the auto scaling group that its tag names; that nobody waits any more is no error."""
    scene = account.build()
    tags = {"aws:autoscaling:groupName": "natgate-net"}
    me = account.instance(scene.nodes["node-c"], **tags)
    service.values = values(me, "ap-northeast-1c", scene.nodes["node-c"])
    assert asyncio.run(announcer.ready())
    (sent,) = account.completed
    wanted = {
        "LifecycleHookName": "natgate-ready",
        "AutoScalingGroupName": "natgate-net",
        "InstanceId": me,
        "LifecycleActionResult": "CONTINUE",
    }
    assert {name: sent[name] for name in wanted} == wanted
    account.fail("CompleteLifecycleAction", "ValidationError", times=1)
    assert asyncio.run(announcer.ready())
    account.fail("CompleteLifecycleAction", "AccessDenied", times=2)
    with pytest.raises(HostError, match="autoscaling:CompleteLifecycleAction on natgate-net"):
        asyncio.run(announcer.ready())


def test_a_machine_without_a_group_ends_no_launch(
    account: Account, service: Service, announcer: AwsAnnouncer
) -> None:
    """An instance of its own has nothing to do; a machine without metadata asks again later."""
    assert not asyncio.run(announcer.ready())
    scene = account.build()
    me = account.instance(scene.nodes["node-c"], Name="x")
    service.values = values(me, "ap-northeast-1c", scene.nodes["node-c"])
    assert asyncio.run(announcer.ready())
    assert account.completed == []
