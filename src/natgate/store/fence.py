"""The fence: which node owns a share of a gateway, by a compare-and-swap that one side can win."""

from typing import Protocol

from natgate.model.claim import Claim


class Fence(Protocol):
    """Every call ends within the `timeout` of the spec's fence, whatever the other side does.

    FenceAwayError if there was no answer by then. A claim that ended so may have been won, or may
    still be: `read` tells, and so does the same claim again, since it is idempotent. BugError for
    a key or an owner that is no name.
    """

    async def read(self, key: str) -> Claim | None:
        """The claim in force, no older than the call; None if nobody ever claimed it."""
        ...

    async def claim(self, key: str, owner: str, expected: int) -> Claim:
        """Make `owner` the owner with epoch `expected` + 1 if the present epoch is `expected`.

        0 expects that nobody ever claimed it. Returns the claim in force afterwards: it was won if
        it has this owner and that epoch. A repetition of a claim that was won is won again.
        `NOBODY` if an epoch was expected and nobody is there, as in a fence that was emptied.
        """
        ...

    def close(self) -> None:
        """Give connections back; claims stay."""
        ...
