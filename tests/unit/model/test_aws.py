"""Contradictions that steering by AWS brings into a spec, before any call is made."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from natgate.model import rules
from natgate.model.aws import aws_problems, held_by_nodes, is_held
from natgate.model.routes import Route
from natgate.model.spec import Spec
from natgate.wire.config import read_yaml
from tests.specs import spec_with, two_zones

STEERING = "steering: {kind: aws, region: ap-northeast-1OPTIONS}\n"
ONE_SUBNET = (
    ("zone: c, address: 10.10.0.52", "zone: a, address: 10.10.0.21"),
    ("address: 10.10.0.85", "address: 10.10.0.24"),
)
"""Both nodes stand in one subnet, and the fixed address lies in it."""


def spec(*replacements: tuple[str, str], options: str = "") -> Spec:
    """The spec of two zones, steered by AWS."""
    text = spec_with(*replacements) + STEERING.replace("OPTIONS", options)
    return Spec.model_validate(read_yaml(text, "spec")[0])


def problems(*replacements: tuple[str, str], options: str = "") -> dict[str, str]:
    """What is wrong with it, by path."""
    return {p.path: p.message for p in rules.problems(spec(*replacements, options=options))}


def test_the_scene_of_two_zones_can_be_steered_by_aws() -> None:
    """A zone may be called by its letter, a floating address has a subnet of its own."""
    assert problems() == {}
    assert list(aws_problems(two_zones())) == []


def test_a_zone_is_an_availability_zone_of_the_region() -> None:
    """One that is none is told with the way out."""
    found = problems(
        ("zones: [a, c]", "zones: [north, c]"),
        ("zone: a,", "zone: north,"),
    )
    assert found == {
        "network.zones[0]": "zone north is no availability zone of ap-northeast-1; call it by its "
        "letter, or in full, such as ap-northeast-1a"
    }


def test_ids_are_those_of_tables_of_the_spec_and_each_is_one_table() -> None:
    """A name that no subnet uses, and an id that is given twice, are refused."""
    ids = {"edge": "rtb-00000001", "clients-a": "rtb-00000001", "unheard-of": "rtb-00000002"}
    listed = ", ".join(f"{name}: {number}" for name, number in ids.items())
    found = problems(options=f", tables: {{{listed}}}")
    assert found["steering.tables.clients-a"] == (
        "rtb-00000001 is edge already; each name is a table of its own"
    )
    assert "unheard-of is no route table of this spec" in found["steering.tables.unheard-of"]
    assert found.keys() == {"steering.tables.clients-a", "steering.tables.unheard-of"}
    assert problems(options=", tables: {edge: rtb-00000001}") == {}


def test_an_address_in_the_subnet_of_all_nodes_lies_on_their_interfaces() -> None:
    """So it does on AWS alone, and not if a node stands elsewhere."""
    one = spec(*ONE_SUBNET)
    address = IPv4Address("10.10.0.24")
    assert held_by_nodes(one, one.gateways[0], address)
    assert not held_by_nodes(one, one.gateways[0], IPv4Address("10.10.0.85"))
    assert not held_by_nodes(one, one.gateways[0], IPv4Address("198.51.100.7"))
    assert not held_by_nodes(two_zones(), two_zones().gateways[0], address)
    apart = spec()
    assert not held_by_nodes(apart, apart.gateways[0], address)
    held = Route(table="edge", destination=IPv4Network("10.10.0.24/32"))
    assert is_held(one, held)
    for destination in ("10.10.0.16/28", "10.10.0.85/32", "198.51.100.7/32"):
        assert not is_held(one, Route(table="edge", destination=IPv4Network(destination)))


def test_an_elastic_address_stands_for_one_that_lies_on_an_interface() -> None:
    """Two for one address, or one for an address of another kind, are refused."""
    assert problems(*ONE_SUBNET, options=", elastic: {203.0.113.7: 10.10.0.24}") == {}
    twice = ", elastic: {203.0.113.7: 10.10.0.24, 203.0.113.8: 10.10.0.24}"
    assert problems(*ONE_SUBNET, options=twice) == {
        "steering.elastic.203.0.113.8": "203.0.113.7 stands for 10.10.0.24 already; AWS has one for "
        "each"
    }
    floating = problems(options=", elastic: {203.0.113.7: 10.10.0.85}")
    assert (
        "no gateway's address inside the subnet of all its nodes"
        in (floating["steering.elastic.203.0.113.7"])
    )


FAR = ("  zones", "  address_ranges: [198.51.100.0/24]\n  zones")


@pytest.mark.parametrize(
    ("replacements", "path", "words"),
    [
        (
            (("address: 10.10.0.85", "address: 198.51.100.7"), FAR),
            "gateways[0].addresses",
            "AWS refuses 198.51.100.7/32 in an edge table: it is outside the VPC (10.10.0.0/24)",
        ),
        (
            (("192.168.100.0/24", "10.10.0.64/27"),),
            "gateways[0].snat",
            "inside the VPC the destination of a route must be a whole subnet",
        ),
        (
            (("192.168.100.0/24", "10.10.0.0/24"),),
            "gateways[0].snat",
            "AWS keeps 10.10.0.0/24 local in a subnet's route table",
        ),
    ],
)
def test_destinations_that_aws_does_not_take_are_refused(
    replacements: tuple[tuple[str, str], ...], path: str, words: str
) -> None:
    """No tool tells it beforehand, and AWS itself only at the first failover."""
    assert words in problems(*replacements)[path]


def test_a_floating_address_needs_a_subnet_of_its_own() -> None:
    """An edge table takes no single address; it takes a whole subnet, and the whole VPC."""
    alone = spec()
    subnets = tuple(s for s in alone.network.subnets if s.kind != "address")

    def found(**changes: object) -> dict[str, str]:
        network = alone.network.model_copy(update={"subnets": subnets, **changes})
        made = alone.model_copy(update={"network": network})
        return {p.path: p.message for p in aws_problems(made)}

    assert "a floating address needs a subnet of its own" in found()["gateways[0].addresses"]
    single = (IPv4Network("10.10.0.85/32"), *alone.network.ranges)
    assert found(ranges=single) == {}


def test_hosts_and_nodes_do_not_share_a_route_table() -> None:
    """What a node sends on would be led to the node again."""
    shared = (
        "{name: nodes-a, zone: a, cidr: 10.10.0.16/28, kind: node}",
        "{name: nodes-a, zone: a, cidr: 10.10.0.16/28, kind: node, route_table: clients-a}",
    )
    assert problems(shared) == {
        "network.subnets[0].route_table": "clients-a is also the table of node subnet nodes-a, whose "
        "traffic would be led to the node again; give the nodes a table of their own"
    }


def test_an_address_on_an_interface_is_not_handed_over_by_routes() -> None:
    """The tunnel between the nodes needs none, and a floating address has its subnet."""
    divided = ("  - name: partner\n", "  - name: partner\n    mode: active-active\n")
    route = ("heartbeat:", "handover: {carrier: route}\nheartbeat:")
    assert {p.path: p.message for p in aws_problems(spec(*ONE_SUBNET, divided, route))} == {
        "handover.carrier": "AWS refuses 10.10.0.24/32 in nodes-a, by which nodes would hand over; "
        "take the carrier vxlan"
    }
    assert list(aws_problems(spec(*ONE_SUBNET, divided))) == []
    assert list(aws_problems(spec(divided, route))) == []
