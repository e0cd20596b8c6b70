"""The order in which an exchange sort leaves equal elements, found without its n² steps.

netstat-nat 1.4.10 sorts so: for each place i, for each later place j, swap the two if i's key is
the greater. That is not stable, and what it does to equal keys is visible in its output. The same
order follows from inserting the elements one by one, in order: each goes to the end of the
elements of its own key, and sends the first of every greater key to that key's end.

Why: one turn of the outer loop carries the smallest so far along and leaves behind what it was
exchanged for, so turn k sees exactly what turn k-1 leaves behind. A new element therefore passes
the sorted ones in order: it passes the smaller and equal, takes the place of the first greater one,
which is carried on past its equals to the next greater key, and so on to the end.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

_SHIFT = 7
_DIGIT = 1 << _SHIFT


Element = TypeVar("Element")


def exchange_sorted(
    elements: Iterable[Element], key: Callable[[Element], tuple[str, ...]]
) -> list[Element]:
    """The elements in the order of an exchange sort by `key`, in about n log n steps."""
    taken = list(elements)
    keys = [key(each) for each in taken]
    order = sorted(set(keys))
    ranks = {each: rank for rank, each in enumerate(order)}
    groups: list[deque[Element]] = [deque() for _ in order]
    met = [0] * len(order)
    seen = Smaller(len(order))
    for element, each in zip(taken, keys, strict=True):
        rank = ranks[each]
        smaller = seen.below(rank)
        group = groups[rank]
        group.rotate(met[rank] - smaller)
        group.append(element)
        met[rank] = smaller
        seen.add(rank)
    for rank, group in enumerate(groups):
        group.rotate(met[rank] - seen.below(rank))
    return [element for group in groups for element in group]


class Smaller:
    """Counts numbers below a bound, and says how many of those added are below another."""

    def __init__(self, bound: int) -> None:
        self._levels = [[0] * bound]
        while len(self._levels[-1]) > _DIGIT:
            self._levels.append([0] * ((len(self._levels[-1]) >> _SHIFT) + 1))

    def add(self, number: int) -> None:
        """Count a number."""
        for level in self._levels:
            level[number] += 1
            number >>= _SHIFT

    def below(self, number: int) -> int:
        """How many of those counted are smaller than `number`."""
        total = 0
        for level in self._levels:
            block = number >> _SHIFT << _SHIFT if level is not self._levels[-1] else 0
            total += sum(level[block:number])
            number >>= _SHIFT
        return total
