"""Which flows to touch, so that their replicas do not expire while they live.

conntrackd sends a flow when its state changes. A live UDP flow changes no more, and its replica
expires (research/ha-prototype.md section 4). An update that changes nothing makes the kernel say
once more how long the flow still has; it is asked for only if the replica would soon expire.
"""

from collections.abc import Hashable, Iterable, Mapping

ROUND, SLOW_ROUND = 10.0, 100.0
"""Seconds between two looks at flows that end when they are idle for minutes, and at TCP's."""

LOOKS = 4
"""Looks within the shortest idle time-out: a flow used twice within its own never loses its replica."""

MARGIN = 5.0
"""Seconds that a flow must outlive its replica to be worth a message, or half a round if less."""

Expiries = Mapping[Hashable, float]
"""By flow: when its replica expires, as far as this node has sent."""


def pace(timeouts: Iterable[float], longest: float) -> float:
    """Seconds between two looks at flows with these idle time-outs."""
    return min((longest, *(timeout / LOOKS for timeout in timeouts)))


def due(
    known: Expiries,
    flows: Iterable[tuple[Hashable, float]],
    now: float,
    *,
    since_start: bool,
    every: float = ROUND,
) -> tuple[dict[Hashable, float], list[Hashable]]:
    """What is known after a look at the flows, and which of them to touch.

    `flows` with the seconds each still has. `since_start`: this node has looked before, so that a
    flow it does not know is new, and was sent since then. `every`: seconds between two looks. Flows
    that are gone are forgotten.
    """
    margin = min(MARGIN, every / 2)
    after: dict[Hashable, float] = {}
    touched: list[Hashable] = []
    for flow, left in flows:
        expires = now + left
        replica = known.get(flow)
        if replica is None:
            replica = expires - every if since_start else now
        if replica < now + 2 * every and expires > replica + margin:
            touched.append(flow)
            replica = expires
        after[flow] = replica
    return after, touched
