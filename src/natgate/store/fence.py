"""The fence: a compare-and-swap that only one node can win."""

from typing import Protocol

from natgate.model.claim import Claim


class Fence(Protocol):
    """Who owns what, as something outside the nodes has it; every call is bounded in time."""

    async def read(self, key: str) -> Claim | None:
        """The claim in force, None if nobody has claimed yet; FenceAwayError if it does not answer."""
        ...

    async def claim(self, key: str, owner: str, expected: int) -> Claim:
        """Make `owner` the owner with epoch `expected` + 1, if the present epoch is `expected`.

        0 means that nobody has claimed yet. The answer is the claim in force afterwards, and a
        repetition of a claim that was won is won again. FenceAwayError if there is no answer.
        """
        ...

    def close(self) -> None:
        """Give back what asking needed."""
        ...
