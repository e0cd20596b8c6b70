"""An account in moto, and what stands before it: the refusals of AWS that moto does not have.

Both kinds of session see the same account; only `strict` sees the refusals and the faults.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv4Address
from typing import Any

import boto3

from natgate.cloud.aws_client import AwsClient
from natgate.model.spec import Spec
from natgate.wire.config import parse_spec
from tests.steering_contract import spec_text

REGION = "ap-northeast-1"
GROUP = "net"
ELASTIC_TEXT = "203.0.113.7"
SPEC = spec_text("{kind: aws, region: ap-northeast-1OPTIONS}\nheartbeat: {key_env: NATGATE_KEY}")
Fault = Callable[[str, Mapping[str, Any]], tuple[str, str] | None]
"""Given an operation and its parameters: the error's code and message, or None."""


def spec_of(options: str = "", *replacements: tuple[str, str]) -> Spec:
    """The spec with options of its steering, and pieces replaced."""
    text = SPEC.replace("OPTIONS", options)
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    return parse_spec(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The ids of what was made."""

    vpc: str
    tables: Mapping[str, str]
    nodes: Mapping[str, str]


class Account:
    """What a test does in the account, and how its calls are disturbed."""

    def __init__(self) -> None:
        self.ec2: Any = boto3.Session().client("ec2")
        self.strict: Any = boto3.Session()
        self.strict.events.register("before-parameter-build", self._remember)
        self.strict.events.register("before-call", self._before)
        self.strict.events.register("after-call.ec2.DescribeAddresses", self._associated)
        self.calls: Counter[str] = Counter()
        self.faults: list[Fault] = []
        self.stale: dict[str, dict[str, Any]] = {}
        self.lags = -1
        self.sent: dict[str, list[Mapping[str, Any]]] = {}
        self.completed: list[Mapping[str, Any]] = []
        self._stands: dict[str, str] = {}
        self._opened: list[AwsClient] = []

    def close(self) -> None:
        """Give every connection back."""
        self.ec2.close()
        for client in self._opened:
            client.close()

    def client(self, deadline: float = 10.0) -> AwsClient:
        """A client whose calls are disturbed."""
        self._opened.append(AwsClient(REGION, deadline, self.strict))
        return self._opened[-1]

    def build(self, *, by_tags: bool = True) -> Scene:
        """A VPC with three route tables and an interface for each node of the spec."""
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        tables = {}
        for name in ("edge", "a", "c"):
            table = self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
            tables[name] = table
            if by_tags:
                self.tag(table, **{"natgate:group": GROUP, "natgate:table": name})
        subnet = self.subnet(vpc, "10.0.0.0/24")
        nodes = {
            name: self.interface(subnet, f"10.0.0.{number}", group=GROUP)
            for number, name in enumerate(("node-a", "node-c"), 1)
        }
        return Scene(vpc=vpc, tables=tables, nodes=nodes)

    def subnet(self, vpc: str, prefix: str) -> str:
        """A subnet in the first zone."""
        zone = f"{REGION}a"
        made = self.ec2.create_subnet(VpcId=vpc, CidrBlock=prefix, AvailabilityZone=zone)
        return str(made["Subnet"]["SubnetId"])

    def interface(self, subnet: str, address: str, *, group: str | None = None) -> str:
        """A network interface whose source/destination check is off, as a joined node's is."""
        made = self.ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=address)
        number = str(made["NetworkInterface"]["NetworkInterfaceId"])
        self.check(number, on=False)
        if group is not None:
            self.tag(number, **{"natgate:group": group})
        return number

    def check(self, interface: str, *, on: bool) -> None:
        """Switch the source/destination check."""
        self.ec2.modify_network_interface_attribute(
            NetworkInterfaceId=interface, SourceDestCheck={"Value": on}
        )

    def checked(self, interface: str) -> bool:
        """Whether the source/destination check is on."""
        found = self.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])
        return bool(found["NetworkInterfaces"][0]["SourceDestCheck"])

    def instance(self, interface: str, **tags: str) -> str:
        """A running instance with this interface."""
        made = self.ec2.run_instances(
            ImageId="ami-12345678",
            MinCount=1,
            MaxCount=1,
            NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": interface}],
        )
        number = str(made["Instances"][0]["InstanceId"])
        self.tag(number, **tags)
        return number

    def tag(self, number: str, /, **tags: str) -> None:
        """Give a thing tags."""
        self.ec2.create_tags(
            Resources=[number], Tags=[{"Key": k, "Value": v} for k, v in tags.items()]
        )

    def routes(self, table: str) -> dict[str, str | None]:
        """The interface of each route of a table, by destination."""
        found = self.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        return {
            route["DestinationCidrBlock"]: route.get("NetworkInterfaceId")
            for route in found
            if route.get("GatewayId") != "local"
        }

    def lead(self, table: str, destination: str, **target: str) -> None:
        """Lead a route somewhere, whoever had it."""
        if destination in self.routes(table):
            self.ec2.delete_route(RouteTableId=table, DestinationCidrBlock=destination)
        self.ec2.create_route(RouteTableId=table, DestinationCidrBlock=destination, **target)

    def addresses(self, interface: str) -> list[IPv4Address]:
        """The private addresses of an interface."""
        found = self.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])
        listed = found["NetworkInterfaces"][0]["PrivateIpAddresses"]
        return [IPv4Address(each["PrivateIpAddress"]) for each in listed]

    def lag(self, operation: str, answer: dict[str, Any], times: int = -1) -> None:
        """Have the next calls of an operation, or all, answered by what was true before."""
        self.stale[operation], self.lags = answer, times

    def fail(self, operation: str, code: str, *, times: int = 1000, **having: str) -> None:
        """Have the next calls of an operation fail, or those that have these parameters."""
        left = [times]

        def fault(called: str, given: Mapping[str, Any]) -> tuple[str, str] | None:
            if called != operation or any(given.get(k) != v for k, v in having.items()):
                return None
            left[0] -= 1
            return (code, f"{code} as asked for") if left[0] >= 0 else None

        self.faults.append(fault)

    def _remember(self, params: Mapping[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401
        self.sent.setdefault(model.name, []).append(dict(params))

    def _before(self, model: Any, params: Mapping[str, Any], **_: object) -> Any:  # noqa: ANN401
        """Answer in place of moto where AWS would say something else."""
        operation, body = model.name, params["body"]
        given = body if isinstance(body, Mapping) else {}
        self.calls[operation] += 1
        failed = next(filter(None, (fault(operation, given) for fault in self.faults)), None)
        if failed is not None:
            return _error(*failed)
        if operation in self.stale and self.lags != 0:
            self.lags -= 1
            return _Response(HTTPStatus.OK), self.stale[operation]
        return self._answer(operation, given)

    def _answer(self, operation: str, given: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """What AWS says where moto says something else; None if they agree."""
        if given.get("DryRun") == "true":
            return _error("DryRunOperation", "Request would have succeeded, but DryRun is set.")
        if operation == "CreateRoute" and given["DestinationCidrBlock"] in self.routes(
            given["RouteTableId"]
        ):
            return _error("RouteAlreadyExists", "The route exists already.")
        if operation == "CompleteLifecycleAction":  # moto has none
            self.completed.append(given)
            return _Response(HTTPStatus.OK), {}
        if operation == "AssociateAddress":
            self._stands[given["AllocationId"]] = given["PrivateIpAddress"]
        if operation == "AssignPrivateIpAddresses":
            self._take_away(given["PrivateIpAddress.1"])
        if operation == "DescribeNetworkInterfaces" and "Filter.2.Value.1" in given:
            return self._holders(given)
        return None

    def _take_away(self, address: str) -> None:
        """An address that is assigned anew leaves its interface: moto has it on both."""
        for found in self._interfaces():
            if address in _secondary(found):
                self.ec2.unassign_private_ip_addresses(
                    NetworkInterfaceId=found["NetworkInterfaceId"], PrivateIpAddresses=[address]
                )

    def _holders(self, given: Mapping[str, Any]) -> tuple["_Response", dict[str, Any]]:
        """The interfaces of a VPC that have one of some addresses: moto looks at primary ones only."""
        wanted = {value for name, value in given.items() if name.startswith("Filter.2.Value.")}
        found = [
            each
            for each in self._interfaces()
            if each["VpcId"] == given["Filter.1.Value.1"]
            and wanted & {each["PrivateIpAddress"], *_secondary(each)}
        ]
        return _Response(HTTPStatus.OK), {"NetworkInterfaces": found}

    def _interfaces(self) -> list[dict[str, Any]]:
        return list(self.ec2.describe_network_interfaces()["NetworkInterfaces"])

    def _associated(self, parsed: dict[str, Any], **_: object) -> None:
        """Which private address an elastic one stands for: moto says the primary one, always."""
        for address in parsed.get("Addresses", ()):
            private = self._stands.get(address["AllocationId"])
            if private is not None:
                address["PrivateIpAddress"] = private


def _secondary(interface: Mapping[str, Any]) -> set[str]:
    listed = interface["PrivateIpAddresses"]
    return {each["PrivateIpAddress"] for each in listed if not each["Primary"]}


@dataclass(frozen=True, slots=True)
class _Response:
    status_code: HTTPStatus


def _error(code: str, message: str) -> tuple[_Response, dict[str, Any]]:
    """As AWS answers; what it says of itself may hold what nobody should see."""
    status = HTTPStatus.BAD_REQUEST
    metadata = {"HTTPStatusCode": int(status)}
    return _Response(status), {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": metadata,
    }
