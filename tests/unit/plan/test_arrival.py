"""What may arrive at a node that holds the addresses itself."""

from natgate.plan.arrival import arrival
from natgate.wire.config import parse_spec
from tests.specs import spec_with, two_zones

STEERING = "steering: {kind: vrrp, interface: eth0, router_id: 51, inside: [10.10.0.1]}\n"


def rules(text: str, node: str) -> list[str]:
    """The rules for what arrives."""
    return [rule.text for rule in arrival(parse_spec(text, "spec"), node)]


def test_adverts_of_strangers_and_what_was_sent_unasked_are_dropped() -> None:
    """Only the peer's adverts arrive, and no program of the node answers as the fixed address."""
    assert rules(spec_with() + STEERING, "node-a") == [
        "meta l4proto 112 ip saddr != 10.10.0.52 drop",
        "ip daddr 10.10.0.85 drop",
    ]


def test_several_are_listed_as_they_are_read_back() -> None:
    """Sets are in the order of their texts."""
    more = spec_with(
        ("{address: 10.10.0.85}", "{address: 10.10.0.90}\n      - {address: 10.10.0.85}"),
        ("gateways:", "  - {name: node-d, zone: c, address: 10.10.0.51}\ngateways:"),
    )
    assert rules(more + STEERING, "node-a") == [
        "meta l4proto 112 ip saddr != { 10.10.0.51, 10.10.0.52 } drop",
        "ip daddr { 10.10.0.85, 10.10.0.90 } drop",
    ]


def test_where_routes_move_nothing_arrives() -> None:
    """A node that holds no address of a gateway needs no such chain."""
    assert list(arrival(two_zones(), "node-a")) == []
