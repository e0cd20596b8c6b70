"""Routes as AWS takes them (research/aws.md, section 1.1): each row is one that moto lets through."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import Cloud, Vpc

FIXED = "10.10.0.80/28"
OUTSIDE = "192.168.100.0/24"


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    """The error's code."""
    return str(error.value.response["Error"]["Code"])


def create(vpc: Vpc, table: str, destination: str, **target: Any) -> None:  # noqa: ANN401
    """CreateRoute, to the first interface if nothing else is named."""
    wanted = target or {"NetworkInterfaceId": vpc.interfaces[0]}
    vpc.ec2.create_route(RouteTableId=table, DestinationCidrBlock=destination, **wanted)


def test_a_route_that_is_there_is_not_created_again(vpc: Vpc) -> None:
    """A duplicate is RouteAlreadyExists and leaves the first one alone."""
    create(vpc, vpc.edge, FIXED)
    with pytest.raises(ClientError) as error:
        create(vpc, vpc.edge, FIXED, NetworkInterfaceId=vpc.interfaces[1])
    assert code(error) == "RouteAlreadyExists"
    assert vpc.routes(vpc.edge)[FIXED]["NetworkInterfaceId"] == vpc.interfaces[0]


@pytest.mark.parametrize("destination", ["10.10.0.85/32", "10.10.0.80/29", OUTSIDE, "0.0.0.0/0"])
def test_an_edge_table_takes_whole_subnets_only(vpc: Vpc, destination: str) -> None:
    """A host, a part of a subnet, and anything outside the VPC are refused in AWS's words."""
    with pytest.raises(ClientError, match="doesn't match any subnet CIDR blocks") as error:
        create(vpc, vpc.edge, destination)
    assert code(error) == "InvalidParameterValue"


def test_an_edge_table_takes_interfaces_only(vpc: Vpc) -> None:
    """A gateway is no target in a gateway's table."""
    with pytest.raises(ClientError) as error:
        create(vpc, vpc.edge, FIXED, GatewayId=vpc.gateway)
    assert code(error) == "InvalidParameterValue"


def test_an_edge_table_takes_interfaces_of_running_instances_only(vpc: Vpc) -> None:
    """An interface that is attached to nothing is refused."""
    subnet = vpc.subnets["10.10.0.64/28"]
    made = vpc.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    with pytest.raises(ClientError, match="running instance"):
        create(vpc, vpc.edge, FIXED, NetworkInterfaceId=made["NetworkInterfaceId"])


def test_the_local_route_of_an_edge_table_can_be_led_to_an_interface_and_back(vpc: Vpc) -> None:
    """ReplaceRoute of the VPC's range shows the interface alone, and LocalTarget undoes it."""
    whole = {"RouteTableId": vpc.edge, "DestinationCidrBlock": "10.10.0.0/24"}
    vpc.ec2.replace_route(**whole, NetworkInterfaceId=vpc.interfaces[0])
    route = vpc.routes(vpc.edge)["10.10.0.0/24"]
    assert (route.get("GatewayId"), route["NetworkInterfaceId"]) == (None, vpc.interfaces[0])
    vpc.ec2.replace_route(**whole, LocalTarget=True)
    assert vpc.routes(vpc.edge)["10.10.0.0/24"]["GatewayId"] == "local"


@pytest.mark.parametrize("destination", ["10.10.0.85/32", "10.10.0.64/27", "10.10.0.80/29"])
def test_inside_the_vpc_a_subnets_table_takes_whole_subnets_only(
    vpc: Vpc, destination: str
) -> None:
    """A destination inside the VPC that is no subnet is refused."""
    with pytest.raises(ClientError) as error:
        create(vpc, vpc.table, destination)
    assert code(error) == "InvalidParameterValue"


@pytest.mark.parametrize("destination", [OUTSIDE, "0.0.0.0/0", FIXED])
def test_a_subnets_table_takes_subnets_and_all_outside(vpc: Vpc, destination: str) -> None:
    """What AWS takes is taken, with the instance and its owner shown."""
    create(vpc, vpc.table, destination)
    route = vpc.routes(vpc.table)[destination]
    assert route["InstanceId"] == vpc.instances[0]
    assert (route["InstanceOwnerId"], route["State"]) == ("123456789012", "active")


def test_host_bits_of_a_destination_are_off(vpc: Vpc) -> None:
    """x.85/28 is stored as x.80/28."""
    create(vpc, vpc.edge, "10.10.0.85/28")
    assert FIXED in vpc.routes(vpc.edge)


