"""What the real rules of a node did with a packet that they were not allowed to send on."""

from dataclasses import dataclass
from typing import Literal

from natgate.model.trace import Packet

End = Literal["postrouting", "input", "dropped", "lost"]
"""Would leave by a link; is for this node itself; a rule or a policy dropped it; anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A rule that matched (or a chain's policy, then without handle), in the order of events.

    `before`: the packet as it came into the chain of the hook. `target`: the chain jumped to.
    """

    table: str
    chain: str
    handle: int | None
    verdict: str
    before: Packet
    comment: str = ""
    text: str = ""
    target: str | None = None
    translates: bool = False
    entry: str | None = None
    """Gateway and entry of the spec, of a rule of natgate that names one."""

    @property
    def name(self) -> str:
        """The rule's comment, or where it stands."""
        if self.handle is None:
            return f"table {self.table} {self.chain} policy {self.verdict}"
        return self.comment or f"table {self.table} {self.chain} handle {self.handle}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """The rules that took part, the packet at its end, and where that was.

    `link`: by which it would leave. `reason`: a sentence, if it was lost, or if an existing flow and
    no rule translated it.
    """

    steps: tuple[Step, ...]
    after: Packet
    end: End
    link: str | None = None
    reason: str | None = None

    @property
    def translations(self) -> tuple[Step, ...]:
        """The rules that gave it another address."""
        return tuple(step for step in self.steps if step.translates)

    @property
    def dropped_by(self) -> Step | None:
        """The rule or policy that dropped it."""
        return self.steps[-1] if self.end == "dropped" else None

    @property
    def entry(self) -> str | None:
        """The entry that translates it; the first one, as a hairpin also passes another rule."""
        return next((step.entry for step in self.translations if step.entry), None)
