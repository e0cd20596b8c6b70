"""Contradictions that steering by BGP brings."""

from natgate.model import rules
from natgate.model.spec import Spec
from natgate.wire.config import read_yaml
from tests.specs import spec_with

from .test_rules import second


def _problems(replacements: tuple[tuple[str, str], ...]) -> dict[str, str]:
    data, _ = read_yaml(spec_with(*replacements), "spec")
    return {problem.path: problem.message for problem in rules.problems(Spec.model_validate(data))}


def test_bgp_has_one_route_to_a_destination() -> None:
    """Two gateways may share a destination by tables of their own, but not where BGP announces it."""
    shared = (
        second("198.51.100.7", "{name: e, sources: [10.10.0.32/28], destinations: [DESTINATION]}"),
        ("  zones", "  address_ranges: [198.51.100.0/24]\n  zones"),
        ("sources: [10.10.0.0/28, 10.10.0.32/28]", "sources: [10.10.0.0/28]"),
    )
    same = (shared[0][0], shared[0][1].replace("DESTINATION", "192.168.100.0/24"))
    assert _problems((same, *shared[1:])) == {}
    bgp = ("heartbeat: {", "steering: {kind: frr, routers: [10.9.9.9]}\nheartbeat: {")
    found = _problems((same, *shared[1:], bgp))
    assert found == {
        "gateways[1].snat": "192.168.100.0/24 is announced for gateway partner already, and BGP has "
        "one route to it for all: put both entries into one gateway"
    }
    other = (shared[0][0], shared[0][1].replace("DESTINATION", "192.168.7.0/24"))
    assert _problems((other, *shared[1:], bgp)) == {}


def test_a_node_is_no_router_of_its_own() -> None:
    """The routers that lead to the nodes are other machines."""
    bgp = ("heartbeat: {", "steering: {kind: frr, routers: [10.10.0.20]}\nheartbeat: {")
    assert _problems((bgp,)) == {
        "steering.routers[0]": "10.10.0.20 is a node; name the routers that forward to the nodes"
    }
