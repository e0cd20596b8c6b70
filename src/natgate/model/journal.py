"""The record of a failover: what was intended, what was there before, and what has been done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["running", "done", "failed", "resumed", "rolled back", "seen"]
"""running: begun and not ended, also when its agent was killed; resumed and rolled back: ended by a
later agent; seen: another node did it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step that was done, and how long it took."""

    name: str
    what: str
    ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failover:
    """One share that moved, or was to move, from one node to another.

    `started` in seconds since 1970; `ms` from the decision to the verified routes; `previous` is
    what each route led to; `flows` and `clients` those that moved along, None if not counted.
    """

    number: int = 0
    share: str
    before: str | None
    after: str
    reason: str
    started: float
    outcome: Outcome = "running"
    previous: Mapping[str, str | None] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    ms: float | None = None
    flows: int | None = None
    clients: int | None = None
    error: str | None = None

    @property
    def asked_for(self) -> bool:
        """Whether an operator asked for it, so that both nodes were alive."""
        return self.reason == "asked for by an operator"


def seen(share: str, before: str, after: str, *, started: float) -> Failover:
    """What another node did by itself, as this one saw it."""
    return Failover(
        share=share,
        before=before,
        after=after,
        reason=f"{after} took it over",
        started=started,
        outcome="seen",
    )
