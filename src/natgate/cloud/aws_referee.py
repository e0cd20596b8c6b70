"""What the referee sees of a group in AWS, and does there. It decides nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from ipaddress import IPv4Network
from typing import Any

from natgate.cloud.aws_calls import THREADS, AwsError, Patience, call
from natgate.model.aws_names import SCALING_GROUP_TAG
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
from natgate.wire.aws_routes import LOCAL, Entry, Table, parse_interfaces, parse_tables, tag_of

_ALARMS: Mapping[str, Alarm] = {"OK": "OK", "ALARM": "ALARM"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsGroup:
    """The group of one referee; `threads` is how many routes are led elsewhere at once."""

    setup: RefereeSetup
    client: Callable[[str], Any]
    patience: Patience
    threads: int = THREADS

    def group_of(self, instance: str) -> str | None:
        """The auto scaling group of an instance, empty if it has none; None if that is not known."""
        filters = _filters({"instance-id": [instance]})
        try:
            found = list(self._instances(filters))
        except HostError:
            return None  # the turn is right also for an instance that is not ours
        return tag_of(found[0].get("Tags", ()), SCALING_GROUP_TAG) or "" if found else None

    def read(self) -> World:
        """Instances, alarms and routes, as AWS knows them now; HostError if one cannot be read."""
        instances, found, tables = self._at_once(self._running, self._alarms, self._tables)
        zones = {zone: found.get(name, {}) for zone, name in self.setup.alarms.items()}
        return World(
            instances=instances,
            alarms={
                zone: _ALARMS.get(alarm.get("StateValue", ""), "INSUFFICIENT_DATA")
                for zone, alarm in zones.items()
            },
            routes=self._routes(instances, tables),
            since={z: at.timestamp() for z, alarm in zones.items() if (at := _since(alarm))},
        )

    def change(self, changes: Sequence[RouteChange]) -> Mapping[TableRoute, str]:
        """Make every change, whatever becomes of the others: why each failed that did."""
        outcomes = self._at_once(*(partial(self._change, change) for change in changes))
        return {
            change.route: error
            for change, error in zip(changes, outcomes, strict=True)
            if error is not None
        }

    def replace(self, instance: Instance) -> bool:
        """Tell the auto scaling group that an instance is ill; False if it is gone already."""
        act = partial(
            self.client("autoscaling").set_instance_health,
            InstanceId=instance.instance,
            HealthStatus="Unhealthy",
            ShouldRespectGracePeriod=True,
        )
        try:
            call("autoscaling:SetInstanceHealth", instance.instance, act, self.patience)
        except AwsError as error:
            if error.code == "ValidationError" and "not found" in str(error):
                return False
            raise
        return True

    def _at_once(self, *works: Callable[[], Any]) -> list[Any]:
        """What each work gives; the first failure of one, once all have ended."""
        if self.threads == 1 or len(works) < 2:  # noqa: PLR2004 (one needs no thread)
            return [work() for work in works]
        with ThreadPoolExecutor(min(self.threads, len(works))) as pool:
            begun = [pool.submit(work) for work in works]
        return [each.result() for each in begun]

    def _running(self) -> tuple[Instance, ...]:
        wanted = {f"tag:{SCALING_GROUP_TAG}": [self.setup.asg], "instance-state-name": ["running"]}
        found = self._instances(_filters(wanted))
        return tuple(i for each in found if (i := _instance(each)) is not None)

    def _instances(self, filters: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        act = partial(self._ec2.describe_instances, Filters=filters)
        for reservation in self._pages("ec2:DescribeInstances", act, "Reservations"):
            yield from reservation["Instances"]

    def _alarms(self) -> Mapping[str, Mapping[str, Any]]:
        """The alarms that there are, by their names."""
        names = list(self.setup.alarms.values())
        act = partial(
            self.client("cloudwatch").describe_alarms,
            AlarmNames=names,
            AlarmTypes=["MetricAlarm"],  # others need rights on every alarm of the account
        )
        answer = call("cloudwatch:DescribeAlarms", "", act, self.patience)
        return {each["AlarmName"]: each for each in answer["MetricAlarms"]}

    def _tables(self) -> dict[str, Table]:
        """The tables that are there, by their ids."""
        ids = sorted({route.table for share in self.setup.shares for route in share.routes})
        act = partial(self._ec2.describe_route_tables, Filters=_filters({"route-table-id": ids}))
        found = list(self._pages("ec2:DescribeRouteTables", act, "RouteTables"))
        return {table.id: table for table in parse_tables({"RouteTables": found})}

    def _routes(
        self, instances: Iterable[Instance], tables: Mapping[str, Table]
    ) -> Mapping[TableRoute, Target | None]:
        """What each route leads to; one whose table is not there is unread."""
        routes = list(dict.fromkeys(r for share in self.setup.shares for r in share.routes))
        known = {route: _entry(tables, route) for route in routes}
        own = {instance.interface for instance in instances}
        led = {entry.interface for entry in known.values() if entry and entry.interface}
        kinds = self._kinds(led - own)
        return {
            route: _target(entry, own, kinds)
            if route.table in tables
            else Target(kind="unread", text=f"there is no route table {route.table}")
            for route, entry in known.items()
        }

    def _kinds(self, interfaces: set[str]) -> Mapping[str, bool]:
        """Of interfaces those that exist, and whether each is the group's."""
        if not interfaces:
            return {}
        filters = _filters({"network-interface-id": sorted(interfaces)})
        act = partial(self._ec2.describe_network_interfaces, Filters=filters)
        found = list(self._pages("ec2:DescribeNetworkInterfaces", act, "NetworkInterfaces"))
        return {
            each.id: each.group == self.setup.group
            for each in parse_interfaces({"NetworkInterfaces": found})
        }

    def _pages(
        self, operation: str, act: Callable[..., dict[str, Any]], field: str
    ) -> Iterator[dict[str, Any]]:
        """Everything that a Describe call lists, page by page."""
        more: dict[str, str] = {}
        while True:
            answer = call(operation, "", partial(act, **more), self.patience)
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
        try:
            self._write(change.kind, change)
        except AwsError as error:
            if change.kind == "create" and error.code == "RouteAlreadyExists":
                self._write("replace", change)
            elif change.kind == "replace" and _is_absent(error):
                self._write("create", change)
            else:
                raise

    def _write(self, kind: str, change: RouteChange) -> None:
        operations = {
            "create": ("ec2:CreateRoute", self._ec2.create_route),
            "replace": ("ec2:ReplaceRoute", self._ec2.replace_route),
        }
        operation, method = operations[kind]
        act = partial(
            method,
            RouteTableId=change.route.table,
            DestinationCidrBlock=change.route.destination,
            NetworkInterfaceId=change.interface,
        )
        call(operation, change.route.table, act, self.patience)

    @property
    def _ec2(self) -> Any:  # noqa: ANN401 (boto3 makes its clients as it goes)
        return self.client("ec2")


