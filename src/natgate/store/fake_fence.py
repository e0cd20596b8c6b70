"""A fence in memory, which can be away and can lose its answers."""

from dataclasses import dataclass, field

from natgate.model.claim import NOBODY, Claim, check_claim
from natgate.model.error import FenceAwayError


@dataclass(slots=True)
class FakeFence:
    """A `Fence` whose claims can be looked at; several nodes may share one `claims`."""

    claims: dict[str, Claim] = field(default_factory=dict)
    away: bool = False
    lost_answers: int = 0
    """How many of the next claims do their work and are not answered."""

    async def read(self, key: str) -> Claim | None:
        """The claim in force."""
        check_claim(key, "nobody", 0)
        self._answer()
        return self.claims.get(key)

    async def claim(self, key: str, owner: str, expected: int) -> Claim:
        """Make `owner` the owner if the present epoch is `expected`."""
        check_claim(key, owner, expected)
        self._answer()
        if self.claims.get(key, NOBODY).epoch == expected:
            self.claims[key] = Claim(owner=owner, epoch=expected + 1)
        if self.lost_answers:
            self.lost_answers -= 1
            raise FenceAwayError("the fence is away: the answer was lost")
        return self.claims.get(key, NOBODY)

    def close(self) -> None:
        """Nothing to give back."""

    def _answer(self) -> None:
        if self.away:
            raise FenceAwayError("the fence is away")
