"""Who owns a share's block, as the fence has it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The owner, and the number of the decision that made it one; each is later than the last."""

    owner: str
    epoch: int
