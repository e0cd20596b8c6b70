"""The fence in memory passes the contract of fences, and can lose its answers."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from natgate.model.claim import Claim
from natgate.model.error import FenceAwayError
from natgate.store.fake_fence import FakeFence
from tests.fence_contract import KEY, Bench, FenceContract


class TestFakeFence(FenceContract):
    """The contract, in memory."""

    @pytest.fixture
    def bench(self) -> Bench:
        """Fences that share their claims."""
        claims: dict[str, Claim] = {}
        made: list[FakeFence] = []

        def another() -> FakeFence:
            made.append(FakeFence(claims=claims))
            return made[-1]

        @contextmanager
        def away() -> Iterator[None]:
            for fence in made:
                fence.away = True
            yield
            for fence in made:
                fence.away = False

        return Bench(open=another, away=away, timeout=0)


def test_a_claim_whose_answer_was_lost_is_won_again() -> None:
    """The work was done; the repetition says so, and takes no epoch."""

    async def run() -> None:
        fence = FakeFence(lost_answers=1)
        with pytest.raises(FenceAwayError, match="the answer was lost"):
            await fence.claim(KEY, "node-a", 0)
        won = Claim(owner="node-a", epoch=1)
        assert await fence.read(KEY) == won
        assert await fence.claim(KEY, "node-a", 0) == won

    asyncio.run(run())
