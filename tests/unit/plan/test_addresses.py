"""Addresses that fail by themselves."""

from dataclasses import replace
from ipaddress import IPv4Address

from natgate.model.event import HealthChanged, HeartbeatHeard
from natgate.model.spec import Spec
from natgate.model.view import GatewayView, NodeView
from natgate.plan.addresses import (
    address_warnings,
    check_ids,
    checks,
    received,
    still_checked,
    unanswered_of,
)
from natgate.wire.config import parse_spec
from tests.specs import TWO_ZONES, two_zones
from tests.unit.plan.divided import Divided
from tests.unit.plan.setups import Talk, follows, setup

ONE, TWO = IPv4Address("10.10.0.85"), IPv4Address("10.10.0.86")
BAD, WORSE = frozenset({ONE}), frozenset({ONE, TWO})


def checked() -> Spec:
    """Two addresses, each checked."""
    text = TWO_ZONES.replace(
        "- {address: 10.10.0.85}", "- {address: 10.10.0.85}\n      - {address: 10.10.0.86}"
    ).replace("    health:\n", "    health:\n      addresses: {address: 192.168.100.5}\n")
    return parse_spec(text, "spec")


def test_each_address_is_checked_with_an_echo_id_of_its_own() -> None:
    """The node's own echo leaves with the address that its id names, if it may carry the gateway."""
    spec = checked()
    assert check_ids(spec.gateways) == {ONE: 1, TWO: 2}
    (rule,) = checks(spec, "node-a")
    assert rule.text == (
        "ip saddr 10.10.0.20 ip daddr 192.168.100.5 icmp type echo-request "
        "snat to icmp id map { 1 : 10.10.0.85, 2 : 10.10.0.86 }"
    )


def said(failed: frozenset[IPv4Address] | None) -> NodeView:
    """A peer's word of its gateway's addresses."""
    return NodeView(digest="d", gateways={"g": GatewayView(unanswered=failed)})


def test_a_node_checks_no_gateway_that_it_may_not_carry() -> None:
    """Nor one whose addresses nobody wants to be checked."""
    spec = checked()
    only_c = spec.gateways[0].model_copy(update={"nodes": ("node-c",)})
    assert not list(checks(spec.model_copy(update={"gateways": (only_c,)}), "node-a"))
    assert not list(checks(two_zones(), "node-a"))
    assert not list(address_warnings(two_zones(), {"partner": BAD}))


def test_the_word_of_the_node_that_receives_the_returns_counts() -> None:
    """Another node could not tell: its echoes would be answered elsewhere."""
    talk = follows()
    assert received(talk.state) == {"g": "a"}
    assert unanswered_of(talk.state, {"g": WORSE}) == {"g": WORSE}
    talk.tell(HeartbeatHeard(peer="a", view=said(BAD)))
    talk.tell(HealthChanged(reasons={"g": ()}, unanswered={"g": WORSE}))
    assert unanswered_of(talk.state, {}) == {"g": BAD}
    talk.tell(HeartbeatHeard(peer="a", view=said(None)))
    assert unanswered_of(talk.state, {"g": WORSE}) == {"g": WORSE}
    talk.tell(HeartbeatHeard(peer="a", view=NodeView(digest="d")))
    assert unanswered_of(talk.state, {"g": WORSE}) == {"g": WORSE}
    talk.tell(HeartbeatHeard(peer="a", view=said(frozenset())))
    assert unanswered_of(talk.state, {"g": WORSE}) == {}


def test_a_node_that_receives_them_goes_by_its_own_checks_once_they_run() -> None:
    """Until then by what was known before, so that a take-over changes nothing."""
    talk = Divided()
    talk.read("a", "a")
    assert unanswered_of(talk.state, {"g": BAD}) == {"g": BAD}
    talk.tell(HealthChanged(reasons={"g": ()}, unanswered={"g": frozenset()}))
    assert unanswered_of(talk.state, {"g": BAD}) == {}


def test_while_nobody_is_known_to_receive_them_nothing_changes() -> None:
    """A node that has just started leaves the rules as its last agent had them."""
    assert unanswered_of(Talk(setup("a")).state, {"g": BAD}) == {"g": BAD}
    strange = follows()
    strange.read("10.9.9.9")
    assert unanswered_of(strange.state, {"g": BAD}) == {"g": BAD}


def test_a_spec_forgets_what_it_no_longer_checks() -> None:
    """Failures outlive a change of the spec as far as it has the address and checks it."""
    gone = IPv4Address("10.10.0.99")
    known = {"partner": frozenset({ONE, gone}), "other": BAD}
    assert still_checked(checked(), known) == {"partner": BAD}
    assert still_checked(checked(), {"partner": frozenset({gone})}) == {}
    assert still_checked(two_zones(), known) == {}


def test_a_failed_address_is_named_and_so_is_a_gateway_of_which_all_fail() -> None:
    """The sentence says who does not answer, and what becomes of new flows."""
    spec = checked()
    assert not list(address_warnings(spec, {}))
    (one,) = address_warnings(spec, {"partner": BAD})
    assert (one.code, one.subject) == ("address-unanswered", "10.10.0.85")
    assert one.text.startswith("192.168.100.5 does not answer 10.10.0.85 of partner; new flows")
    (every,) = address_warnings(spec, {"partner": WORSE})
    assert every == replace(
        one,
        subject="partner",
        text="partner: 192.168.100.5 answers none of its addresses; all of them stay in use",
    )
