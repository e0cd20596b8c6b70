"""What was foretold against what happened."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from natgate.model.dry_run import DryRun, Step
from natgate.model.trace import Evidence, Trace
from natgate.plan.trace_compare import at_node, compare, evidence_of, with_query
from tests.gateways import every_entry
from tests.routed import WORLD, packet, routed, walked

SEEN = IPv4Address("203.0.113.3")
OTHER = IPv4Address("10.10.0.20")
SENT = packet("10.10.0.5", WORLD)
OURS = Step(table="ip natgate", chain="snat", handle=3, verdict="accept", before=SENT, comment="web/host", translates=True)  # fmt: skip
FOREIGN = replace(OURS, table="ip foreign", chain="post", handle=2, comment="", text="masquerade")


@pytest.fixture
def trace() -> Trace:
    """From a client to the world, by the node."""
    return walked(routed(), every_entry(), "client", SENT)


@pytest.fixture
def dropped() -> Trace:
    """To a port that no entry takes."""
    return walked(routed(), every_entry(), "world", packet(WORLD, "203.0.113.1", port=81))


def test_nothing_to_compare_is_no_match(trace: Trace) -> None:
    """Nor is it different."""
    found = compare(trace, None, None)
    assert (found.match, found.tried, found.reason) == (None, (), None)


def test_what_was_foretold_and_seen_matches(trace: Trace) -> None:
    """At the node, and at the target."""
    found = compare(trace, Evidence(source=SEEN), Evidence(source=SEEN))
    assert (found.match, found.dry_run, found.observed) == (True, SEEN, SEEN)
    assert found.tried == ("dry_run", "observed")


def test_another_source_is_different_and_its_rule_is_named(trace: Trace) -> None:
    """The rule stands in a table that is not natgate's."""
    evidence = evidence_of(DryRun(steps=(OURS, FOREIGN), after=replace(SENT, source=OTHER), end="postrouting"))  # fmt: skip
    found = compare(trace, evidence, None)
    assert not found.match
    assert found.reason == (
        "dry run: source 10.10.0.20, predicted 203.0.113.3; foreign rule: table ip foreign post "
        "handle 2: masquerade"
    )


def test_another_destination_is_different_too(trace: Trace) -> None:
    """Somebody else has redirected it."""
    found = compare(trace, Evidence(source=SEEN, destination=OTHER), None)
    assert found.reason == f"dry run: to 10.10.0.20, predicted {WORLD}:443"
    port = Evidence(source=SEEN, destination=IPv4Address(WORLD), destination_port=8443)
    found = compare(trace, port, None)
    assert found.reason == f"dry run: to {WORLD}:8443, predicted {WORLD}:443"
    same = Evidence(source=SEEN, destination=IPv4Address(WORLD))
    assert compare(trace, same, None).match


def test_the_right_source_at_another_host_is_different(trace: Trace) -> None:
    """Somebody beyond the node, where no dry run looks, has redirected it."""
    found = compare(trace, None, Evidence(source=SEEN, destination=OTHER, destination_port=443))
    assert found.match is False
    assert found.reason == f"observed: to 10.10.0.20:443, predicted {WORLD}:443"
    since = Evidence(source=OTHER, where="so since internet")
    assert compare(trace, None, since).reason == (
        "observed: source 10.10.0.20, predicted 203.0.113.3 (so since internet)"
    )
    there = Evidence(source=SEEN, destination=IPv4Address(WORLD), destination_port=443)
    assert compare(trace, None, there).match


def test_what_a_host_sends_itself_is_compared_as_it_was_sent(trace: Trace) -> None:
    """There is no hop before the last one."""
    own = replace(trace, hops=trace.hops[-1:])
    assert compare(own, None, Evidence(source=SEEN, destination=IPv4Address(WORLD))).match


def test_a_packet_that_ends_early_is_different_with_the_place(trace: Trace) -> None:
    """Dropped by a rule or a policy, lost in the node, or not seen on the way."""
    policy = replace(FOREIGN, handle=None, verdict="drop", translates=False)
    by_rule = replace(FOREIGN, verdict="drop", translates=False, text="")
    for step, name in (
        (policy, "table ip foreign post policy drop"),
        (by_rule, "table ip foreign post handle 2"),
    ):
        evidence = evidence_of(DryRun(steps=(OURS, step), after=SENT, end="dropped"))
        assert compare(trace, evidence, None).reason == (
            f"dry run: source none, predicted 203.0.113.3 (dropped by {name}); foreign rule: {name}"
        )
    lost = evidence_of(DryRun(steps=(), after=SENT, end="lost", reason="eth0 does not forward"))
    assert compare(trace, lost, None).reason == (
        "dry run: source none, predicted 203.0.113.3 (eth0 does not forward)"
    )
    assert compare(trace, None, Evidence(source=None)).reason == (
        "observed: source none, predicted 203.0.113.3"
    )


def test_what_was_foretold_to_be_dropped_matches_if_nothing_comes(dropped: Trace) -> None:
    """And is different if it goes on."""
    gone = evidence_of(DryRun(steps=(), after=SENT, end="lost", reason="a blackhole"))
    found = compare(dropped, gone, Evidence(source=None))
    assert found.match
    assert found.reason == dropped.reason
    wrong = compare(dropped, Evidence(source=OTHER), None)
    assert wrong.reason == "dry run: source 10.10.0.20, predicted nothing"


def test_a_dry_run_on_a_way_without_node_says_nothing(trace: Trace) -> None:
    """Nor is there one of what a node sends itself."""
    assert at_node(trace) == (trace.hops[2], SENT)
    direct = walked(routed(), every_entry(), "client", packet("10.10.0.5", "10.10.0.6"))
    assert at_node(direct) is None
    assert compare(direct, Evidence(source=OTHER), None).match
    made = walked(routed(), every_entry(), "node-a", packet("10.10.0.20", WORLD))
    assert at_node(made) is None


def test_a_trace_is_different_if_its_question_is(trace: Trace) -> None:
    """Whatever becomes of the packet itself."""
    right = compare(trace, Evidence(source=SEEN), None)
    wrong = compare(trace, Evidence(source=OTHER), None)
    assert with_query(right, right) == replace(right, query=right)
    found = with_query(right, wrong)
    assert (found.match, found.query) == (False, wrong)
    assert found.reason == f"the question: {wrong.reason}"
    assert with_query(wrong, wrong).reason == f"the question: {wrong.reason}; {wrong.reason}"
