"""What an agent remembers across restarts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.journal import Failover, Step
from natgate.model.roles import Roles
from natgate.model.wish import Wish
from natgate.wire.journal import (
    parse_failover,
    parse_roles,
    parse_wishes,
    render_failover,
    render_roles,
    render_wishes,
)

NAMES = st.text(max_size=8)
FAILOVERS = st.builds(
    Failover,
    number=st.integers(0, 2**40),
    share=NAMES,
    before=st.none() | NAMES,
    after=NAMES,
    reason=NAMES,
    started=st.floats(0, 2e9),
    previous=st.dictionaries(NAMES, st.none() | NAMES, max_size=3),
    steps=st.lists(st.builds(Step, name=NAMES, what=NAMES, ms=st.floats(0, 1e6)), max_size=3).map(
        tuple
    ),
    ms=st.none() | st.floats(0, 1e6),
    flows=st.none() | st.integers(0, 2**31),
    clients=st.none() | st.integers(0, 2**31),
    error=st.none() | NAMES,
)


@given(FAILOVERS)
def test_a_record_is_read_back_as_it_was_written(failover: Failover) -> None:
    """Nothing of a failover is lost between two agents."""
    assert parse_failover(render_failover(failover)) == failover


@given(st.dictionaries(NAMES, NAMES, max_size=3), st.frozensets(NAMES, max_size=3))
def test_roles_are_read_back(carriers: dict[str, str], handing: frozenset[str]) -> None:
    """A restarted agent goes on with the rules that are in force."""
    roles = Roles(carriers=carriers, handing_out=handing)
    assert parse_roles(render_roles(roles)) == roles


@given(st.dictionaries(NAMES, st.builds(Wish, number=st.integers(0, 99), value=NAMES), max_size=3))
def test_wishes_are_read_back(wishes: dict[str, Wish]) -> None:
    """What an operator asked for outlives the agent."""
    assert parse_wishes(render_wishes(wishes)) == wishes


@pytest.mark.parametrize("text", ["", "{}", "[]", "7", '{"carriers": 1}'])
def test_other_text_is_refused(text: str) -> None:
    """What cannot be read is not taken for nothing."""
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        parse_roles(text)
