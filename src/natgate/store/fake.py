"""A store in memory, which forgets with its process."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from natgate.model.journal import Failover
from natgate.store.interface import Generation, Made, Memory


@dataclass(slots=True)
class FakeStore:
    """A `Store` whose content can be looked at."""

    generations: list[Generation] = field(default_factory=list)
    things: dict[tuple[Made, str], str] = field(default_factory=dict)
    memories: dict[Memory, str] = field(default_factory=dict)
    journal: dict[int, Failover] = field(default_factory=dict)
    last: int = 0
    started: int = 0

    def latest(self) -> Generation | None:
        """The generation in force."""
        return self.generations[-1] if self.generations else None

    def add(self, text: str, digest: str) -> Generation:
        """Record a spec as the next generation."""
        self.last += 1
        self.generations.append(Generation(number=self.last, text=text, digest=digest))
        return self.generations[-1]

    def amend(self, before: Generation, edit: str, digest: str) -> Generation:
        """Record an edit of the generation in force as the next generation."""
        self.last += 1
        edits = (*before.edits, edit)
        amended = replace(before, number=self.last, digest=digest, edits=edits)
        self.generations.append(amended)
        return amended

    def withdraw(self, number: int) -> None:
        """Forget a generation that could not be brought into force."""
        self.generations = [g for g in self.generations if g.number != number]

    def remember(self, kind: Made, name: str, value: str) -> None:
        """Record what was there before natgate."""
        self.things.setdefault((kind, name), value)

    def made(self, kind: Made) -> Mapping[str, str]:
        """Everything remembered of a kind."""
        return {name: value for (k, name), value in self.things.items() if k == kind}

    def start(self, now: int) -> int:
        """A number for a start, higher than any before even if the clock went back."""
        self.started = max(self.started + 1, now)
        return self.started

    def keep(self, memory: Memory, text: str) -> None:
        """Remember a text under a name."""
        self.memories[memory] = text

    def kept(self, memory: Memory) -> str | None:
        """The text that was kept last."""
        return self.memories.get(memory)

    def record(self, failover: Failover) -> Failover:
        """Write a failover."""
        number = failover.number or len(self.journal) + 1
        self.journal[number] = replace(failover, number=number)
        return self.journal[number]

    def failovers(self, most: int = -1) -> tuple[Failover, ...]:
        """The recorded failovers, the latest first."""
        latest = sorted(self.journal, reverse=True)
        return tuple(self.journal[number] for number in latest[: None if most < 0 else most])

    def forget(self) -> None:
        """Nothing is natgate's any more."""
        self.generations.clear()
        self.things.clear()
        self.memories.clear()

    def close(self) -> None:
        """Nothing to give back."""
