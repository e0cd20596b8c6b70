"""What the decision knows."""

from natgate.model.wish import MAINTENANCE, ON, Wish, drain
from natgate.plan.state import begin, drained, in_maintenance, share_setup, word_of
from tests.unit.plan.setups import setup


def test_what_outlived_the_last_agent_is_known_at_once() -> None:
    """Wishes, and the shares whose ports its rules give out."""
    wishes = {MAINTENANCE: Wish(number=3, value=ON), drain("a"): Wish(number=1, value=ON)}
    state = begin(setup("a"), 5.0, wishes=wishes, handing_out=frozenset({"g"}))
    assert in_maintenance(state)
    assert drained(state, "a")
    assert not drained(state, "b")
    assert state.shares["g"].hands_out


def test_a_node_that_knows_nothing_assumes_nothing() -> None:
    """No word, no maintenance, nobody drained; a lease is longer than two readings."""
    state = begin(setup("a"), 5.0)
    assert not in_maintenance(state)
    assert not word_of(state, "b", "g").hands_out
    assert share_setup(state, "g").home == "a"
    assert state.setup.lease > 2 * state.setup.reread
