"""Whether a node can carry a gateway, as another one sees it."""

from dataclasses import replace

import pytest

from natgate.model.event import HealthChanged, HeartbeatHeard, Probe, Wished
from natgate.model.view import GatewayView, NodeView, PathHealth
from natgate.model.wish import OFF, ON, drain
from natgate.plan.judge import (
    BLOCKED,
    BLOCKED_ROUNDS,
    DRAINED,
    Judgement,
    judge,
    own_word,
    path_health,
    settled,
)
from tests.unit.plan.setups import Talk, follows, setup

EVERY_PROBE = (Probe.KERNEL, Probe.FORWARDING, Probe.UPSTREAM)


def seen(talk: Talk, node: str) -> Judgement:
    """What the node is held to be now."""
    return judge(talk.state, talk.setup.shares[0], node, talk.now)


def test_a_node_is_what_it_says() -> None:
    """The word of a node that speaks counts, whatever it is."""
    talk = follows()
    assert seen(talk, "a") == Judgement(condition="healthy")
    talk.hear("a", "upstream dead")
    assert seen(talk, "a") == Judgement(condition="unhealthy", reasons=("upstream dead",))
    talk.tell(HeartbeatHeard(peer="a", view=NodeView(digest="d")))
    assert seen(talk, "a").condition == "unknown"


def test_a_node_is_settled_after_its_hold_down_and_anew_after_each_illness() -> None:
    """Ill or just healed it could not take over; a node that may carry nothing is never settled."""
    talk = follows()
    hold_down = talk.setup.shares[0].hold_down
    assert settled(talk.state, "a", talk.now)
    talk.hear("a", "upstream dead")
    assert not settled(talk.state, "a", talk.now)
    talk.hear("a")
    assert not settled(talk.state, "a", talk.now)
    assert settled(talk.state, "a", talk.now + hold_down)
    assert not settled(talk.state, "nobody", talk.now + hold_down)


def test_this_node_knows_nothing_of_itself_before_its_checks() -> None:
    """A gateway without a result, or with checks that have not run, is not good yet."""
    talk = Talk(setup("a"))
    assert own_word(talk.state, "g") == GatewayView(reasons=("not checked yet",), checked=False)
    assert seen(talk, "a").condition == "unknown"
    talk.tell(HealthChanged(reasons={"g": ("upstream not checked yet",)}, unchecked=frozenset("g")))
    assert seen(talk, "a").condition == "unknown"
    talk.healthy()
    assert seen(talk, "a").fit


def test_the_path_is_whole_if_all_gateways_of_this_node_are() -> None:
    """One reason is enough to be ill, and without one nothing is said before all checks have run."""
    first = setup("a")
    (share,) = first.shares
    other = replace(share, name="h", gateway="h")
    foreign = replace(share, name="i", gateway="i", nodes=("b",))
    talk = Talk(replace(first, shares=(share, other, foreign)))
    assert path_health(talk.state) is None

    def told(g: tuple[str, ...], h: tuple[str, ...], *unchecked: str) -> PathHealth | None:
        reasons = {"g": g, "h": h, "i": ("upstream dead",)}
        talk.tell(HealthChanged(reasons=reasons, unchecked=frozenset(unchecked)))
        return path_health(talk.state)

    assert told((), ("upstream not checked yet",), "h") is None
    assert told((), ()) == PathHealth()
    ill = PathHealth(reasons=("g: upstream dead",))
    assert told(("upstream dead",), ("upstream not checked yet",), "h") == ill
    assert not ill.healthy
    assert path_health(Talk(replace(first, shares=(foreign,))).state) is None


@pytest.mark.parametrize(
    ("answers", "condition"),
    [
        (EVERY_PROBE, "silent"),
        ((Probe.KERNEL, Probe.FORWARDING), "unhealthy"),
        ((Probe.KERNEL,), "unhealthy"),
        ((), "dead"),
    ],
)
def test_probes_speak_for_a_silent_node(answers: tuple[Probe, ...], condition: str) -> None:
    """A silent node forwards if probes come back through it; else they say what is wrong with it."""
    talk = follows()
    talk.tick(2.1)
    assert seen(talk, "a").condition == "healthy"
    talk.tick(2.2)
    talk.answer("a", *answers, at=2.2)
    assert seen(talk, "a").condition == condition


def test_a_silent_node_is_unknown_while_it_is_being_probed() -> None:
    """Before probes have had their time nothing is held against a node that has just fallen silent."""
    talk = follows()
    talk.now = 2.16
    assert seen(talk, "a").reasons == ("silent, and being probed",)
    fresh = Talk(setup("a"))
    assert seen(fresh, "b").reasons == ("not heard yet",)


def test_a_speaking_node_through_which_probes_no_longer_pass_is_blocked() -> None:
    """Its kernel answers and its own word is good, but what is sent through it does not arrive."""
    talk = follows()
    talk.answer("a", Probe.KERNEL, Probe.FORWARDING, at=2.0)
    late = 2.0 + BLOCKED_ROUNDS * talk.setup.again
    talk.answer("a", Probe.KERNEL, at=late)
    talk.hear("a", at=late)
    assert seen(talk, "a").condition == "healthy"
    talk.answer("a", Probe.KERNEL, at=late + 0.01)
    assert seen(talk, "a") == BLOCKED
    talk.hear("a", "upstream dead", at=late + 0.01)
    assert seen(talk, "a").reasons == ("upstream dead",)


def test_a_node_that_never_let_a_probe_pass_is_not_blocked() -> None:
    """The way back may be closed to probes, which says nothing about the node."""
    talk = follows()
    for second in range(10):
        talk.answer("a", Probe.KERNEL, at=2.0 + second)
    talk.hear("a")
    assert seen(talk, "a").condition == "healthy"


def test_a_drained_node_is_drained_while_it_is_fit() -> None:
    """Draining hides health and no illness, for this node as for others, until it is withdrawn."""
    talk = follows()
    for node in "ab":
        talk.tell(Wished(key=drain(node), value=ON))
        assert seen(talk, node) == DRAINED
        assert not seen(talk, node).fit
    talk.hear("a", "upstream dead")
    assert seen(talk, "a").condition == "unhealthy"
    talk.tell(Wished(key=drain("b"), value=OFF))
    assert seen(talk, "b").condition == "healthy"
