"""Flows that a spec cannot tell apart have the same entry, so that few have to be looked up.

A spec compares addresses and ports with ranges: between two of their bounds every flow is like the
other. A flow's class is where its source, destination and port lie among these bounds.
"""

from bisect import bisect_right
from dataclasses import dataclass

from natgate.model.open_flow import DESTINATION_TRANSLATED, SOURCE_TRANSLATED, OpenFlow

PROBE = "(probe)"
"""The name of what a node sent to probe a peer or to check an address."""

EARLIER = "(earlier)"
"""The name of what translated a flow that the spec would translate otherwise now."""

Class = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where ranges of sources, destinations and ports begin, in order."""

    sources: tuple[int, ...]
    destinations: tuple[int, ...]
    ports: tuple[int, ...]

    def class_of(self, flow: OpenFlow) -> Class:
        """The class of a flow, by its first packet."""
        return (
            flow.protocol,
            bisect_right(self.sources, flow.source),
            bisect_right(self.destinations, flow.destination),
            bisect_right(self.ports, flow.destination_port),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a spec says of a class: its entry, the sources it may leave with, and who is reached."""

    entry: str
    sources: frozenset[int]
    target: int | None

    def label(self, flow: OpenFlow) -> str:
        """The entry that translated a flow; `EARLIER` if the spec would do otherwise now."""
        if not flow.status & (SOURCE_TRANSLATED | DESTINATION_TRANSLATED):
            return ""
        reached = self.target if self.target is not None else flow.destination
        seen = not flow.status & SOURCE_TRANSLATED or flow.reply_destination in self.sources
        return self.entry if self.entry and seen and flow.reply_source == reached else EARLIER


NO_BOUNDS = Bounds(sources=(), destinations=(), ports=())
NOTHING = Told(entry="", sources=frozenset(), target=None)
"""What is known of a flow that nobody was asked about."""
