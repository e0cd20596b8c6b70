"""What EC2 says of route tables, network interfaces and elastic addresses (API version 2016-11-15).

The shapes are those of botocore: DescribeRouteTables, DescribeNetworkInterfaces, DescribeAddresses.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from natgate.model.aws_names import GROUP_TAG, TABLE_TAG

Answer = Mapping[str, Any]
"""One answer of the API, as botocore reads it."""

_TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "InstanceId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "VpcEndpointId",
    "EgressOnlyInternetGatewayId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
)
_PROPAGATED, _INBORN = "EnableVgwRoutePropagation", "CreateRouteTable"
LOCAL = "local"
"""What the route of the VPC itself leads to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one destination in a route table leads to: an interface, or `other` in words.

    `inborn`: the table was made with it; it can be led elsewhere and back, and not be deleted.
    """

    interface: str | None = None
    other: str = ""
    inborn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A route table: `name` is what its tag says, None without one."""

    id: str
    vpc: str
    name: str | None
    entries: Mapping[IPv4Network, Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """A network interface; the primary address is the first. `checked`: source/destination check."""

    id: str
    vpc: str
    addresses: tuple[IPv4Address, ...]
    group: str | None
    instance: str | None
    checked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Elastic:
    """An elastic address, and the private one on an interface that it stands for now."""

    address: IPv4Address
    allocation: str
    interface: str | None
    private: IPv4Address | None


def parse_tables(answer: Answer) -> tuple[Table, ...]:
    """The route tables of an answer; only IPv4 routes count."""
    return tuple(
        Table(
            id=table["RouteTableId"],
            vpc=table.get("VpcId", ""),
            name=tag_of(table.get("Tags", ()), TABLE_TAG),
            entries=_entries(table.get("Routes", ())),
        )
        for table in answer["RouteTables"]
    )


def parse_interfaces(answer: Answer) -> tuple[Interface, ...]:
    """The network interfaces of an answer."""
    return tuple(
        Interface(
            id=found["NetworkInterfaceId"],
            vpc=found.get("VpcId", ""),
            addresses=_addresses(found),
            group=tag_of(found.get("TagSet", ()), GROUP_TAG),
            instance=found.get("Attachment", {}).get("InstanceId"),
            checked=found.get("SourceDestCheck", True),
        )
        for found in answer["NetworkInterfaces"]
    )


def parse_elastic(answer: Answer) -> dict[IPv4Address, Elastic]:
    """The elastic addresses of an answer."""
    return {
        IPv4Address(found["PublicIp"]): Elastic(
            address=IPv4Address(found["PublicIp"]),
            allocation=found.get("AllocationId", ""),
            interface=found.get("NetworkInterfaceId") or None,
            private=_private(found.get("PrivateIpAddress")),
        )
        for found in answer["Addresses"]
    }


def named_tables(
    tables: Iterable[Table], names: Iterable[str], ids: Mapping[str, str]
) -> dict[str, Table]:
    """The table of each name that is there: by its id where the spec has one, else by its tag.

    Of two that bear one name in their tags neither is taken.
    """
    by_id = {table.id: table for table in tables}
    by_name: dict[str | None, list[Table]] = {}
    for table in by_id.values():
        by_name.setdefault(table.name, []).append(table)
    found = {}
    for name in names:
        one = [by_id[ids[name]]] if ids.get(name) in by_id else []
        chosen = one if name in ids else by_name.get(name, [])
        if len(chosen) == 1:
            found[name] = chosen[0]
    return found


def target_of(
    entry: Entry | None,
    interfaces: Mapping[str, Interface],
    nodes: Iterable[IPv4Address],
    group: str,
) -> IPv4Address | str | None:
    """What an entry means: a node's address, None where nobody's route would be moved, else words.

    Nobody's: there is no route, or it is the table's own; its interface is gone, or is one of the
    group's whose node's address another one has by now.
    """
    if entry is None or entry.other == LOCAL:
        return None
    if entry.interface is None:
        return entry.other
    interface = interfaces.get(entry.interface)
    if interface is None:
        return None
    held = next((address for address in nodes if address in interface.addresses), None)
    if held is not None or interface.group == group:
        return held
    return f"{entry.interface} of somebody else"


def missing_table(name: str, ids: Mapping[str, str], group: str) -> str:
    """Why a table cannot be used, and the way out."""
    if name in ids:
        return f"there is no route table {ids[name]} ({name}); correct steering.tables"
    return (
        f"not exactly one route table has the tags {GROUP_TAG}={group} and {TABLE_TAG}={name}; "
        "tag it, or name its id in steering.tables"
    )


def accepted(
    destination: IPv4Network, ranges: Iterable[IPv4Network], subnets: Iterable[IPv4Network]
) -> bool:
    """Whether a VPC that has these subnets takes the destination: inside it a whole one only."""
    inside = [each for each in ranges if destination.subnet_of(each)]
    return not inside or destination in {*inside, *subnets}


def _entries(routes: Iterable[Answer]) -> dict[IPv4Network, Entry]:
    """A propagated route is no obstacle, nor is that of the VPC itself: any other wins over them."""
    found = [
        (IPv4Network(route["DestinationCidrBlock"]), _entry(route))
        for route in routes
        if "DestinationCidrBlock" in route and route.get("Origin") != _PROPAGATED
    ]
    return dict(sorted(found, key=lambda each: each[1].other != LOCAL))


def _entry(route: Answer) -> Entry:
    inborn = route.get("Origin") == _INBORN
    interface = route.get("NetworkInterfaceId")
    if interface:
        return Entry(interface=interface, inborn=inborn)
    other = next((route[key] for key in _TARGETS if route.get(key)), "something unknown")
    return Entry(other=other, inborn=inborn)


def _addresses(interface: Answer) -> tuple[IPv4Address, ...]:
    listed = interface.get("PrivateIpAddresses", ())
    ordered = sorted(listed, key=lambda each: not each.get("Primary", False))
    found = [IPv4Address(each["PrivateIpAddress"]) for each in ordered]
    if not found and interface.get("PrivateIpAddress"):
        found = [IPv4Address(interface["PrivateIpAddress"])]
    return tuple(found)


def _private(text: str | None) -> IPv4Address | None:
    return IPv4Address(text) if text else None


def tag_of(tags: Iterable[Answer], key: str) -> str | None:
    """The value of a tag; None without it."""
    return next((tag["Value"] for tag in tags if tag["Key"] == key), None)
