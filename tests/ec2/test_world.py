"""A scene as a VPC, as boto3 and the referee see it."""

from typing import Any

from .conftest import REGION, Town

GROUP = [{"Name": "tag:natgate:group", "Values": ["closed-network"]}]


def instances(town: Town) -> list[dict[str, Any]]:
    """The running instances of the group, found as the referee finds them."""
    wanted = [
        {"Name": "tag:aws:autoscaling:groupName", "Values": ["natgate-closed-network"]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    found = town.client("ec2").describe_instances(Filters=wanted)["Reservations"]
    return [each for reservation in found for each in reservation["Instances"]]


def of_town(town: Town) -> list[dict[str, Any]]:
    """The same of this VPC alone: moto keeps those of earlier tests."""
    return [each for each in instances(town) if each["VpcId"] == town.cloud.world.vpc]


def test_each_zone_has_an_instance_with_the_nodes_address(town: Town) -> None:
    """Zone, tag and address are those of the scene; the interface is the first device."""
    found = {each["Placement"]["AvailabilityZone"]: each for each in of_town(town)}
    assert set(found) == {f"{REGION}a", f"{REGION}c"}
    (interface,) = found[f"{REGION}a"]["NetworkInterfaces"]
    assert interface["PrivateIpAddress"] == "10.10.0.68"
    assert interface["Attachment"]["DeviceIndex"] == 0
    listed = [each["PrivateIpAddress"] for each in interface["PrivateIpAddresses"]]
    assert listed == ["10.10.0.68", "10.10.0.69"]
    shown = town.client("ec2").describe_network_interfaces(
        Filters=[{"Name": "vpc-id", "Values": [town.cloud.world.vpc]}, *GROUP]
    )
    assert len(shown["NetworkInterfaces"]) == 2


def test_tables_have_the_tags_by_which_they_are_found(town: Town) -> None:
    """The edge table is the gateway's; nodes' tables lead to the router from the start."""
    vpc = [{"Name": "vpc-id", "Values": [town.cloud.world.vpc]}]
    found = town.client("ec2").describe_route_tables(Filters=[*vpc, *GROUP])["RouteTables"]
    tables = {
        tag["Value"]: table
        for table in found
        for tag in table["Tags"]
        if tag["Key"] == "natgate:table"
    }
    assert set(tables) == {"edge", "clients-a", "clients-c", "nodes-a", "nodes-c"}
    (gateway,) = [a["GatewayId"] for a in tables["edge"]["Associations"]]
    led = {r["DestinationCidrBlock"]: r["GatewayId"] for r in tables["nodes-a"]["Routes"]}
    assert led == {"10.10.0.0/24": "local", "192.168.100.0/24": gateway}


def test_the_group_is_one_across_the_zones(town: Town) -> None:
    """DescribeAutoScalingGroups shows both zones, the tag and the members."""
    (group,) = town.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=["natgate-closed-network"]
    )["AutoScalingGroups"]
    assert group["AvailabilityZones"] == [f"{REGION}a", f"{REGION}c"]
    assert group["DesiredCapacity"] == len(group["Instances"]) == 2
    assert {each["LifecycleState"] for each in group["Instances"]} == {"Pending:Wait"}
    assert [(t["Key"], t["Value"]) for t in group["Tags"]] == [("natgate:group", "closed-network")]
