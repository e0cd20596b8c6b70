"""What can be written of steering and of the fence."""

from natgate.model.steering import VrrpSteering

FLAT = {"kind": "vrrp", "interface": "eth0", "router_id": 7, "inside": ["10.30.0.1"]}


def test_the_fixed_addresses_are_on_the_inner_link_unless_told_otherwise() -> None:
    """A node with one link has all addresses there."""
    assert VrrpSteering.model_validate(FLAT).outer_interface == "eth0"
    outer = VrrpSteering.model_validate({**FLAT, "fixed_interface": "eth1"})
    assert outer.outer_interface == "eth1"
