"""What EC2 says of route tables, interfaces and elastic addresses."""

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from natgate.wire.aws_routes import (
    Elastic,
    Entry,
    Interface,
    Table,
    accepted,
    missing_table,
    named_tables,
    parse_elastic,
    parse_interfaces,
    parse_tables,
    target_of,
)

NODE, OTHER = IPv4Address("10.10.0.20"), IPv4Address("10.10.0.52")
FAR = IPv4Network("192.168.100.0/24")


def entry(**route: Any) -> Entry | None:  # noqa: ANN401 (as botocore reads it)
    """How one route of an answer is understood."""
    routes = [{"DestinationCidrBlock": str(FAR), **route}]
    (table,) = parse_tables({"RouteTables": [{"RouteTableId": "rtb-1", "Routes": routes}]})
    return table.entries.get(FAR)


def test_a_table_has_a_name_by_its_tag_and_its_routes_by_destination() -> None:
    """Routes of IPv6 and of prefix lists are none of natgate's."""
    answer = {
        "RouteTables": [
            {
                "RouteTableId": "rtb-1",
                "VpcId": "vpc-1",
                "Tags": [{"Key": "Name", "Value": "x"}, {"Key": "natgate:table", "Value": "edge"}],
                "Routes": [
                    {"DestinationCidrBlock": str(FAR), "NetworkInterfaceId": "eni-1"},
                    {"DestinationIpv6CidrBlock": "::/0", "GatewayId": "igw-1"},
                    {"DestinationPrefixListId": "pl-1", "GatewayId": "vpce-1"},
                ],
            }
        ]
    }
    assert parse_tables(answer) == (
        Table(id="rtb-1", vpc="vpc-1", name="edge", entries={FAR: Entry(interface="eni-1")}),
    )


@pytest.mark.parametrize(
    ("route", "found"),
    [
        ({"NetworkInterfaceId": "eni-1", "InstanceId": "i-1"}, Entry(interface="eni-1")),
        ({"NatGatewayId": "nat-1", "Origin": "CreateRoute"}, Entry(other="nat-1")),
        ({"VpcPeeringConnectionId": "pcx-1"}, Entry(other="pcx-1")),
        (
            {"GatewayId": "local", "Origin": "CreateRouteTable"},
            Entry(other="local", inborn=True),
        ),
        (
            {"NetworkInterfaceId": "eni-1", "Origin": "CreateRouteTable"},
            Entry(interface="eni-1", inborn=True),
        ),
        ({"State": "blackhole"}, Entry(other="something unknown")),
        ({"GatewayId": "vgw-1", "Origin": "EnableVgwRoutePropagation"}, None),
    ],
)
def test_a_route_leads_to_an_interface_or_to_something_else(
    route: dict[str, str], found: Entry | None
) -> None:
    """A propagated one counts as none, since a route to an interface wins over it."""
    assert entry(**route) == found


def interface(
    number: str = "eni-1", *addresses: IPv4Address, group: str | None = "main"
) -> Interface:
    """An interface of a running instance."""
    return Interface(
        id=number, vpc="v", addresses=addresses, group=group, instance="i", checked=False
    )


def test_an_interface_has_its_primary_address_first() -> None:
    """In whatever order AWS lists them; one without a list has its one address."""
    listed = [
        {"PrivateIpAddress": str(OTHER), "Primary": False},
        {"PrivateIpAddress": str(NODE), "Primary": True},
    ]
    answer = {
        "NetworkInterfaces": [
            {
                "NetworkInterfaceId": "eni-1",
                "VpcId": "v",
                "PrivateIpAddresses": listed,
                "TagSet": [{"Key": "natgate:group", "Value": "main"}],
                "Attachment": {"InstanceId": "i"},
                "SourceDestCheck": False,
            },
            {"NetworkInterfaceId": "eni-2", "PrivateIpAddress": str(OTHER)},
            {"NetworkInterfaceId": "eni-3"},
        ]
    }
    one, two, three = parse_interfaces(answer)
    assert one == interface("eni-1", NODE, OTHER)
    assert (two.addresses, two.group, two.instance, two.checked) == ((OTHER,), None, None, True)
    assert three.addresses == ()


