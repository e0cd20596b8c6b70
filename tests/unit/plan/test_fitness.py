"""Whether a node may stand in for the active one."""

from dataclasses import replace

from natgate.plan.fitness import fitness
from tests.unit.plan.setups import HOLD_DOWN, Talk, follows, setup


def fit(talk: Talk, at: float) -> bool | None:
    """The answer for the one gateway."""
    return fitness(talk.state, talk.setup.gateways[0], at)


def test_nothing_is_said_before_all_checks_have_run() -> None:
    """What a dead agent left in force stays until its successor knows better."""
    assert fit(Talk(setup("b")), 9.0) is None


def test_a_node_that_recovers_waits_for_the_hold_down() -> None:
    """Unfit at once, fit again only after it has been healthy long enough."""
    talk = follows()
    assert fit(talk, talk.now) is True
    talk.healthy("ill")
    assert fit(talk, talk.now) is False
    talk.healthy()
    assert fit(talk, talk.now + HOLD_DOWN / 2) is None
    assert fit(talk, talk.now + HOLD_DOWN) is True


def test_the_active_node_is_fit_as_soon_as_it_is_healthy() -> None:
    """It carries the traffic anyway."""
    talk = follows(me="a")
    talk.healthy("ill")
    talk.healthy()
    assert fit(talk, talk.now) is True


def test_a_node_that_may_not_carry_a_gateway_is_not_asked() -> None:
    """It says nothing about it."""
    talk = follows()
    stranger = replace(talk.setup.gateways[0], nodes=("a",))
    assert fitness(talk.state, stranger, talk.now) is None
