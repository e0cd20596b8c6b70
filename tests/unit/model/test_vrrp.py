"""Contradictions that VRRP brings into a spec."""

import pytest

from natgate.model.error import SpecError
from natgate.model.steering import VrrpSteering
from natgate.model.vrrp import vrrp_problems
from natgate.wire.config import parse_spec
from tests.specs import spec_with, two_zones

STEERING = "steering: {kind: vrrp, interface: eth0, router_id: 51, inside: [INSIDE]INTERVAL}\n"
NODE_C = "  - {name: node-c, zone: c, address: 10.10.0.52}\n"
SECOND = (
    "heartbeat:",
    "  - name: second\n    addresses: [{address: 198.51.100.7}]\nheartbeat:",
)
FAR = ("  zones", "  address_ranges: [198.51.100.0/24]\n  zones")


def text(*replacements: tuple[str, str], inside: str = "10.10.0.1", interval: str = "") -> str:
    """The spec of two zones, its addresses moved by VRRP."""
    asked = f", advert_interval: {interval}" if interval else ""
    steering = STEERING.replace("INSIDE", inside).replace("INTERVAL", asked)
    return spec_with(*replacements) + steering


def problems(
    *replacements: tuple[str, str], inside: str = "10.10.0.1", interval: str = ""
) -> dict[str, str]:
    """What is wrong with it, by path."""
    try:
        parse_spec(text(*replacements, inside=inside, interval=interval), "spec")
    except SpecError as error:
        return {problem.path: problem.message for problem in error.problems}
    return {}


def test_one_gateway_on_two_nodes_can_be_moved() -> None:
    """The fixed addresses are on the inside link unless another one is named."""
    steering = parse_spec(text(), "spec").steering
    assert isinstance(steering, VrrpSteering)
    assert (steering.outer_interface, steering.advert_interval) == ("eth0", 0.05)
    apart = text().replace("interface: eth0", "interface: eth0, fixed_interface: eth1")
    steering = parse_spec(apart, "spec").steering
    assert isinstance(steering, VrrpSteering)
    assert steering.outer_interface == "eth1"


def test_another_steering_has_no_such_problems() -> None:
    """The rules are those of VRRP alone."""
    assert list(vrrp_problems(two_zones())) == []


def test_all_addresses_move_among_all_nodes() -> None:
    """A single node, a second gateway, and a node that is left out are refused, with the way out."""
    assert "add one, or use {kind: none}" in problems((NODE_C, ""))["nodes"]
    assert "into one gateway" in problems(SECOND, FAR)["gateways[1]"]
    left_out = problems(("    addresses:\n", "    nodes: [node-a]\n    addresses:\n"))
    assert left_out == {"gateways[0].nodes": "vrrp moves addresses among all nodes; add node-c"}


@pytest.mark.parametrize(
    ("inside", "path", "words"),
    [
        ("10.10.0.20", "steering.inside[0]", "already at nodes[0].address"),
        ("10.10.0.85", "steering.inside[0]", "already at gateways[0].addresses[0].address"),
        ("10.10.0.1, 10.10.0.1", "steering.inside[1]", "already at steering.inside[0]"),
        ("10.11.0.1", "steering.inside[0]", "not inside network.ranges (10.10.0.0/24)"),
    ],
)
def test_the_next_hop_of_hosts_is_an_address_of_its_own(inside: str, path: str, words: str) -> None:
    """It lies where the hosts are, and nothing else has it."""
    assert words in problems(inside=inside)[path]


@pytest.mark.parametrize("interval", ["5ms", "15ms", "41s"])
def test_an_interval_that_adverts_cannot_say_is_refused(interval: str) -> None:
    """VRRP counts hundredths of a second."""
    found = problems(interval=interval)
    assert found == {
        "steering.advert_interval": "VRRP counts in steps of 10ms, from 10ms to 40.95s"
    }


@pytest.mark.parametrize("interval", ["10ms", "70ms", "290ms", "1s", "40.95s"])
def test_an_interval_of_whole_hundredths_is_taken(interval: str) -> None:
    """Also one that a float does not hold exactly."""
    assert problems(interval=interval) == {}


@pytest.mark.parametrize(("old", "new"), [("eth0", "eth0; x"), ("51", "0"), ("51", "256")])
def test_a_name_or_number_that_vrrp_does_not_have_is_refused(old: str, new: str) -> None:
    """What would make another configuration of keepalived is no link and no router id."""
    with pytest.raises(SpecError):
        parse_spec(text().replace(old, new), "spec")