def test_an_elastic_address_may_stand_for_nothing() -> None:
    """Or for a private address of an interface."""
    taken = {
        "PublicIp": "203.0.113.7",
        "AllocationId": "eipalloc-1",
        "NetworkInterfaceId": "eni-1",
        "PrivateIpAddress": str(NODE),
    }
    free = {"PublicIp": "203.0.113.8", "AllocationId": "eipalloc-2", "NetworkInterfaceId": ""}
    one, two = IPv4Address("203.0.113.7"), IPv4Address("203.0.113.8")
    assert parse_elastic({"Addresses": [taken, free]}) == {
        one: Elastic(address=one, allocation="eipalloc-1", interface="eni-1", private=NODE),
        two: Elastic(address=two, allocation="eipalloc-2", interface=None, private=None),
    }


def table(number: str, name: str | None = None) -> Table:
    """An empty one."""
    return Table(id=number, vpc="v", name=name, entries={})


def test_a_table_is_found_by_its_id_else_by_its_tag() -> None:
    """An id that is not there is not made up for by a tag, and two tags of one name are no name."""
    tables = [table("rtb-1", "edge"), table("rtb-2", "a"), table("rtb-3", "a"), table("rtb-4")]
    found = named_tables(tables, ["edge", "a", "c", "d"], {"c": "rtb-4", "d": "rtb-9"})
    assert {name: each.id for name, each in found.items()} == {"edge": "rtb-1", "c": "rtb-4"}
    assert named_tables([table("rtb-1", "d")], ["d"], {"d": "rtb-9"}) == {}


def test_a_missing_table_is_told_with_the_way_out() -> None:
    """By its id, or by the tags that would have found it."""
    assert missing_table("d", {"d": "rtb-9"}, "main") == (
        "there is no route table rtb-9 (d); correct steering.tables"
    )
    assert "natgate:group=main and natgate:table=d" in missing_table("d", {}, "main")


@pytest.mark.parametrize(
    ("held", "target"),
    [
        (None, None),
        (Entry(other="local", inborn=True), None),
        (Entry(other="nat-1"), "nat-1"),
        (Entry(interface="eni-gone"), None),
        (Entry(interface="eni-node"), OTHER),
        (Entry(interface="eni-former"), None),
        (Entry(interface="eni-foreign"), "eni-foreign of somebody else"),
    ],
)
def test_a_target_is_a_node_or_nobody_or_somebody_else(
    held: Entry | None, target: IPv4Address | str | None
) -> None:
    """A node is whoever has its address; what is the group's and no node's may be taken."""
    interfaces = {
        "eni-node": interface("eni-node", IPv4Address("10.10.0.50"), OTHER, group=None),
        "eni-former": interface("eni-former", IPv4Address("10.10.0.51")),
        "eni-foreign": interface("eni-foreign", IPv4Address("10.10.0.53"), group="x"),
    }
    assert target_of(held, interfaces, (NODE, OTHER), "main") == target


@pytest.mark.parametrize("turned", [False, True])
def test_the_route_of_the_vpc_itself_yields_to_any_other(turned: bool) -> None:  # noqa: FBT001
    """Whichever is listed first."""
    routes = [
        {"DestinationCidrBlock": "10.10.0.0/24", "GatewayId": "local"},
        {"DestinationCidrBlock": "10.10.0.0/24", "NetworkInterfaceId": "eni-a"},
    ]
    listed = routes[::-1] if turned else routes
    (table,) = parse_tables({"RouteTables": [{"RouteTableId": "rtb-1", "Routes": listed}]})
    assert table.entries[IPv4Network("10.10.0.0/24")] == Entry(interface="eni-a")


def test_a_vpc_takes_whole_subnets_and_what_lies_outside() -> None:
    """Inside it, the range itself and a subnet are whole; anything else is a part."""
    ranges, subnets = [IPv4Network("10.10.0.0/24")], [IPv4Network("10.10.0.80/28")]

    def takes(destination: str) -> bool:
        return accepted(IPv4Network(destination), ranges, subnets)

    assert takes("0.0.0.0/0")
    assert takes("192.168.100.0/24")
    assert takes("10.10.0.80/28")
    assert takes("10.10.0.0/24")
    assert not takes("10.10.0.85/32")