def test_a_route_has_one_target(vpc: Vpc) -> None:
    """Two targets are one too many."""
    two = {"NetworkInterfaceId": vpc.interfaces[0], "GatewayId": vpc.gateway}
    with pytest.raises(ClientError) as error:
        create(vpc, vpc.table, OUTSIDE, **two)
    assert code(error) == "InvalidParameterCombination"


def test_a_route_that_is_missing_is_not_replaced(vpc: Vpc) -> None:
    """ReplaceRoute says that there is none."""
    with pytest.raises(ClientError, match="no route defined for") as error:
        vpc.ec2.replace_route(
            RouteTableId=vpc.table,
            DestinationCidrBlock=OUTSIDE,
            NetworkInterfaceId=vpc.interfaces[0],
        )
    assert code(error) == "InvalidParameterValue"


def test_a_dry_run_changes_nothing(vpc: Vpc) -> None:
    """Each call with DryRun says DryRunOperation, and what stands in the table stays."""
    wanted = {"RouteTableId": vpc.table, "DestinationCidrBlock": OUTSIDE, "DryRun": True}
    for act in (vpc.ec2.create_route, vpc.ec2.replace_route):
        with pytest.raises(ClientError) as error:
            act(**wanted, NetworkInterfaceId=vpc.interfaces[1])
        assert code(error) == "DryRunOperation"
        before = vpc.routes(vpc.table).get(OUTSIDE)
        assert before is None or before["NetworkInterfaceId"] == vpc.interfaces[0]
        if before is None:
            create(vpc, vpc.table, OUTSIDE)
    with pytest.raises(ClientError) as error:
        vpc.ec2.delete_route(**wanted)
    assert code(error) == "DryRunOperation"
    assert OUTSIDE in vpc.routes(vpc.table)


def test_a_route_to_nothing_is_a_blackhole(vpc: Vpc) -> None:
    """When the instance has gone, its routes stay and are shown as blackholes without instance."""
    create(vpc, vpc.table, OUTSIDE)
    vpc.ec2.terminate_instances(InstanceIds=[vpc.instances[0]])
    route = vpc.routes(vpc.table)[OUTSIDE]
    assert (route["State"], route.get("InstanceId")) == ("blackhole", None)
    assert route["NetworkInterfaceId"] == vpc.interfaces[0]


def test_an_edge_table_shows_its_gateway(vpc: Vpc) -> None:
    """The association names the gateway, and the filter finds it."""
    wanted = [{"Name": "association.gateway-id", "Values": [vpc.gateway]}]
    (found,) = vpc.ec2.describe_route_tables(Filters=wanted)["RouteTables"]
    assert found["RouteTableId"] == vpc.edge
    assert [a.get("GatewayId") for a in found["Associations"]] == [vpc.gateway]


def test_only_an_attached_gateway_takes_a_table(vpc: Vpc) -> None:
    """A gateway that is not there, or not attached to the VPC, is refused."""
    loose = vpc.ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    for gateway, expected in (
        (loose, "Gateway.NotAttached"),
        ("vgw-0123", "InvalidGatewayID.NotFound"),
    ):
        with pytest.raises(ClientError) as error:
            vpc.ec2.associate_route_table(RouteTableId=vpc.table, GatewayId=gateway)
        assert code(error) == expected


def test_a_table_with_other_targets_cannot_be_a_gateways(vpc: Vpc) -> None:
    """A route to a gateway stands in the way of the association."""
    create(vpc, vpc.table, OUTSIDE, GatewayId=vpc.gateway)
    with pytest.raises(ClientError, match="unsupported route target"):
        vpc.ec2.associate_route_table(RouteTableId=vpc.table, GatewayId=vpc.gateway)


def test_routes_are_not_propagated_into_an_edge_table(vpc: Vpc) -> None:
    """EnableVgwRoutePropagation is refused there."""
    with pytest.raises(ClientError) as error:
        vpc.ec2.enable_vgw_route_propagation(RouteTableId=vpc.edge, GatewayId=vpc.gateway)
    assert code(error) == "InvalidParameterValue"


def test_what_is_not_there_is_named(vpc: Vpc, cloud: Cloud) -> None:
    """A table or interface that does not exist has its own code."""
    del cloud
    with pytest.raises(ClientError) as error:
        create(vpc, "rtb-0123", OUTSIDE)
    assert code(error) == "InvalidRouteTableID.NotFound"
    with pytest.raises(ClientError) as error:
        create(vpc, vpc.table, OUTSIDE, NetworkInterfaceId="eni-0123")
    assert code(error) == "InvalidNetworkInterfaceID.NotFound"
