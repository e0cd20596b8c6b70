"""EC2, CloudWatch and Auto Scaling in memory, as far as the referee calls them through boto3.

Unlike moto it refuses what AWS refuses, and every call can be held up, refused, or answered from
the past.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from natgate.model.referee import RefereeSetup

A, C = "ap-northeast-1a", "ap-northeast-1c"
EDGE, CLIENT = ("rtb-0edge", "10.10.0.80/28"), ("rtb-0a", "192.168.100.0/24")
NOW = 1_782_287_403.0
SETUP_DATA = {
    "group": "closed-network",
    "region": "ap-northeast-1",
    "asg": "natgate-closed-network",
    "alarms": {A: "alarm-a", C: "alarm-c"},
    "shares": [
        {
            "name": "partner",
            "zones": [A, C],
            "addresses": {},
            "routes": [
                {"table": table, "destination": destination}
                for table, destination in (EDGE, CLIENT)
            ],
        }
    ],
}


def failure(code: str, message: str = "no", status: int = HTTPStatus.BAD_REQUEST) -> ClientError:
    """What boto3 raises."""
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": int(status)},
    }
    return ClientError(answer, "Operation")


@dataclass
class State:
    """What is true in the account; a route leads to an interface, or `nat-...`."""

    instances: dict[str, dict[str, Any]] = field(default_factory=dict)
    interfaces: dict[str, dict[str, str]] = field(default_factory=dict)
    tables: dict[str, dict[str, str]] = field(default_factory=dict)
    alarms: dict[str, str] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)


Hook = Callable[[str, dict[str, Any]], None]


class Cloud:
    """An account; `before` is called before each call, and may raise what AWS would.

    `stale` is how many of the next readings are answered from the state in `past`.
    """

    def __init__(self, group: str = "closed-network") -> None:
        self.group = group
        self.state = State(tables={EDGE[0]: {}, CLIENT[0]: {}})
        self.past = State()
        self.stale = 0
        self.unhealthy: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.before: Hook = lambda _name, _arguments: None

    def client(self, name: str) -> "_Client":
        """The client of an API, as `natgate.cloud.aws_calls.Clients` gives them."""
        assert name in {"ec2", "cloudwatch", "autoscaling"}
        return _Client(self)

    def launch(self, name: str, zone: str, *, asg: str | None = None, age: float = 5000.0) -> None:
        """An instance i-NAME with the interface eni-NAME."""
        self.state.instances[f"i-{name}"] = {
            "InstanceId": f"i-{name}",
            "Placement": {"AvailabilityZone": zone},
            "LaunchTime": datetime.fromtimestamp(NOW - age, UTC),
            "State": {"Name": "running"},
            "Tags": [{"Key": "aws:autoscaling:groupName", "Value": asg or f"natgate-{self.group}"}],
            "NetworkInterfaces": [
                {
                    "NetworkInterfaceId": f"eni-{name}",
                    "Attachment": {"DeviceIndex": 0},
                    "PrivateIpAddresses": [{"PrivateIpAddress": "10.10.0.9"}],
                }
            ],
        }
        self.state.interfaces[f"eni-{name}"] = {"natgate:group": self.group}

    def stop(self, name: str, *, gone: bool = False) -> None:
        """The instance no longer runs; its interface stays, unless it is terminated."""
        self.state.instances[f"i-{name}"]["State"] = {"Name": "stopping"}
        if gone:
            del self.state.interfaces[f"eni-{name}"]

    def alarm(self, a: str = "OK", c: str = "OK") -> None:
        """What CloudWatch says of both zones."""
        self.state.alarms = {"alarm-a": a, "alarm-c": c}

    def lead(self, edge: str | None, client: str | None) -> None:
        """Where the routes lead."""
        for (table, destination), target in ((EDGE, edge), (CLIENT, client)):
            self.state.tables[table] = {} if target is None else {destination: target}

    def leads(self) -> list[str | None]:
        """Where the routes lead, the edge route first."""
        return [self.state.tables.get(t, {}).get(d) for t, d in (EDGE, CLIENT)]

    def remember(self, readings: int) -> None:
        """The next readings are answered from what is true now."""
        self.past, self.stale = copy.deepcopy(self.state), readings

    def called(self, name: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 (as boto3)
        """Carry out a call."""
        self.calls.append(name)
        self.before(name, arguments)
        if name.startswith("describe"):
            state = self.past if self.stale else self.state
            self.stale = max(0, self.stale - 1)
            return getattr(self, f"_{name}")(state, **arguments)
        return getattr(self, f"_{name}")(**arguments)

    def _describe_instances(self, state: State, Filters: list[Any]) -> dict[str, Any]:  # noqa: N803
        wanted = {f["Name"]: f["Values"] for f in Filters}

        def is_wanted(found: dict[str, Any]) -> bool:
            tags = {f"tag:{tag['Key']}": tag["Value"] for tag in found["Tags"]}
            known = {
                "instance-id": found["InstanceId"],
                "instance-state-name": found["State"]["Name"],
                **tags,
            }
            return all(known.get(name) in values for name, values in wanted.items())

        found = [each for each in state.instances.values() if is_wanted(each)]
        return {"Reservations": [{"Instances": [each]} for each in found]}

    def _describe_route_tables(self, state: State, Filters: list[Any]) -> dict[str, Any]:  # noqa: N803
        (wanted,) = Filters
        return {
            "RouteTables": [
                {
                    "RouteTableId": table,
                    "Routes": [
                        {"DestinationCidrBlock": "10.10.0.0/24", "GatewayId": "local"},
                        {"DestinationPrefixListId": "pl-1", "GatewayId": "vpce-1"},
                        *({"DestinationCidrBlock": d, **_target(t)} for d, t in routes.items()),
                    ],
                }
                for table, routes in state.tables.items()
                if table in wanted["Values"]
            ]
        }

    def _describe_network_interfaces(self, state: State, Filters: list[Any]) -> dict[str, Any]:  # noqa: N803
        (wanted,) = Filters
        return {
            "NetworkInterfaces": [
                {
                    "NetworkInterfaceId": name,
                    "TagSet": [{"Key": key, "Value": value} for key, value in tags.items()],
                }
                for name, tags in state.interfaces.items()
                if name in wanted["Values"]
            ]
        }

    def _describe_alarms(
        self,
        state: State,
        AlarmNames: list[str],  # noqa: N803
        AlarmTypes: list[str],  # noqa: N803
    ) -> dict[str, Any]:
        assert AlarmTypes == ["MetricAlarm"]
        found = [
            {"AlarmName": name, "StateValue": value, **state.since}
            for name, value in state.alarms.items()
            if name in AlarmNames
        ]
        return {"MetricAlarms": found}

    def _create_route(self, **arguments: str) -> None:
        self._lead(arguments, exists=False)

    def _replace_route(self, **arguments: str) -> None:
        self._lead(arguments, exists=True)

    def _lead(self, arguments: dict[str, str], *, exists: bool) -> None:
        table, destination = arguments["RouteTableId"], arguments["DestinationCidrBlock"]
        interface = arguments["NetworkInterfaceId"]
        if table not in self.state.tables:
            raise failure(
                "InvalidRouteTableID.NotFound", f"The routeTable ID '{table}' does not exist"
            )
        if interface not in self.state.interfaces:
            raise failure(
                "InvalidNetworkInterfaceID.NotFound",
                f"The networkInterface ID '{interface}' does not exist",
            )
        there = destination in self.state.tables[table]
        if there and not exists:
            raise failure(
                "RouteAlreadyExists", f"The route identified by {destination} already exists."
            )
        if exists and not there:
            raise failure(
                "InvalidParameterValue",
                f"There is no route defined for '{destination}' in the route table. Use CreateRoute "
                "instead.",
            )
        self.state.tables[table][destination] = interface

    def _set_instance_health(self, **arguments: Any) -> None:  # noqa: ANN401 (as boto3)
        found = self.state.instances.get(arguments["InstanceId"], {"State": {"Name": ""}})
        if found["State"]["Name"] != "running":
            message = f"Instance Id not found - No managed instance found for instance ID {arguments['InstanceId']}"
            raise failure("ValidationError", message)
        self.unhealthy.append(arguments)


class _Client:
    """A client, whose methods are the account's calls."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda **arguments: self._cloud.called(name, arguments)


def _target(text: str) -> dict[str, str]:
    return {"NatGatewayId": text} if text.startswith("nat-") else {"NetworkInterfaceId": text}


def settled(setup: RefereeSetup) -> Cloud:
    """Two old nodes that are well; a carries."""
    cloud = Cloud(setup.group)
    cloud.launch("a", A)
    cloud.launch("c", C)
    cloud.alarm()
    cloud.lead("eni-a", "eni-a")
    return cloud
