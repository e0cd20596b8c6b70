"""What every `Fence` does: tests that the one in memory, the witness and etcd all pass.

The children's fixture `bench` has a way to open the same fence again, and to take it away.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from natgate.model.claim import NOBODY, Claim
from natgate.model.error import BugError, FenceAwayError
from natgate.store.fence import Fence

KEY, OTHER = "main/partner/node-a", "main/partner/node-c"
ROUNDS = 200
SLACK = 0.25
"""Seconds that a busy machine may take to give an event loop its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One fence under test."""

    open: Callable[[], Fence]
    away: Callable[[], AbstractContextManager[None]]
    timeout: float


@asynccontextmanager
async def opened(bench: Bench, count: int) -> AsyncIterator[list[Fence]]:
    """Several nodes at one fence."""
    fences = [bench.open() for _ in range(count)]
    try:
        yield fences
    finally:
        for fence in fences:
            fence.close()


def won(claim: Claim, owner: str, expected: int) -> bool:
    """Whether an answer says that this claim was won."""
    return claim == Claim(owner=owner, epoch=expected + 1)


async def patiently(call: Callable[[], Coroutine[None, None, Claim]]) -> Claim:
    """A claim again and again until it is answered: a busy machine may miss the bound."""
    deadline = time.monotonic() + 15
    while True:
        try:
            return await call()
        except FenceAwayError:
            assert time.monotonic() < deadline, "the fence stays away"


async def compete(fences: list[Fence], rounds: int) -> None:
    """All claim each epoch at once: exactly one wins it, and all are told the same."""
    owners = [f"node-{number}" for number in range(len(fences))]
    for expected in range(rounds):
        answers = await asyncio.gather(
            *(
                patiently(lambda f=fence, o=owner, e=expected: f.claim(KEY, o, e))  # type: ignore[misc]
                for fence, owner in zip(fences, owners, strict=True)
            )
        )
        assert len(set(answers)) == 1, (expected, answers)
        assert answers[0].epoch == expected + 1
        winners = [o for o, a in zip(owners, answers, strict=True) if won(a, o, expected)]
        assert winners == [answers[0].owner]


class FenceContract:
    """A class of tests; its children say which fence by the fixture `bench`."""

    def test_a_share_that_nobody_claimed_has_no_owner(self, bench: Bench) -> None:
        """Reading makes nothing, and a claim that expects an owner finds nobody."""

        async def run() -> None:
            async with opened(bench, 1) as (fence,):
                assert await fence.read(KEY) is None
                assert await fence.claim(KEY, "node-a", 3) == NOBODY
                assert await fence.read(KEY) is None

        asyncio.run(run())

    def test_a_claim_counts_only_at_the_epoch_it_expects(self, bench: Bench) -> None:
        """Each won claim is the next epoch; a late or early one changes nothing and is told so."""

        async def run() -> None:
            async with opened(bench, 2) as (one, other):
                first = await one.claim(KEY, "node-a", 0)
                assert first == Claim(owner="node-a", epoch=1)
                assert await other.read(KEY) == first
                assert await other.claim(KEY, "node-c", 0) == first
                assert await other.claim(KEY, "node-c", 2) == first
                second = await other.claim(KEY, "node-c", 1)
                assert second == Claim(owner="node-c", epoch=2)
                assert await one.read(KEY) == second
                third = await other.claim(KEY, "node-c", 2)
                assert third == Claim(owner="node-c", epoch=3), "an owner may claim anew"

        asyncio.run(run())

    def test_a_won_claim_is_won_again_until_somebody_else_wins(self, bench: Bench) -> None:
        """Repeating it takes no epoch; after the next one it is lost like any late claim."""

        async def run() -> None:
            async with opened(bench, 2) as (one, other):
                for _ in range(3):
                    assert won(await one.claim(KEY, "node-a", 0), "node-a", 0)
                later = await other.claim(KEY, "node-c", 1)
                assert await one.claim(KEY, "node-a", 0) == later

        asyncio.run(run())

    def test_shares_do_not_touch_each_other(self, bench: Bench) -> None:
        """Each share has owner and epoch of its own."""

        async def run() -> None:
            async with opened(bench, 1) as (fence,):
                await fence.claim(KEY, "node-a", 0)
                assert await fence.read(OTHER) is None
                await fence.claim(OTHER, "node-c", 0)
                await fence.claim(OTHER, "node-a", 1)
                assert await fence.read(KEY) == Claim(owner="node-a", epoch=1)
                assert await fence.read(OTHER) == Claim(owner="node-a", epoch=2)

        asyncio.run(run())

    @pytest.mark.parametrize("nodes", [2, 8])
    def test_exactly_one_wins_each_epoch(self, bench: Bench, nodes: int) -> None:
        """Whoever claims at once, over 200 epochs: one winner, and the others learn its name."""

        async def run() -> None:
            async with opened(bench, nodes) as fences:
                await compete(fences, ROUNDS)
                last = await fences[0].read(KEY)
                assert last is not None
                assert last.epoch == ROUNDS

        asyncio.run(run())

    def test_what_is_no_name_is_never_sent(self, bench: Bench) -> None:
        """A key or an owner that is no name is a fault of natgate, and nothing is claimed."""

        async def run() -> None:
            async with opened(bench, 1) as (fence,):
                for key, owner, expected in (("a/b", "x", 0), (KEY, "X", 0), (KEY, "x", -1)):
                    with pytest.raises(BugError):
                        await fence.claim(key, owner, expected)
                with pytest.raises(BugError):
                    await fence.read("../etc/passwd")
                assert await fence.read(KEY) is None

        asyncio.run(run())

    def test_an_absent_fence_says_so_within_the_bound(self, bench: Bench) -> None:
        """Every call ends in time while it is away, and claims are kept until it is back."""

        async def run() -> None:
            async with opened(bench, 2) as (used, fresh):
                await used.claim(KEY, "node-a", 0)
                with bench.away():
                    for fence in (used, fresh, used):
                        for call in (fence.read(KEY), fence.claim(KEY, "node-c", 1)):
                            began = time.monotonic()
                            with pytest.raises(FenceAwayError, match="the fence is away"):
                                await call
                            assert time.monotonic() - began < bench.timeout + SLACK
                for fence in (used, fresh):
                    answer = await patiently(lambda f=fence: f.claim(KEY, "node-c", 1))  # type: ignore[misc]
                    assert won(answer, "node-c", 1)

        asyncio.run(run())

    def test_closing_leaves_the_claims(self, bench: Bench) -> None:
        """What was won stays won for the next who asks."""

        async def run() -> None:
            async with opened(bench, 1) as (fence,):
                await fence.claim(KEY, "node-a", 0)
            async with opened(bench, 1) as (fence,):
                assert await fence.read(KEY) == Claim(owner="node-a", epoch=1)

        asyncio.run(run())
