"""What can be written of steering and of the fence."""

from natgate.model.steering import AwsSteering, VrrpSteering

FLAT = {"kind": "vrrp", "interface": "eth0", "router_id": 7, "inside": ["10.30.0.1"]}


def test_the_fixed_addresses_are_on_the_inner_link_unless_told_otherwise() -> None:
    """A node with one link has all addresses there."""
    assert VrrpSteering.model_validate(FLAT).outer_interface == "eth0"
    outer = VrrpSteering.model_validate({**FLAT, "fixed_interface": "eth1"})
    assert outer.outer_interface == "eth1"


def test_a_zone_of_aws_is_called_by_its_name_or_by_its_letter() -> None:
    """Both mean the same availability zone."""
    steering = AwsSteering.model_validate({"kind": "aws", "region": "ap-northeast-1"})
    assert steering.availability_zone("a") == "ap-northeast-1a"
    assert steering.availability_zone("ap-northeast-1a") == "ap-northeast-1a"
