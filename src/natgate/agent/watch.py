"""Everything an agent watches for one spec: peers, upstreams, and the routes it steers.

Made anew for every applied spec, so that nothing of an older one is left over.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Protocol

from natgate.agent.addresses import AddressChecks
from natgate.agent.checks import FIRST_ID, ConnectCheck, EchoCheck
from natgate.agent.peers import Peers, addresses_by_name
from natgate.agent.report import Report
from natgate.agent.takeover import Hands, Local, TakeOverRun
from natgate.cloud.interface import Steering
from natgate.kernel.echo import EchoSocket
from natgate.model.error import NatgateError
from natgate.model.event import (
    ClaimAnswered,
    ClaimBlock,
    Event,
    Order,
    ProbePeer,
    ReadRoutes,
    RoutesFailed,
    RoutesRead,
    TakeOver,
)
from natgate.model.journal import Failover
from natgate.model.share import handed_routes
from natgate.model.spec import Spec
from natgate.model.view import NodeView
from natgate.plan.state import Setup, ShareSetup
from natgate.store.fence import Fence

Post = Callable[[Event], None]


class Upstream(Protocol):
    """A check that runs until it is cancelled."""

    async def run(self) -> None:
        """Check for ever."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is to be watched: a spec as the decision sees it, and nodes that it no longer has."""

    spec: Spec
    setup: Setup
    former: Mapping[IPv4Address, str]


