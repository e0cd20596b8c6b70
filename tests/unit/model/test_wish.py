"""What an operator has asked for, known to all nodes."""

from hypothesis import given
from hypothesis import strategies as st

from natgate.model.wish import MAINTENANCE, ON, Wish, drain, lasting, merged, move, said, value

WISHES = st.dictionaries(
    st.sampled_from([MAINTENANCE, drain("a"), move("g")]),
    st.builds(Wish, number=st.integers(0, 4), value=st.sampled_from(["on", "off", "to c"])),
)


@given(WISHES, WISHES, WISHES)
def test_nodes_agree_in_whatever_order_they_hear(
    one: dict[str, Wish], two: dict[str, Wish], three: dict[str, Wish]
) -> None:
    """Merging is commutative, associative and idempotent."""
    assert merged(one, two) == merged(two, one)
    assert merged(merged(one, two), three) == merged(one, merged(two, three))
    assert merged(one, one) == one


@given(WISHES, WISHES)
def test_a_new_word_wins_over_all_that_was_known(
    one: dict[str, Wish], old: dict[str, Wish]
) -> None:
    """Whoever hears it forgets what was said before."""
    known = merged(one, old)
    after = said(known, MAINTENANCE, ON)
    assert merged(known, after) == merged(after, known)
    assert value(merged(known, after), MAINTENANCE) == ON


def test_nothing_is_wished_where_nothing_was_said() -> None:
    """The value is empty, and a first word has number one."""
    assert value({}, MAINTENANCE) == ""
    assert said({}, MAINTENANCE, ON)[MAINTENANCE].number == 1


def test_a_move_is_forgotten_with_its_agent() -> None:
    """It could happen much later; maintenance and drains last."""
    wishes = said(said({}, move("g"), "to c"), drain("a"), ON)
    assert list(lasting(wishes)) == [drain("a")]
