"""What the agent sees of a kernel. `HostKernel` is real, `FakeKernel` is in memory."""

from collections.abc import Collection, Mapping
from ipaddress import IPv4Address
from typing import Protocol

from natgate.model.address import Prefixes
from natgate.model.change import Change
from natgate.model.flow import Flow
from natgate.model.observed import Observed


class Kernel(Protocol):
    """One node's kernel, as far as natgate concerns itself with it."""

    def observe(self) -> Observed:
        """What is there now, read back; HostError if it cannot be read."""
        ...

    def apply(self, change: Change) -> None:
        """Make one change, wholly or not at all; HostError if the kernel refuses it."""
        ...

    def end_untranslated(self, inside: Prefixes, internal: Prefixes) -> int:
        """End flows from inside that leave untranslated; how many there were.

        Translation is decided on a flow's first packet, so a flow that once met no rule would
        stay untranslated, and be dropped by the guard, for its whole life.
        """
        ...

    def end_withdrawn(
        self, inside: Prefixes, internal: Prefixes, allowed: Collection[IPv4Address]
    ) -> int:
        """End the flows from inside that the far end sees as none of `allowed`; how many."""
        ...

    def flows(self) -> list[Flow]:
        """Every flow, in no order; it may take seconds where there are millions."""
        ...

    def end(self, chosen: Collection[Flow]) -> int:
        """End these flows; how many of them are gone."""
        ...

    def counters(self) -> Mapping[str, int]:
        """Packets per named counter and per entry; `guard` are those the egress guard dropped."""
        ...

    def close(self) -> None:
        """Give back sockets; what was applied stays."""
        ...