class Watch:
    """The sockets and checks of one spec on one node; facts go to `post`."""

    def __init__(
        self,
        *,
        watched: Watched,
        key: bytes,
        start: int,
        steering: Steering,
        fence: Fence | None,
        local: Local,
        post: Post,
        report: Report | None = None,
    ) -> None:
        spec, setup, me = watched.spec, watched.setup, watched.setup.me
        self._spec = spec
        self._me = me
        self._post = post
        self.report = report
        self._shares = {share.name: share for share in setup.shares}
        self._handed = handed_routes(spec, me)
        self._hands = Hands(
            me=me,
            network=spec.network.name,
            nodes={node.name: node.address for node in spec.nodes},
            names={**watched.former, **addresses_by_name(spec)},
            steering=steering,
            fence=fence,
            local=local,
        )
        self._echo = EchoSocket(spec.node(me).address)
        try:
            self.peers = Peers(spec=spec, me=me, key=key, start=start, echo=self._echo)
        except NatgateError:
            self._echo.close()
            raise
        self.changed: Callable[[], None] = lambda: None
        self.addresses = AddressChecks(spec, me, self._echo, self._tell)
        self._echoes: list[EchoCheck] = []
        self.upstream: dict[tuple[str, int], str | None] = {}
        self.unchecked: set[tuple[str, int]] = set()
        self._loop = asyncio.get_running_loop()
        self._tasks = [self._loop.create_task(check.run()) for check in self._checks()]
        self._moves: set[asyncio.Task[None]] = set()
        self._offered: dict[str, bool | None] = {}
        self._against: dict[str, str | None] = {}
        self._loop.add_reader(self._echo.socket, self._on_echo)
        self._loop.add_reader(self.peers.beats, self._on_beat)
        self._loop.add_reader(self.peers.reflected, self._on_reflected)

    def send(self, view: NodeView) -> None:
        """Tell every peer about this node."""
        self.peers.send(view)

    def carry_out(self, order: Order) -> None:
        """Begin what was decided; its outcome arrives as an event."""
        if isinstance(order, ProbePeer):
            self.peers.probe(order.peer)
            return
        self._begin(self._work(order))

    def offer(self, share: str, ready: bool | None) -> None:  # noqa: FBT001 (a fact, not a mode)
        """Let the steering know whether this node stands ready, at once if that has changed."""
        if ready != self._offered.get(share):
            self._offered[share] = ready
            if ready is not None:
                self._begin(self._offer(share))

    def cannot_carry(self) -> list[tuple[str, str]]:
        """What the steering has against this node's carrying gateways."""
        found = ((self._shares[name].gateway, why) for name, why in self._against.items())
        return [(gateway, why) for gateway, why in found if why is not None]

    async def resume(self, records: Iterable[Failover]) -> None:
        """End what an earlier agent left half done, before anything new is decided."""
        for record in records:
            share = self._shares.get(record.share)
            if share is not None and share.routes:
                await TakeOverRun(self._hands, share).resume(record)

    async def refused(self, share: ShareSetup) -> dict[str, str]:
        """What the steering would refuse of moving a share's routes here; nothing is changed."""
        try:
            found = await self._hands.steering.refused(share.routes)
        except NatgateError as error:
            return {share.name: str(error)}
        return {str(route): reason for route, reason in found.items()}

    async def close(self, *, leaving: bool = False) -> None:
        """Stop watching; traffic is not concerned, unless this node leaves its steering."""
        for reader in (self._echo.socket, self.peers.beats, self.peers.reflected):
            self._loop.remove_reader(reader)
        tasks = [*self._tasks, *self._moves]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.addresses.close()
        if self.report is not None:
            await self.report.close()
        self.peers.close()
        self._echo.close()
        if self._hands.fence is not None:
            self._hands.fence.close()
        try:
            if leaving:
                await self._hands.steering.withdraw()
        finally:
            self._hands.steering.close()

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._moves.add(task)
        task.add_done_callback(self._moves.discard)

    def _checks(self) -> list[Upstream]:
        local = self._spec.node(self._me).address
        checks: list[Upstream] = []
        for gateway in self._spec.gateways:
            if self._me not in self._spec.nodes_of(gateway):
                continue
            for index, check in enumerate(gateway.health.upstream):
                report = self._reporter(gateway.name, index, check.address)
                if check.kind == "tcp":
                    checks.append(ConnectCheck(check=check, local=local, report=report))
                    continue
                identifier = FIRST_ID + len(self._echoes)
                echo = EchoCheck(check=check, echo=self._echo, identifier=identifier, report=report)
                self._echoes.append(echo)
                checks.append(echo)
        return checks

    def _reporter(
        self, gateway: str, index: int, address: IPv4Address
    ) -> Callable[[str | None], None]:
        """A check is never good because it has not run."""
        self.upstream[gateway, index] = f"upstream {address} not checked yet"
        self.unchecked.add((gateway, index))

        def report(reason: str | None) -> None:
            self.unchecked.discard((gateway, index))
            self.upstream[gateway, index] = reason
            self.changed()

        return report

    def _tell(self) -> None:
        self.changed()

    def _on_echo(self) -> None:
        for reply in self._echo.receive():
            for check in self._echoes:
                check.receive(reply)
            self.addresses.receive(reply)
            answer = self.peers.answered(reply)
            if answer is not None:
                self._post(answer)

    def _on_beat(self) -> None:
        for heard in self.peers.receive_beats():
            self._post(heard)

    def _on_reflected(self) -> None:
        for answer in self.peers.receive_reflected():
            self._post(answer)

    async def _work(self, order: ReadRoutes | TakeOver | ClaimBlock) -> None:
        """Carry out an order that takes its time, and report what came of it."""
        share = self._shares[order.share]
        if isinstance(order, TakeOver):
            for event in await TakeOverRun(self._hands, share).run(order):
                self._post(event)
        elif isinstance(order, ClaimBlock):
            claim = await self._hands.claim(share, self._me)
            self._post(ClaimAnswered(share=order.share, claim=claim))
        else:
            await self._offer(order.share)
            try:
                if self._handed:
                    await self._hands.keep(self._handed)
                holders = await self._hands.read(share.routes)
            except NatgateError as error:
                self._post(RoutesFailed(share=order.share, error=str(error)))
                return
            self._post(RoutesRead(share=order.share, holders=holders))

    async def _offer(self, share: str) -> None:
        """Tell the steering whether this node stands ready, and hear what stands against it."""
        ready, routes = self._offered.get(share), self._shares[share].routes
        address = self._hands.nodes[self._me]
        try:
            reason = await self._hands.steering.offer(routes, address, fit=ready)
        except NatgateError as error:
            reason = str(error)
        if reason != self._against.get(share):
            self._against[share] = reason
            self.changed()
