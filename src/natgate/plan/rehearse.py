"""A failover that an operator asks for, told beforehand: steps, cost, and what would go wrong."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from natgate.model.journal import Failover
from natgate.plan.judge import judge
from natgate.plan.state import ShareSetup, State, active, speaks


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """How many flows, of how many clients."""

    flows: int
    clients: int


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How long earlier moves of the routes took, in ms; `samples` of them."""

    samples: int
    median_ms: float
    worst_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """One share that would be moved: `steps` in order, each with what it changes.

    `obstacles` keep it from being done; `flows` is None where this node cannot count them.
    """

    share: str
    before: str | None
    after: str
    steps: tuple[tuple[str, str], ...]
    obstacles: tuple[str, ...]
    interruption: History | None
    flows: Flows | None = None


def to_move(
    state: State, target: str | None, gateway: str | None
) -> Iterator[tuple[ShareSetup, str]]:
    """The shares that would move, each with its new node: `target`, or its home if that is None."""
    for share in state.setup.shares:
        after = target or share.home
        chosen = gateway is None or share.gateway == gateway
        if chosen and share.routes and active(state, share.name) != after:
            yield share, after


def rehearse(
    state: State,
    share: ShareSetup,
    after: str,
    *,
    journal: Iterable[Failover],
    refused: Mapping[str, str],
    flows: Flows | None,
    now: float,
) -> Rehearsal:
    """What moving a share to a node would do now; nothing is done.

    `refused`: what the steering would refuse this node, by route, as far as it can be asked.
    """
    before = active(state, share.name)
    return Rehearsal(
        share=share.name,
        before=before,
        after=after,
        steps=tuple(_steps(state, share, before, after)),
        obstacles=tuple(_obstacles(state, share, after, refused, now)),
        interruption=history(share.name, journal),
        flows=flows,
    )


def history(share: str, journal: Iterable[Failover]) -> History | None:
    """How long the routes of this share, or else of any, took to move before."""
    done = [f for f in journal if f.outcome == "done"]
    chosen = [f for f in done if f.share == share] or done
    times = [sum(s.ms for s in f.steps if s.name == "routes") for f in chosen]
    if not times:
        return None
    return History(samples=len(times), median_ms=median(times), worst_ms=max(times))


def _steps(
    state: State, share: ShareSetup, before: str | None, after: str
) -> Iterator[tuple[str, str]]:
    if state.setup.fenced:
        yield "claim", f"the fence makes {after} the owner of {share.name}"
    if share.divided:
        if before is not None:
            yield "release", f"{before} gives out no more ports of {share.name}"
        own = state.setup.fenced or after == share.home
        handing = "hands them out" if own else "hands none out, for there is no fence"
        yield "rules", f"{after} keeps the ports of {share.name} and {handing}"
    holders = state.shares[share.name].holders or {}
    for route in share.routes:
        held = holders.get(route)
        if held != after and share.movable(held):
            yield "routes", f"{route}: {held or 'nobody'} -> {after}"
    yield "verify", f"the routes are read again until all lead to {after}"
    yield "announce", "the other nodes are told"


def _obstacles(
    state: State, share: ShareSetup, after: str, refused: Mapping[str, str], now: float
) -> Iterator[str]:
    held = state.shares[share.name]
    if after not in share.nodes:
        yield f"{after} is no node of {share.gateway} ({', '.join(share.nodes)})"
        return
    verdict = judge(state, share, after, now)
    if not speaks(state, after, now):
        yield f"the agent of {after} is silent, so it cannot take over"
    elif not verdict.fit:
        yield f"{after} is {verdict.condition}: {'; '.join(verdict.reasons)}"
    if held.error is not None:
        yield f"the routes cannot be read or moved: {held.error}"
    for route, holder in (held.holders or {}).items():
        if not share.movable(holder):
            yield f"{route} leads to {holder}, which is no node, and would stay so"
    if after == state.setup.me:
        yield from (f"{route}: {reason}" for route, reason in refused.items())
