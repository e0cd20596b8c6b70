"""Instances that stop, are ill, or are terminated: each is replaced, and told of as EventBridge does."""

import pytest
from botocore.exceptions import ClientError

from .conftest import REGION, Town

GROUP = "natgate-closed-network"


def member(town: Town, node: str) -> str:
    """The instance that stands for a node."""
    found = town.cloud.fleet.of_node(node)
    assert found is not None
    return str(found.instance.id)


def state(town: Town, instance: str) -> str:
    """An instance's state by DescribeInstances."""
    found = town.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"]
    return str(found[0]["Instances"][0]["State"]["Name"])


def ready(town: Town, instance: str, result: str = "CONTINUE") -> None:
    """What the agent of a new instance says after its first good check."""
    town.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName=GROUP,
        LifecycleHookName="natgate-ready",
        InstanceId=instance,
        LifecycleActionResult=result,
    )


def replaced(town: Town, node: str, before: str) -> str:
    """The instance that took another one's place, once it runs."""
    town.wait(
        lambda: (
            (new := town.cloud.fleet.of_node(node)) is not None
            and new.instance.id != before
            and new.instance.is_running()
        )
    )
    return member(town, node)


def test_a_stopped_instance_passes_through_stopping_and_is_replaced(town: Town) -> None:
    """Its machine is off at once; its successor has another id and interface in the same zone."""
    before = member(town, "node-a")
    interface = town.cloud.fleet.members[before].instance.nics[0].id
    (changed,) = town.client("ec2").stop_instances(InstanceIds=[before])["StoppingInstances"]
    assert (changed["PreviousState"]["Name"], changed["CurrentState"]["Name"]) == (
        "running",
        "stopping",
    )
    assert town.machines.done[0] == ("kill", "node-a")
    after = replaced(town, "node-a", before)
    assert town.kinds()[:6] == [
        *("stopping", "stopped", "shutting-down", "terminated"),
        *("pending", "running"),
    ]
    assert state(town, before) == "terminated"
    assert town.cloud.fleet.members[after].instance.nics[0].id != interface
    assert town.cloud.fleet.members[after].instance.availability_zone == f"{REGION}a"
    assert town.machines.done[1] == ("boot", "node-a", "10.10.0.70")


def test_a_terminated_instance_takes_its_interface_and_leaves_the_nodes_address_free(
    town: Town,
) -> None:
    """The new instance may take the node's address as a secondary one."""
    before = member(town, "node-a")
    town.client("ec2").terminate_instances(InstanceIds=[before])
    after = replaced(town, "node-a", before)
    interface = town.cloud.fleet.members[after].instance.nics[0].id
    town.client("ec2").assign_private_ip_addresses(
        NetworkInterfaceId=interface, PrivateIpAddresses=["10.10.0.68"]
    )
    (found,) = [each for each in town.standing[-1] if each.node == "node-a"]
    assert found.interface.id == interface


def test_a_launch_is_successful_when_the_hook_is_complete(town: Town) -> None:
    """The event comes then, with the zone, and a second completion is refused."""
    instance = member(town, "node-c")
    assert "EC2 Instance Launch Successful" not in town.kinds()
    ready(town, instance)
    (event,) = [e for e in town.events if e["detail-type"] == "EC2 Instance Launch Successful"]
    assert event["detail"]["EC2InstanceId"] == instance
    assert event["detail"]["Details"]["Availability Zone"] == f"{REGION}c"
    assert event["detail"]["AutoScalingGroupName"] == GROUP
    with pytest.raises(ClientError, match="No active Lifecycle Action"):
        ready(town, instance)


def test_an_abandoned_launch_is_replaced(town: Town) -> None:
    """An instance that says it will never be ready is terminated."""
    before = member(town, "node-c")
    ready(town, before, "ABANDON")
    replaced(town, "node-c", before)


def test_an_ill_instance_is_replaced(town: Town) -> None:
    """SetInstanceHealth terminates it; an instance that is gone is not found any more."""
    before = member(town, "node-a")
    health = town.client("autoscaling").set_instance_health
    health(InstanceId=before, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False)
    replaced(town, "node-a", before)
    with pytest.raises(ClientError, match="not found"):
        health(InstanceId=before, HealthStatus="Unhealthy")


def test_instances_of_nobody_are_left_to_moto(town: Town) -> None:
    """A foreign instance has no machine."""
    ec2 = town.client("ec2")
    started = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"]
    ec2.stop_instances(InstanceIds=[started[0]["InstanceId"]])
    assert town.machines.done == []


def test_a_dry_run_stops_nothing(town: Town) -> None:
    """DryRunOperation, and the machine runs on."""
    with pytest.raises(ClientError, match="DryRun"):
        town.client("ec2").stop_instances(InstanceIds=[member(town, "node-a")], DryRun=True)
    assert town.machines.done == []


def test_the_group_tells_of_its_hook_and_members(town: Town) -> None:
    """DescribeLifecycleHooks and DescribeAutoScalingInstances know what a node asks for."""
    scaling = town.client("autoscaling")
    (hook,) = scaling.describe_lifecycle_hooks(AutoScalingGroupName=GROUP)["LifecycleHooks"]
    assert hook["LifecycleHookName"] == "natgate-ready"
    wanted = [member(town, "node-a")]
    (found,) = scaling.describe_auto_scaling_instances(InstanceIds=wanted)["AutoScalingInstances"]
    assert (found["AutoScalingGroupName"], found["LifecycleState"]) == (GROUP, "Pending:Wait")
    with pytest.raises(ClientError, match="not found"):
        scaling.describe_lifecycle_hooks(AutoScalingGroupName="other")
