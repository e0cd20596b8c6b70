"""What natgate remembers across restarts: applied specs, and what it made on this host."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from natgate.model.journal import Failover


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """An applied spec: its number, its text as the operator wrote it, and its digest.

    `edits`: what was changed since, in order, each as `wire.edit` renders it.
    """

    number: int
    text: str
    digest: str
    edits: tuple[str, ...] = ()


Made = Literal["sysctl", "hooks"]
"""sysctl: the value before natgate, by key; hooks: the classifier hooks natgate made, by link."""


Memory = Literal["roles", "wishes"]
"""What an agent knew when it ended, by name: see `wire.journal`."""


class Store(Protocol):
    """Each call is durable when it returns, wholly or not at all."""

    def latest(self) -> Generation | None:
        """The generation in force; None before the first spec and after `forget`."""
        ...

    def add(self, text: str, digest: str) -> Generation:
        """Record a spec as the next generation."""
        ...

    def amend(self, before: Generation, edit: str, digest: str) -> Generation:
        """Record an edit of the generation in force as the next generation."""
        ...

    def withdraw(self, number: int) -> None:
        """Forget a generation that could not be brought into force; its number is not used again."""
        ...

    def remember(self, kind: Made, name: str, value: str) -> None:
        """Record what was there before natgate; the first value of a name is kept."""
        ...

    def made(self, kind: Made) -> Mapping[str, str]:
        """Everything remembered of a kind, in the order of recording."""
        ...

    def start(self, now: int) -> int:
        """A number for a start: `now` in nanoseconds, or more, and higher than any before."""
        ...

    def keep(self, memory: Memory, text: str) -> None:
        """Remember a text under a name, in place of the last."""
        ...

    def kept(self, memory: Memory) -> str | None:
        """The text that was kept last; None if there is none."""
        ...

    def record(self, failover: Failover) -> Failover:
        """Write a failover, with a number of its own if it has none; the latest write counts."""
        ...

    def failovers(self, most: int = -1) -> tuple[Failover, ...]:
        """The recorded failovers, the latest first, `most` at most; the oldest are let go."""
        ...

    def forget(self) -> None:
        """Nothing is natgate's any more: no generation is in force and nothing was made.

        The journal stays.
        """
        ...

    def close(self) -> None:
        """Give the file back."""
        ...
