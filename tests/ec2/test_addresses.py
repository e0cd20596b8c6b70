"""Private and elastic addresses as AWS moves them."""

import pytest
from botocore.exceptions import ClientError

from .conftest import Vpc

MOVING = "10.10.0.70"


def addresses(vpc: Vpc, interface: str) -> list[str]:
    """The private addresses of an interface."""
    found = vpc.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])
    listed = found["NetworkInterfaces"][0]["PrivateIpAddresses"]
    return [each["PrivateIpAddress"] for each in listed]


def second(vpc: Vpc) -> str:
    """Another interface in the first one's subnet, of a running instance."""
    started = vpc.ec2.run_instances(
        ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=vpc.subnets["10.10.0.64/28"]
    )
    return str(started["Instances"][0]["NetworkInterfaces"][0]["NetworkInterfaceId"])


@pytest.mark.parametrize("address", ["10.10.0.100", "10.10.0.64", "10.10.0.66", "10.10.0.79"])
def test_an_address_outside_the_subnet_is_refused(vpc: Vpc, address: str) -> None:
    """Another subnet's address, and those that AWS keeps for itself, are not assigned."""
    with pytest.raises(ClientError, match="does not fall within"):
        vpc.ec2.assign_private_ip_addresses(
            NetworkInterfaceId=vpc.interfaces[0], PrivateIpAddresses=[address]
        )


def test_a_taken_address_moves_only_with_reassignment(vpc: Vpc) -> None:
    """Without AllowReassignment it stays; with it, it is on one interface only: the new one."""
    first, other = vpc.interfaces[0], second(vpc)
    wanted = {"PrivateIpAddresses": [MOVING]}
    vpc.ec2.assign_private_ip_addresses(NetworkInterfaceId=first, **wanted)
    with pytest.raises(ClientError, match="in use"):
        vpc.ec2.assign_private_ip_addresses(NetworkInterfaceId=other, **wanted)
    assert MOVING in addresses(vpc, first)
    vpc.ec2.assign_private_ip_addresses(NetworkInterfaceId=other, AllowReassignment=True, **wanted)
    assert (MOVING in addresses(vpc, first), MOVING in addresses(vpc, other)) == (False, True)


def test_a_primary_address_never_moves(vpc: Vpc) -> None:
    """Not even with AllowReassignment."""
    with pytest.raises(ClientError, match="Primary"):
        vpc.ec2.assign_private_ip_addresses(
            NetworkInterfaceId=second(vpc),
            PrivateIpAddresses=["10.10.0.68"],
            AllowReassignment=True,
        )


def test_an_interface_is_found_by_a_secondary_address(vpc: Vpc) -> None:
    """The filter looks at all addresses of an interface, for any of those that are wanted."""
    first = vpc.interfaces[0]
    vpc.ec2.assign_private_ip_addresses(NetworkInterfaceId=first, PrivateIpAddresses=[MOVING])
    wanted = [
        {"Name": "addresses.private-ip-address", "Values": [MOVING, "10.10.0.100"]},
        {"Name": "vpc-id", "Values": [vpc.id]},
    ]
    found = vpc.ec2.describe_network_interfaces(Filters=wanted)["NetworkInterfaces"]
    assert {each["NetworkInterfaceId"] for each in found} == set(vpc.interfaces)


def test_an_elastic_address_stands_for_the_private_one_that_was_named(vpc: Vpc) -> None:
    """AssociateAddress keeps PrivateIpAddress, and reassociates unless told not to."""
    first, other = vpc.interfaces[0], second(vpc)
    vpc.ec2.assign_private_ip_addresses(NetworkInterfaceId=first, PrivateIpAddresses=[MOVING])
    elastic = vpc.ec2.allocate_address(Domain="vpc")["AllocationId"]
    vpc.ec2.associate_address(
        AllocationId=elastic, NetworkInterfaceId=first, PrivateIpAddress=MOVING
    )
    found = vpc.ec2.describe_addresses(AllocationIds=[elastic])["Addresses"][0]
    assert found["PrivateIpAddress"] == MOVING
    with pytest.raises(ClientError):
        vpc.ec2.associate_address(
            AllocationId=elastic, NetworkInterfaceId=other, AllowReassociation=False
        )
    vpc.ec2.associate_address(AllocationId=elastic, NetworkInterfaceId=other)
    found = vpc.ec2.describe_addresses(AllocationIds=[elastic])["Addresses"][0]
    assert found["NetworkInterfaceId"] == other


def test_the_check_of_an_instance_is_that_of_its_interface(vpc: Vpc) -> None:
    """Switching it off at the instance switches it off at the interface."""
    vpc.ec2.modify_instance_attribute(InstanceId=vpc.instances[0], SourceDestCheck={"Value": False})
    found = vpc.ec2.describe_network_interfaces(NetworkInterfaceIds=[vpc.interfaces[0]])
    assert found["NetworkInterfaces"][0]["SourceDestCheck"] is False
