"""The handler, as a cloud function calls it, against moto's EC2, CloudWatch and Auto Scaling."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from natgate.agent import referee
from natgate.model.error import HostError
from tests.referee import events
from tests.referee.cloud import A, C

REGION = "ap-northeast-1"
GROUP = "natgate-closed-network"


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a cloud function is told of its call."""

    aws_request_id: str = "52ee1237-1297-4d28-a7f9-28e765bac356"

    def get_remaining_time_in_millis(self) -> int:
        """Enough."""
        return 30_000


class Account:
    """The source's scene: two zones, an edge table and a client's table, no route yet."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ec2: Any = boto3.client("ec2")
        self.scaling: Any = boto3.client("autoscaling")
        self.watch: Any = boto3.client("cloudwatch")
        vpc = self.ec2.create_vpc(CidrBlock="10.10.0.0/24")["Vpc"]["VpcId"]
        self.subnets = {
            zone: self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]
            for zone, cidr in ((A, "10.10.0.0/28"), (C, "10.10.0.16/28"))
        }
        self.tables = [
            self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2)
        ]
        self.routes = list(zip(self.tables, ("10.10.0.80/28", "192.168.100.0/24"), strict=True))
        self.ec2.create_launch_template(
            LaunchTemplateName="node", LaunchTemplateData={"ImageId": "ami-12345678"}
        )
        self.scaling.create_auto_scaling_group(
            AutoScalingGroupName=GROUP,
            MinSize=0,
            MaxSize=4,
            DesiredCapacity=0,
            VPCZoneIdentifier=self.subnets[A]["SubnetId"],
            LaunchTemplate={"LaunchTemplateName": "node"},
        )
        for zone in (A, C):
            self.watch.put_metric_alarm(
                AlarmName=f"{GROUP}-{zone}",
                ComparisonOperator="LessThanThreshold",
                EvaluationPeriods=3,
                MetricName="PathHealthy",
                Namespace="natgate",
                Period=10,
                Statistic="Minimum",
                Threshold=1,
            )
        setup = {
            "group": "closed-network",
            "region": REGION,
            "asg": GROUP,
            "alarms": {zone: f"{GROUP}-{zone}" for zone in (A, C)},
            "shares": [
                {
                    "name": "partner",
                    "zones": [A, C],
                    "addresses": {A: "10.10.0.10", C: "10.10.0.26"},
                    "routes": [{"table": t, "destination": d} for t, d in self.routes],
                }
            ],
            "cooldown": 0,
        }
        monkeypatch.setenv("NATGATE_REFEREE", json.dumps(setup))

    def launch(self, zone: str) -> tuple[str, str]:
        """An instance of the group that has taken the node's address: its id and interface."""
        made = self.ec2.run_instances(
            ImageId="ami-12345678",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.subnets[zone]["SubnetId"],
        )["Instances"][0]
        instance = made["InstanceId"]
        interface = made["NetworkInterfaces"][0]["NetworkInterfaceId"]
        self.scaling.attach_instances(AutoScalingGroupName=GROUP, InstanceIds=[instance])
        self.ec2.create_tags(
            Resources=[interface], Tags=[{"Key": "natgate:group", "Value": "closed-network"}]
        )
        address = {A: "10.10.0.10", C: "10.10.0.26"}[zone]
        self.ec2.assign_private_ip_addresses(
            NetworkInterfaceId=interface, PrivateIpAddresses=[address], AllowReassignment=True
        )
        return instance, interface

    def alarm(self, zone: str, value: str) -> dict[str, Any]:
        """The alarm of a zone changes: the event of it."""
        name = f"{GROUP}-{zone}"
        self.watch.set_alarm_state(AlarmName=name, StateValue=value, StateReason="a test")
        return events.alarm(name, value)

    def leads(self) -> list[str | None]:
        """Where both routes lead."""
        found = self.ec2.describe_route_tables(RouteTableIds=self.tables)["RouteTables"]
        known = {
            (table["RouteTableId"], route["DestinationCidrBlock"]): route
            for table in found
            for route in table["Routes"]
        }
        return [known.get(route, {}).get("NetworkInterfaceId") for route in self.routes]

    def health(self, instance: str) -> str:
        """What the auto scaling group was told."""
        answer = self.scaling.describe_auto_scaling_instances(InstanceIds=[instance])
        return str(answer["AutoScalingInstances"][0]["HealthStatus"]).upper()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account of its own; credentials are of no account."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    referee._client_of.cache_clear()  # noqa: SLF001 (a function starts without)
    with mock_aws():
        yield Account(monkeypatch)
    referee._client_of.cache_clear()  # noqa: SLF001


