"""Whether a node stands ready for a steering that chooses by itself."""

from natgate.plan.stance import stands_ready
from tests.unit.plan.setups import HOLD_DOWN, Talk, follows, setup


def ready(talk: Talk) -> bool | None:
    """What the node says of itself now."""
    return stands_ready(talk.state, talk.setup.shares[0], talk.now)


def test_a_healthy_node_stands_ready_and_an_ill_one_does_not() -> None:
    """A standby says so as soon as it knows."""
    talk = follows("b", "a")
    assert ready(talk) is True
    talk.healthy("upstream does not answer")
    assert ready(talk) is False


def test_nothing_is_said_before_it_is_known() -> None:
    """A restarted agent leaves as it is what it finds: the node may be active."""
    assert ready(Talk(setup("a"))) is None


def test_the_active_node_steps_down_for_a_successor() -> None:
    """Another node that is healthy takes over, so an ill active one withdraws."""
    talk = follows("a", "a")
    talk.healthy("upstream does not answer")
    assert ready(talk) is False


def test_the_active_node_stays_where_nobody_follows() -> None:
    """An ill node is better than none: the other is ill, silent, or has only just recovered."""
    talk = follows("a", "a")
    talk.hear("b", "upstream does not answer")
    talk.healthy("upstream does not answer")
    assert ready(talk) is None
    talk.hear("b")
    assert ready(talk) is None
    for beat in range(1, 30):
        talk.hear("b", at=2.0 + beat * HOLD_DOWN / 20)
    assert ready(talk) is False
    talk.tick(at=talk.now + 5)
    assert ready(talk) is None


def test_a_node_that_may_not_carry_a_gateway_never_stands_ready() -> None:
    """Health does not matter where the spec leaves a node out."""
    talk = Talk(setup("c", "ab"))
    talk.healthy()
    assert ready(talk) is False
