"""Runs several works in threads, one step at a time, in every order with few changes of turn.

Each work stops before each of its calls. An order is the list of who goes next; other orders are
made from one that has run, by letting another one go where it could have.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Semaphore, Thread

PATIENCE = 30.0
"""Seconds after which a step is held to hang."""


@dataclass
class Work:
    """One thread; `starts` says whether it may begin."""

    run: Callable[[Callable[[], None]], None]
    starts: Callable[[], bool] = lambda: True
    done: bool = False
    error: BaseException | None = None
    thread: Thread | None = None
    go: Semaphore = field(default_factory=lambda: Semaphore(0))
    stopped: Semaphore = field(default_factory=lambda: Semaphore(0))

    @property
    def can_go(self) -> bool:
        """Whether it has a step left, now."""
        return not self.done and (self.thread is not None or self.starts())

    def step(self) -> None:
        """Run until the next call, or the end."""
        if self.thread is None:
            self.thread = Thread(target=self._all, daemon=True)
            self.thread.start()
        else:
            self.go.release()
        assert self.stopped.acquire(timeout=PATIENCE), "a step hangs"

    def _pause(self) -> None:
        self.stopped.release()
        assert self.go.acquire(timeout=PATIENCE), "nobody lets it go on"

    def _all(self) -> None:
        try:
            self.run(self._pause)
        except BaseException as error:  # noqa: BLE001 (it is looked at by the test)
            self.error = error
        self.done = True
        self.stopped.release()


def run(works: Sequence[Work], order: Sequence[int]) -> list[tuple[int, frozenset[int]]]:
    """Run all to the end: first as `order` says, then each as long as it can; who went, who could."""
    taken: list[tuple[int, frozenset[int]]] = []
    while able := frozenset(i for i, work in enumerate(works) if work.can_go):
        last = taken[-1][0] if taken else min(able)
        follow = last if last in able else min(able)
        now = order[len(taken)] if len(taken) < len(order) else follow
        assert now in able
        works[now].step()
        taken.append((now, able))
    return taken


def orders(make: Callable[[], Sequence[Work]], changes: int) -> Iterator[Sequence[Work]]:
    """The works after each order in which at most so many times one is made to wait for another."""
    left: list[tuple[int, ...]] = [()]
    while left:
        order = left.pop()
        works = make()
        taken = run(works, order)
        yield works
        went = [who for who, _ in taken]
        for at in range(len(order), len(taken)):
            for other in taken[at][1] - {went[at]}:
                following = (*went[:at], other)
                if _changes(following, taken) <= changes:
                    left.append(following)


def _changes(order: Sequence[int], taken: Sequence[tuple[int, frozenset[int]]]) -> int:
    """How often one was made to wait that could have gone on."""
    pairs = zip(order, order[1:], taken[1:], strict=False)
    return sum(now != before and before in able for before, now, (_, able) in pairs)
