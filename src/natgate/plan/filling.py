"""A node that comes back is filled with flows before it may carry anything: states first.

It says that it is empty. A peer that is not sends it every flow it knows, says so with the number
of this filling, and the node is full once what arrives has come to rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from natgate.model.view import SyncView

LONGEST = 10.0
"""Seconds after which an empty node goes on as it is, with a warning."""

REST = 0.3
"""Seconds without a new replica that mean that all have arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What one node knows of its own filling; `session` names this run of its conntrackd.

    `heard`: when a peer that could fill it was first heard. `sent_by`: who said that it has sent
    all. `arrived`: how many replicas have arrived, and since when the number is the same.
    """

    session: str
    started: float
    empty: bool
    heard: float | None = None
    sent_by: str | None = None
    arrived: tuple[int, float] = (-1, 0.0)
    late: bool = False


def step(
    held: Filling, me: str, peers: Mapping[str, SyncView], injected: int, now: float, grace: float
) -> Filling:
    """The filling after a look at what the speaking peers say and at how much has arrived.

    `grace`: seconds after the start for which a peer may still turn up.
    """
    if not held.empty:
        return held
    if injected != held.arrived[0]:
        held = replace(held, arrived=(injected, now))
    able = {name: view for name, view in peers.items() if not view.empty and view.session}
    if not able:
        waits = now - held.started < grace and not any(v.empty for v in peers.values())
        return held if waits else replace(held, empty=False)
    held = replace(held, heard=now if held.heard is None else held.heard)
    sent_by = next((n for n, v in able.items() if v.filled.get(me) == held.session), None)
    held = replace(held, sent_by=held.sent_by or sent_by)
    if held.sent_by is not None and now - held.arrived[1] >= REST:
        return replace(held, empty=False)
    assert held.heard is not None  # noqa: S101 (set above)
    late = now - held.heard >= LONGEST
    return replace(held, empty=not late, late=late)


def to_fill(me: SyncView, peers: Mapping[str, SyncView]) -> tuple[str, ...]:
    """The peers to whom this node must send all its flows: each new session of one, once."""
    if me.empty or not me.session:
        return ()
    return tuple(
        name for name, view in peers.items() if view.session and me.filled.get(name) != view.session
    )
