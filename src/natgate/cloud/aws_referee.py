"""What the referee sees of a group in AWS, and does there. It decides nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from natgate.cloud.aws_calls import CallError, Patience, call
from natgate.model.error import HostError
from natgate.model.referee import (
    Alarm,
    Instance,
    RefereeSetup,
    RouteChange,
    TableRoute,
    Target,
    World,
)

GROUP_OF = "aws:autoscaling:groupName"
_ALARMS: Mapping[str, Alarm] = {"OK": "OK", "ALARM": "ALARM"}
_ABSENT = {"InvalidParameterValue", "InvalidRoute.NotFound"}
"""What ReplaceRoute says of a route that does not exist; the first also of other mistakes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsGroup:
    """The group of one referee; `threads` is how many routes are led elsewhere at once."""

    setup: RefereeSetup
    clients: Mapping[str, Any]
    patience: Patience
    threads: int = 8

    def group_of(self, instance: str) -> str | None:
        """The auto scaling group of an instance, empty if it has none; None if that is not known."""
        filters = _filters({"instance-id": [instance]})
        try:
            found = list(self._instances(f"looking {instance} up", filters))
        except HostError:
            return None  # the turn is right also for an instance that is not ours
        return _tags(found[0]).get(GROUP_OF, "") if found else None

    def read(self) -> World:
        """Instances, alarms and routes, as AWS knows them now; HostError if one cannot be read."""
        instances = tuple(self._running())
        return World(instances=instances, alarms=self._alarms(), routes=self._routes(instances))

    def change(self, changes: Sequence[RouteChange]) -> Mapping[TableRoute, str]:
        """Make every change, whatever becomes of the others: why each failed that did."""
        if self.threads == 1 or len(changes) < 2:  # noqa: PLR2004 (one needs no thread)
            outcomes = [self._change(change) for change in changes]
        else:
            with ThreadPoolExecutor(min(self.threads, len(changes))) as pool:
                outcomes = list(pool.map(self._change, changes))
        return {
            change.route: error
            for change, error in zip(changes, outcomes, strict=True)
            if error is not None
        }

    def replace(self, instance: Instance) -> bool:
        """Tell the auto scaling group that an instance is ill; False if it is gone already."""
        act = partial(
            self.clients["autoscaling"].set_instance_health,
            InstanceId=instance.instance,
            HealthStatus="Unhealthy",
            ShouldRespectGracePeriod=True,
        )
        try:
            call(f"replacing {instance.instance}", act, self.patience)
        except CallError as error:
            if error.code == "ValidationError" and "not found" in str(error).lower():
                return False
            raise
        return True

    def _running(self) -> Iterator[Instance]:
        what = f"listing the instances of {self.setup.asg}"
        wanted = {f"tag:{GROUP_OF}": [self.setup.asg], "instance-state-name": ["running"]}
        for found in self._instances(what, _filters(wanted)):
            first = _first_interface(found)
            if first is not None:
                yield Instance(
                    zone=found["Placement"]["AvailabilityZone"],
                    interface=first["NetworkInterfaceId"],
                    instance=found["InstanceId"],
                    launched=found["LaunchTime"].timestamp(),
                    addresses=frozenset(
                        each["PrivateIpAddress"] for each in first.get("PrivateIpAddresses", ())
                    ),
                )

    def _instances(self, what: str, filters: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        act = partial(self._ec2.describe_instances, Filters=filters)
        for reservation in self._pages(what, act, "Reservations"):
            yield from reservation["Instances"]

    def _alarms(self) -> Mapping[str, Alarm]:
        names = list(self.setup.alarms.values())
        act = partial(
            self.clients["cloudwatch"].describe_alarms,
            AlarmNames=names,
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        )
        answer = call("reading the alarms", act, self.patience)
        found = {
            each["AlarmName"]: each["StateValue"]
            for kind in ("MetricAlarms", "CompositeAlarms")
            for each in answer.get(kind, ())
        }
        return {
            zone: _ALARMS.get(found.get(name, ""), "INSUFFICIENT_DATA")
            for zone, name in self.setup.alarms.items()
        }

    def _routes(self, instances: Iterable[Instance]) -> Mapping[TableRoute, Target | None]:
        """What each route leads to; one whose table is not there is unread."""
        routes = list(dict.fromkeys(r for share in self.setup.shares for r in share.routes))
        tables = sorted({route.table for route in routes})
        act = partial(self._ec2.describe_route_tables, Filters=_filters({"route-table-id": tables}))
        found = {
            table["RouteTableId"]: {
                each["DestinationCidrBlock"]: each
                for each in table["Routes"]
                if "DestinationCidrBlock" in each
            }
            for table in self._pages("reading the route tables", act, "RouteTables")
        }
        known = {route: found.get(route.table, {}).get(route.destination) for route in routes}
        own = {instance.interface for instance in instances}
        others = {i for each in known.values() if each and (i := each.get("NetworkInterfaceId"))}
        kinds = self._kinds(others - own)
        return {
            route: Target(kind="unread", text=f"there is no route table {route.table}")
            if route.table not in found
            else _target(each, own, kinds)
            for route, each in known.items()
        }

    def _kinds(self, interfaces: set[str]) -> Mapping[str, bool]:
        """Of interfaces those that exist, and whether each is the group's."""
        if not interfaces:
            return {}
        filters = _filters({"network-interface-id": sorted(interfaces)})
        act = partial(self._ec2.describe_network_interfaces, Filters=filters)
        found = self._pages("looking up where routes lead", act, "NetworkInterfaces")
        return {
            each["NetworkInterfaceId"]: _tags(each, "TagSet").get("natgate:group")
            == self.setup.group
            for each in found
        }

    def _pages(
        self, what: str, act: Callable[..., dict[str, Any]], field: str
    ) -> Iterator[dict[str, Any]]:
        """Everything that a Describe call lists, page by page."""
        more: dict[str, str] = {}
        while True:
            answer = call(what, partial(act, **more), self.patience)
            yield from answer[field]
            if not answer.get("NextToken"):
                return
            more = {"NextToken": answer["NextToken"]}

    def _change(self, change: RouteChange) -> str | None:
        """Why a route could not be led to its interface; None if it is led there now."""
        try:
            self._lead(change)
        except HostError as error:
            return str(error)
        return None

    def _lead(self, change: RouteChange) -> None:
        """Create or replace; the other of the two, if somebody else was there in between."""
        acts = {"create": self._ec2.create_route, "replace": self._ec2.replace_route}
        what = f"leading {change.route} to {change.interface}"
        arguments = {
            "RouteTableId": change.route.table,
            "DestinationCidrBlock": change.route.destination,
            "NetworkInterfaceId": change.interface,
        }
        try:
            call(what, partial(acts[change.kind], **arguments), self.patience)
        except CallError as error:
            if change.kind == "create" and error.code == "RouteAlreadyExists":
                call(what, partial(acts["replace"], **arguments), self.patience)
            elif change.kind == "replace" and error.code in _ABSENT and _is_absent(error):
                call(what, partial(acts["create"], **arguments), self.patience)
            else:
                raise

    @property
    def _ec2(self) -> Any:  # noqa: ANN401 (boto3 makes its clients as it goes)
        return self.clients["ec2"]


def _is_absent(error: CallError) -> bool:
    """EC2: "There is no route defined for '10.0.0.0/24' in the route table"."""
    return "no route" in str(error) or error.code == "InvalidRoute.NotFound"


def _filters(wanted: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": values} for name, values in wanted.items()]


def _tags(found: Mapping[str, Any], field: str = "Tags") -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in found.get(field, ())}


def _first_interface(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """The interface with device index 0."""
    for each in found.get("NetworkInterfaces", ()):
        if each.get("Attachment", {}).get("DeviceIndex") == 0:
            return dict(each)
    return None


def _target(
    found: Mapping[str, Any] | None, own: set[str], kinds: Mapping[str, bool]
) -> Target | None:
    """What a route of a table leads to."""
    if found is None:
        return None
    interface = found.get("NetworkInterfaceId")
    if interface is None:
        fields = ("GatewayId", "NatGatewayId", "TransitGatewayId", "VpcPeeringConnectionId")
        named = next((found[field] for field in fields if found.get(field)), None)
        return Target(
            kind="foreign", text=str(named or found.get("InstanceId") or "something else")
        )
    if interface in own or kinds.get(interface):
        return Target(kind="ours", text=interface)
    return Target(kind="foreign" if interface in kinds else "gone", text=interface)