def _is_absent(error: AwsError) -> bool:
    """EC2 says it as "There is no route defined for '10.0.0.0/24' in the route table"."""
    unsaid = error.code == "InvalidParameterValue" and "no route defined" in str(error)
    return unsaid or error.code == "InvalidRoute.NotFound"


def _filters(wanted: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": values} for name, values in wanted.items()]


def _since(alarm: Mapping[str, Any]) -> datetime | None:
    """When an alarm became what it is, or was last told anew if AWS does not say that."""
    found = alarm.get("StateTransitionedTimestamp") or alarm.get("StateUpdatedTimestamp")
    return found if isinstance(found, datetime) else None


def _instance(found: Mapping[str, Any]) -> Instance | None:
    """An instance with its interface of device index 0; None while it has none."""
    for each in found.get("NetworkInterfaces", ()):
        if each.get("Attachment", {}).get("DeviceIndex") == 0:
            return Instance(
                zone=found["Placement"]["AvailabilityZone"],
                interface=each["NetworkInterfaceId"],
                instance=found["InstanceId"],
                launched=found["LaunchTime"].timestamp(),
                addresses=frozenset(
                    held["PrivateIpAddress"] for held in each.get("PrivateIpAddresses", ())
                ),
            )
    return None


def _entry(tables: Mapping[str, Table], route: TableRoute) -> Entry | None:
    table = tables.get(route.table)
    return table.entries.get(IPv4Network(route.destination)) if table is not None else None


def _target(entry: Entry | None, own: set[str], kinds: Mapping[str, bool]) -> Target | None:
    """What a route of a table leads to; a route to an interface wins over that of the VPC itself."""
    if entry is None or entry.other == LOCAL:
        return None
    interface = entry.interface
    if interface is None:
        return Target(kind="foreign", text=entry.other)
    if interface in own or kinds.get(interface):
        return Target(kind="ours", text=interface)
    return Target(kind="foreign" if interface in kinds else "gone", text=interface)