def _take(event: object) -> None:
    referee.handler(event, Context())


def test_a_group_lives_its_life(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    """First routes, a second node, an ill node, its replacement, a stop, and a tick."""
    first, a = account.launch(A)
    _take(events.launched(first, GROUP))
    assert account.leads() == [a, a]
    second, c = account.launch(C)
    _take(events.launched(second, GROUP))
    assert account.leads() == [a, a]
    _take(account.alarm(A, "ALARM"))
    assert account.leads() == [c, c]
    assert (account.health(first), account.health(second)) == ("UNHEALTHY", "HEALTHY")
    account.ec2.terminate_instances(InstanceIds=[first])
    third, again = account.launch(A)
    _take(events.launched(third, GROUP))
    _take(account.alarm(A, "OK"))
    assert account.leads() == [c, c]
    account.ec2.stop_instances(InstanceIds=[second])
    _take(events.state(second))
    assert account.leads() == [again, again]
    capsys.readouterr()
    _take(events.TICK)
    assert account.leads() == [again, again]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["message"] for line in lines] == [
        "trigger",
        "eni discovered",
        "active az decided",
        "routes synced",
    ]
    assert {line["requestId"] for line in lines} == {Context().aws_request_id}


def test_half_done_work_is_completed(account: Account) -> None:
    """A route of the client that leads to the other node, and one that is missing."""
    (_, a), (_, c) = account.launch(A), account.launch(C)
    table, destination = account.routes[0]
    account.ec2.create_route(
        RouteTableId=table, DestinationCidrBlock=destination, NetworkInterfaceId=c
    )
    _take(events.TICK)
    assert account.leads() == [c, c]
    table, destination = account.routes[1]
    account.ec2.replace_route(
        RouteTableId=table, DestinationCidrBlock=destination, NetworkInterfaceId=a
    )
    _take(events.TICK)
    assert account.leads() == [c, c]


def test_what_somebody_else_made_stays(account: Account) -> None:
    """An interface without the group's tag; and one that is gone is nobody's."""
    (_, a) = account.launch(A)
    theirs, gone = (
        account.ec2.create_network_interface(SubnetId=account.subnets[A]["SubnetId"])[
            "NetworkInterface"
        ]["NetworkInterfaceId"]
        for _ in range(2)
    )
    for (table, destination), target in zip(account.routes, (gone, theirs), strict=True):
        account.ec2.create_route(
            RouteTableId=table, DestinationCidrBlock=destination, NetworkInterfaceId=target
        )
    account.ec2.delete_network_interface(NetworkInterfaceId=gone)
    _take(events.TICK)
    assert account.leads() == [a, theirs]


def test_an_instance_without_the_nodes_address_is_no_node(account: Account) -> None:
    """It is still coming up: no route leads to it."""
    account.launch(A)
    _, c = account.launch(C)
    interface = account.ec2.describe_instances(
        Filters=[{"Name": "availability-zone", "Values": [A]}]
    )["Reservations"][0]["Instances"][0]["NetworkInterfaces"][0]["NetworkInterfaceId"]
    account.ec2.unassign_private_ip_addresses(
        NetworkInterfaceId=interface, PrivateIpAddresses=["10.10.0.10"]
    )
    _take(events.TICK)
    assert account.leads() == [c, c]


def test_a_table_that_is_gone_is_one_error(account: Account) -> None:
    """It names the route; the function fails, so that it is called again."""
    _, a = account.launch(A)
    account.ec2.delete_route_table(RouteTableId=account.tables[1])
    with pytest.raises(HostError, match=f"192.168.100.0/24 in {account.tables[1]}: there is no"):
        _take(events.TICK)
    account.tables.pop()
    assert account.leads() == [a, None]


def test_credentials_that_are_taken_away_and_given_back(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function that failed without them takes new ones at its next call."""
    _, a = account.launch(A)
    with monkeypatch.context() as without:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            without.delenv(name)
        for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
            without.setenv(name, "/dev/null")
        without.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with pytest.raises(HostError, match="no AWS credentials are there"):
            _take(events.TICK)
    _take(events.TICK)
    assert account.leads() == [a, a]
