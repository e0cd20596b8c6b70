"""A take-over as steps, each of which can be repeated: claim, rules, routes, verify.

The journal has the intent and what was there before the first step, and each step once it is done,
so that a later agent can end what this one left half done.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Protocol

from natgate.cloud.interface import Steering
from natgate.model.claim import Claim, claim_key
from natgate.model.error import FenceAwayError, HostError, NatgateError
from natgate.model.event import ClaimAnswered, Event, RoutesFailed, RoutesRead, TakeOver
from natgate.model.journal import Failover, Outcome, Step
from natgate.model.routes import Route
from natgate.plan.state import ShareSetup
from natgate.store.fence import Fence

TURNS = 3
"""Times that the routes are read after they were written, until a turn needs no change."""

WHOLE = "whole"
"""The share of an active-standby gateway, as the fence knows it."""

Holders = dict[Route, str | None]


class Local(Protocol):
    """What a take-over asks of the node itself."""

    def adopt(self, share: str, *, handing_out: bool) -> None:
        """Bring the rules into force that carry the share; HostError if they are not."""
        ...

    def record(self, failover: Failover) -> Failover:
        """Write the journal."""
        ...

    def wall_clock(self) -> float:
        """Seconds since 1970."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What take-overs work with on one node: the names and addresses of all nodes included."""

    me: str
    network: str
    nodes: Mapping[str, IPv4Address]
    names: Mapping[IPv4Address, str]
    steering: Steering
    fence: Fence | None
    local: Local

    async def read(self, routes: Iterable[Route]) -> Holders:
        """Who each route leads to: a node's name, or the text of something else."""
        targets = await self.steering.read(tuple(routes))
        return {
            route: self.names.get(target, str(target))
            if isinstance(target, IPv4Address)
            else target
            for route, target in targets.items()
        }

    async def point(self, routes: Iterable[Route], node: str) -> None:
        """Lead routes to a node; HostError says which were refused."""
        asked = tuple(routes)
        failed = await self.steering.point(asked, self.nodes[node]) if asked else {}
        if failed:
            parts = "; ".join(f"{route}: {error}" for route, error in failed.items())
            done = len(asked) - len(failed)
            raise HostError(f"{done} of {len(asked)} routes were led to {node}; refused: {parts}")

    async def keep(self, wanted: Iterable[tuple[Route, str]]) -> None:
        """Lead routes to given nodes, unless they lead to something that is no node."""
        by_route = dict(wanted)
        holders = await self.read(by_route)
        for route, node in by_route.items():
            if holders[route] != node and (holders[route] is None or holders[route] in self.nodes):
                await self.point([route], node)

    async def claim(self, share: ShareSetup, owner: str) -> Claim | None:
        """The claim in force after trying to make `owner` the owner; None if the fence is away."""
        if self.fence is None:
            return None
        key = claim_key(self.network, share.gateway, share.home if share.divided else WHOLE)
        try:
            present = await self.fence.read(key)
            if present is not None and present.owner == owner:
                return present
            return await self.fence.claim(key, owner, present.epoch if present else 0)
        except FenceAwayError:
            return None


class TakeOverRun:
    """One take-over of a share by this node."""

    def __init__(self, hands: Hands, share: ShareSetup) -> None:
        self._hands = hands
        self._share = share
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()

    async def run(self, order: TakeOver) -> list[Event]:
        """Do all steps, if the share is still carried by whom the order expects; the outcome.

        Whatever fails is recorded with its reason, and ends it: the decision takes it from there.
        """
        share, hands = self._share, self._hands
        events: list[Event] = []
        try:
            holders = await hands.read(share.routes)
        except NatgateError as error:
            return [RoutesFailed(share=share.name, error=str(error))]
        if holders.get(share.routes[0]) != order.expected:
            return [RoutesRead(share=share.name, holders=holders)]
        record = hands.local.record(self._intent(order, holders))
        try:
            record, claim = await self._claim(record)
            events.append(ClaimAnswered(share=share.name, claim=claim))
            if claim is not None and claim.owner != hands.me:
                raise HostError(f"{claim.owner} has claimed {share.name} before this node")
            own = claim is not None or share.home == hands.me
            record = self._adopt(record, handing_out=order.released and own)
            record, holders = await self._lead_here(record, holders)
        except NatgateError as error:
            self._end(record, "failed", str(error))
            return [*events, RoutesFailed(share=share.name, error=str(error))]
        self._end(record, "done")
        return [*events, RoutesRead(share=share.name, holders=holders)]

    async def resume(self, record: Failover) -> None:
        """End a take-over that an earlier agent of this node left half done.

        If the first route leads here, it is finished; else what was moved is put back.
        """
        hands, share = self._hands, self._share
        try:
            holders = await hands.read(share.routes)
            if holders.get(share.routes[0]) == hands.me:
                record, _ = await self._lead_here(record, holders)
                self._end(record, "resumed")
                return
            await self._put_back(record, holders)
            self._end(record, "rolled back")
        except NatgateError as error:
            self._end(record, "failed", str(error))

    async def _put_back(self, record: Failover, holders: Holders) -> None:
        hands = self._hands
        for route, held in holders.items():
            before = record.previous.get(str(route))
            if held == hands.me and before and before != hands.me and before in hands.nodes:
                await hands.point([route], before)
        if record.before and record.before in hands.nodes:
            await hands.claim(self._share, record.before)

    def _intent(self, order: TakeOver, holders: Holders) -> Failover:
        return Failover(
            share=self._share.name,
            before=order.expected,
            after=self._hands.me,
            reason=order.reason,
            started=self._hands.local.wall_clock(),
            previous={str(route): holder for route, holder in holders.items()},
        )

    async def _claim(self, record: Failover) -> tuple[Failover, Claim | None]:
        if self._hands.fence is None:
            return record, None
        began = self._clock()
        claim = await self._hands.claim(self._share, self._hands.me)
        what = f"epoch {claim.epoch} is {claim.owner}'s" if claim else "the fence is away"
        return self._done(record, "claim", what, began), claim

    def _adopt(self, record: Failover, *, handing_out: bool) -> Failover:
        if not self._share.divided:
            return record  # the standby's rules are the same as those of the active node
        began = self._clock()
        self._hands.local.adopt(self._share.name, handing_out=handing_out)
        what = "its flows and its ports" if handing_out else "its flows"
        return self._done(record, "rules", what, began)

    async def _lead_here(self, record: Failover, holders: Holders) -> tuple[Failover, Holders]:
        """Write what leads elsewhere, read again, until nothing is to be written."""
        hands, share = self._hands, self._share
        for _ in range(TURNS):
            strays = [
                r
                for r in share.routes
                if holders.get(r) != hands.me and share.movable(holders.get(r))
            ]
            if not strays:
                return self._done(
                    record, "verify", "every route leads here", self._clock()
                ), holders
            began = self._clock()
            await hands.point(strays, hands.me)
            what = ", ".join(map(str, strays))
            record = self._done(record, "routes", what, began)
            holders = await hands.read(share.routes)
        raise HostError(f"something keeps moving the routes of {share.name} away")

    def _done(self, record: Failover, name: str, what: str, began: float) -> Failover:
        step = Step(name=name, what=what, ms=_ms(self._clock() - began))
        return self._hands.local.record(replace(record, steps=(*record.steps, step)))

    def _end(self, record: Failover, outcome: Outcome, error: str | None = None) -> None:
        took = None if outcome in {"resumed", "rolled back"} else _ms(self._clock() - self._began)
        self._hands.local.record(replace(record, outcome=outcome, error=error, ms=took))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
