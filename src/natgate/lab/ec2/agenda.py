"""What is to be done later; whoever looks at the clock does it."""

import heapq
import itertools
import time
from collections.abc import Callable


class Agenda:
    """Acts with their times. It is used under the endpoint's lock."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something once, so many seconds from now."""
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), act))

    def every(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something again and again."""

        def again() -> None:
            self.after(seconds, again)
            act()

        self.after(seconds, again)

    def run(self) -> bool:
        """Do what is due; whether there was anything."""
        done = False
        while self._due and self._due[0][0] <= time.monotonic():
            _, _, act = heapq.heappop(self._due)
            act()
            done = True
        return done
