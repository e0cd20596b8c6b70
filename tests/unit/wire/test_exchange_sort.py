"""An exchange sort's order, ties included."""

from hypothesis import given
from hypothesis import strategies as st

from natgate.wire.exchange_sort import Smaller, exchange_sorted


def slowly(elements: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The sort itself, as its definition says."""
    held = list(elements)
    for i in range(len(held)):
        for j in range(i + 1, len(held)):
            if held[i][0] > held[j][0]:
                held[i], held[j] = held[j], held[i]
    return held


@given(st.text(alphabet="abcdefgh", max_size=40))
def test_ties_come_out_as_the_exchanges_leave_them(keys: str) -> None:
    """Each element is told apart by its place, so an exchange of equals would be seen."""
    elements = [(key, place) for place, key in enumerate(keys)]
    assert exchange_sorted(elements, lambda each: (each[0],)) == slowly(elements)


def test_many_keys_are_no_other_case() -> None:
    """Counts are kept in more than one level once there are more than 128 keys."""
    elements = [(f"{place * place % 401:03}", place) for place in range(900)]
    assert exchange_sorted(elements, lambda each: (each[0],)) == slowly(elements)


@given(st.lists(st.integers(0, 20_000), max_size=50), st.integers(0, 20_001))
def test_the_smaller_ones_are_counted(numbers: list[int], bound: int) -> None:
    """At any number of levels."""
    counts = Smaller(20_001)
    for number in numbers:
        counts.add(number)
    assert counts.below(bound) == sum(number < bound for number in numbers)
