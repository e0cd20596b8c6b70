"""What an agent remembers is read back as it was written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.journal import Failover, Step
from natgate.model.roles import Roles
from natgate.model.wish import Wish
from natgate.wire.journal import (
    failover_json,
    parse_failover,
    parse_roles,
    parse_wishes,
    render_failover,
    render_roles,
    render_wishes,
)

WORDS = st.text(max_size=12)
TIMES = st.floats(0, 1e10)
FAILOVERS = st.builds(
    Failover,
    number=st.integers(0, 10**9),
    share=WORDS,
    before=st.none() | WORDS,
    after=WORDS,
    reason=WORDS,
    started=TIMES,
    outcome=st.sampled_from(["running", "done", "failed", "resumed", "rolled back", "seen"]),
    previous=st.dictionaries(WORDS, st.none() | WORDS, max_size=3),
    steps=st.lists(st.builds(Step, name=WORDS, what=WORDS, ms=TIMES), max_size=3).map(tuple),
    ms=st.none() | TIMES,
    flows=st.none() | st.integers(0, 10**6),
    clients=st.none() | st.integers(0, 10**6),
    error=st.none() | WORDS,
)
PARSERS = (parse_failover, parse_roles, parse_wishes)


@given(FAILOVERS)
def test_a_failover_is_read_back_as_it_was_written(failover: Failover) -> None:
    """Every field of a record, and each of its steps, survives a restart."""
    assert parse_failover(render_failover(failover)) == failover
    assert json.loads(render_failover(failover)) == json.loads(json.dumps(failover_json(failover)))


@given(
    st.builds(
        Roles,
        carriers=st.dictionaries(WORDS, WORDS, max_size=4),
        handing_out=st.frozensets(WORDS, max_size=4),
        unanswered=st.dictionaries(WORDS, st.frozensets(st.ip_addresses(v=4), max_size=3)),
    )
)
def test_roles_are_read_back_as_they_were_written(roles: Roles) -> None:
    """Who carries what, whose ports are given out, and which addresses fail survive a restart."""
    assert parse_roles(render_roles(roles)) == roles


@given(st.dictionaries(WORDS, st.builds(Wish, number=st.integers(), value=WORDS), max_size=4))
def test_wishes_are_read_back_as_they_were_written(wishes: dict[str, Wish]) -> None:
    """What operators asked for survives a restart with its number."""
    assert parse_wishes(render_wishes(wishes)) == wishes


def _understood(parse: object, text: str) -> bool:
    assert callable(parse)
    try:
        parse(text)
    except (ValueError, TypeError, KeyError):
        return False
    return True


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("text", ["", "{", "7", '{"steps": 3}', '{"odd": 1}'])
def test_what_was_cut_off_is_no_memory(parse: object, text: str) -> None:
    """A text that is not whole is refused, so that its reader can begin anew."""
    assert not _understood(parse, text)
