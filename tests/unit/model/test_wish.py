"""Wishes: wherever and in whatever order they are heard, the later word counts."""

from hypothesis import given
from hypothesis import strategies as st

from natgate.model.wish import (
    AT,
    MAINTENANCE,
    OFF,
    ON,
    TO,
    Wish,
    drain,
    lasting,
    merged,
    move,
    said,
    value,
)

KEYS = st.sampled_from([MAINTENANCE, drain("a"), drain("b"), move("g"), move("g@a")])
WISHES = st.dictionaries(
    KEYS,
    st.builds(Wish, number=st.integers(1, 5), value=st.sampled_from([ON, OFF, f"{TO}a", f"{AT}b"])),
)


@given(WISHES, WISHES, WISHES)
def test_the_order_of_hearing_makes_no_difference(
    one: dict[str, Wish], two: dict[str, Wish], three: dict[str, Wish]
) -> None:
    """Merging is commutative, associative and idempotent: nodes that have heard all agree."""
    assert merged(one, two) == merged(two, one)
    assert merged(merged(one, two), three) == merged(one, merged(two, three))
    assert merged(one, one) == one
    assert merged(merged(one, two), two) == merged(one, two)


@given(WISHES, WISHES, KEYS, st.sampled_from([ON, OFF]))
def test_the_later_word_wins_everywhere(
    here: dict[str, Wish], there: dict[str, Wish], key: str, text: str
) -> None:
    """What is said after hearing all that was said before is what every node then knows."""
    after = said(merged(here, there), key, text)
    for heard in (here, there, merged(there, here)):
        assert value(merged(heard, after), key) == text
        assert value(merged(after, heard), key) == text
    assert {k: w for k, w in after.items() if k != key} == {
        k: w for k, w in merged(here, there).items() if k != key
    }


@given(WISHES, st.lists(st.tuples(st.integers(0, 2), KEYS, st.sampled_from([ON, OFF])), max_size=9))
def test_nodes_that_speak_at_once_agree_in_the_end(
    known: dict[str, Wish], words: list[tuple[int, str, str]]
) -> None:
    """Words said on three nodes at once, before any is heard, leave all with the same wishes."""
    nodes = [known, known, known]
    for node, key, text in words:
        nodes[node] = dict(said(nodes[node], key, text))
    one = merged(merged(nodes[0], nodes[1]), nodes[2])
    other = merged(nodes[2], merged(nodes[1], nodes[0]))
    assert one == other
    for key in {key for _, key, _ in words}:
        assert one[key].number > (known[key].number if key in known else 0)


def test_nothing_is_wished_at_first() -> None:
    """What nobody has spoken of is empty, and the first word has number one."""
    assert value({}, MAINTENANCE) == ""
    assert said({}, MAINTENANCE, ON) == {MAINTENANCE: Wish(number=1, value=ON)}


@given(WISHES)
def test_a_move_is_forgotten_with_the_agent(wishes: dict[str, Wish]) -> None:
    """What is on or off outlives an agent; a move does not, or it could happen much later."""
    left = lasting(wishes)
    assert left == {k: w for k, w in wishes.items() if k in {MAINTENANCE, "drain a", "drain b"}}
    assert lasting(left) == left
