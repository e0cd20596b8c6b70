"""Ordering and counting flows one by one; `plan.flow_arrays` does it with many at once."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from natgate.model.open_flow import OpenFlow

Key = Callable[[OpenFlow], int]
LARGEST_FIRST = ("bytes", "packets")
KEYS: dict[str, Key] = {
    "source": lambda flow: flow.source,
    "destination": lambda flow: flow.reply_source,
    "client": lambda flow: flow.client,
    "address": lambda flow: flow.address,
    "port": lambda flow: flow.address_port,
    "protocol": lambda flow: flow.protocol,
    "left": lambda flow: flow.timeout,
    "age": lambda flow: flow.start_ns or 1 << 64,
    "packets": lambda flow: -(flow.packets + flow.reply_packets),
    "bytes": lambda flow: -(flow.bytes + flow.reply_bytes),
}
"""By what flows can be ordered: the oldest first, and those that moved most."""

GROUPS = ("client", "address", "destination", "entry", "node", "protocol", "state")
"""By what they can be counted."""


def ordered(flows: Iterable[OpenFlow], key: str) -> list[OpenFlow]:
    """By a key, then by source, destination and their ports."""
    first = KEYS[key]
    return sorted(
        flows,
        key=lambda f: (
            f.family,
            first(f),
            f.source,
            f.reply_source,
            f.source_port,
            f.reply_source_port,
            f.protocol,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What a group has: packets and bytes are those of both directions."""

    name: str
    flows: int
    packets: int
    bytes: int

    def plus(self, other: "Total") -> "Total":
        """The two together, under this one's name."""
        return Total(
            name=self.name,
            flows=self.flows + other.flows,
            packets=self.packets + other.packets,
            bytes=self.bytes + other.bytes,
        )


def counted(flows: Iterable[OpenFlow], name: Callable[[OpenFlow], str]) -> list[Total]:
    """What each group has."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for flow in flows:
        group = found[name(flow)]
        group[0] += 1
        group[1] += flow.packets + flow.reply_packets
        group[2] += flow.bytes + flow.reply_bytes
    return [Total(name=n, flows=f, packets=p, bytes=b) for n, (f, p, b) in found.items()]


def largest(groups: Iterable[Total], sort: str, top: int | None = None) -> list[Total]:
    """The groups with most first: most bytes or packets where these are the order, else flows."""
    first = sort if sort in LARGEST_FIRST else "flows"
    return sorted(groups, key=lambda g: (-getattr(g, first), -g.flows, g.name))[:top]
