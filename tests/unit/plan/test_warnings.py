"""The warnings that follow from the decision's state."""

from dataclasses import replace

from natgate.model.event import HealthChanged, HeartbeatHeard, Probe, RoutesFailed, Wished
from natgate.model.view import GatewayView, NodeView
from natgate.model.wish import MAINTENANCE, ON, drain
from natgate.plan.warnings import warnings
from tests.unit.plan.setups import Talk, follows, setup

EVERY_PROBE = (Probe.KERNEL, Probe.FORWARDING, Probe.UPSTREAM)


def codes(talk: Talk, digest: str = "d") -> list[tuple[str, str]]:
    """Which warnings are true, and of whom."""
    return [(w.code, w.subject) for w in warnings(talk.state, digest, talk.now)]


def test_all_is_well() -> None:
    """Where every node is healthy and routes lead to one of them, there is no warning."""
    assert codes(follows()) == []


def test_a_silent_agent_is_a_warning_and_no_death() -> None:
    """An agent that is silent while its node forwards is told from a dead node."""
    talk = follows()
    talk.tick(2.1)
    talk.tick(2.2)
    assert codes(talk) == [("node-dead", "a")]
    talk.answer("a", *EVERY_PROBE)
    assert codes(talk) == [("agent-silent", "a")]


def test_an_unhealthy_node_is_named_with_its_reasons() -> None:
    """What a node says against itself is in the sentence."""
    talk = follows()
    talk.hear("a", "upstream dead", "rules not in force")
    (found,) = warnings(talk.state, "d", talk.now)
    assert (found.code, found.text) == ("node-unhealthy", "a: upstream dead; rules not in force")


def test_no_healthy_node_is_a_warning_of_its_own() -> None:
    """Where nobody is fit, it is said with whom the routes stay."""
    talk = follows()
    talk.hear("a", "upstream dead")
    talk.healthy("upstream dead")
    last = warnings(talk.state, "d", talk.now)[-1]
    assert last.text == "no healthy node for g; its routes stay with a"
    nobody = Talk(setup("a"))
    assert warnings(nobody.state, "d", 0.0)[-1].text.endswith("its routes stay with nobody")


def test_foreign_and_failed_routes_are_named() -> None:
    """A route that leads elsewhere, and an error in moving them, are told with their texts."""
    talk = follows()
    talk.read("a", c="10.9.9.9")
    talk.tell(RoutesFailed(share="g", error="refused"))
    found = {w.code: w.text for w in warnings(talk.state, "d", talk.now)}
    assert found == {
        "routes-failed": "g: refused",
        "route-foreign": "192.0.2.0/24 in c leads to 10.9.9.9, which is no node, and stays: "
        "remove it, or have entries name the destinations that are to come here",
    }
    talk.read(None)
    assert "route-foreign" not in dict(codes(talk))


def test_a_node_with_another_spec_is_told_while_it_speaks() -> None:
    """Two nodes with different specs disagree; a node that is silent cannot be asked."""
    talk = follows()
    assert codes(talk, "other") == [("spec-differs", "a")]
    talk.tell(HeartbeatHeard(peer="a", view=NodeView(digest="d")))
    assert codes(talk) == []
    talk.hear("a")
    talk.tick(2.2)
    assert ("spec-differs", "a") not in codes(talk, "other")


def test_each_warning_is_told_once() -> None:
    """A node that carries several gateways is named once for the same reason."""
    one = setup("b")
    other = replace(one.shares[0], name="h", gateway="h")
    talk = Talk(replace(one, shares=(*one.shares, other)))
    talk.tell(HealthChanged(reasons={"g": (), "h": ()}))
    ill = GatewayView(reasons=("dead disk",))
    talk.tell(HeartbeatHeard(peer="a", view=NodeView(digest="d", gateways={"g": ill, "h": ill})))
    assert codes(talk) == [("node-unhealthy", "a")]


def test_what_an_operator_asked_for_is_told() -> None:
    """So that nobody wonders why nothing fails over, or why a healthy node carries nothing."""
    talk = follows()
    talk.tell(Wished(key=MAINTENANCE, value=ON))
    talk.tell(Wished(key=drain("a"), value=ON))
    assert codes(talk) == [("node-drained", "a"), ("maintenance", "network")]
