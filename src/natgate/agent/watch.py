"""Everything an agent watches for one spec: peers, upstreams, and the routes it steers.

Made anew for every applied spec, so that nothing of an older one is left over.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Protocol

from natgate.agent.checks import FIRST_ID, ConnectCheck, EchoCheck
from natgate.agent.peers import Peers, addresses_by_name
from natgate.cloud.interface import Steering
from natgate.kernel.echo import EchoSocket
from natgate.model.error import NatgateError
from natgate.model.event import (
    Event,
    Order,
    ProbePeer,
    ReadRoutes,
    RoutesFailed,
    RoutesRead,
    TakeOver,
)
from natgate.model.routes import Route
from natgate.model.spec import Spec
from natgate.model.view import NodeView
from natgate.plan.failover import Setup

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
        self, *, watched: Watched, key: bytes, start: int, steering: Steering, post: Post
    ) -> None:
        spec, setup, me = watched.spec, watched.setup, watched.setup.me
        self._spec = spec
        self._me = me
        self._steering = steering
        self._post = post
        self._names = {**watched.former, **addresses_by_name(spec)}
        self._gateways = {gateway.name: gateway for gateway in setup.gateways}
        self._echo = EchoSocket(spec.node(me).address)
        try:
            self.peers = Peers(spec=spec, me=me, key=key, start=start, echo=self._echo)
        except NatgateError:
            self._echo.close()
            raise
        self._echoes: list[EchoCheck] = []
        self.upstream: dict[tuple[str, int], str | None] = {}
        self.unchecked: set[tuple[str, int]] = set()
        self.cannot_carry: dict[str, str | None] = {}
        self._fit: dict[str, bool | None] = {}
        self._loop = asyncio.get_running_loop()
        self._tasks = [self._loop.create_task(check.run()) for check in self._checks()]
        self._moves: set[asyncio.Task[None]] = set()
        self._loop.add_reader(self._echo.socket, self._on_echo)
        self._loop.add_reader(self.peers.beats, self._on_beat)
        self._loop.add_reader(self.peers.reflected, self._on_reflected)
        self.changed: Callable[[], None] = lambda: None

    def send(self, view: NodeView) -> None:
        """Tell every peer about this node."""
        self.peers.send(view)

    def carry_out(self, order: Order) -> None:
        """Begin what was decided; its outcome arrives as an event."""
        if isinstance(order, ProbePeer):
            self.peers.probe(order.peer)
            return
        self._begin(self._steer(order))

    def offer(self, gateway: str, fit: bool | None) -> None:  # noqa: FBT001 (a fact, not a mode)
        """Let the steering know of this node's fitness, at once if it has changed."""
        if fit != self._fit.get(gateway):
            self._fit[gateway] = fit
            if fit is not None:
                self._begin(self._offer(gateway))

    async def close(self, *, leaving: bool = False) -> None:
        """Stop watching; traffic is not concerned, unless this node leaves its steering."""
        for reader in (self._echo.socket, self.peers.beats, self.peers.reflected):
            self._loop.remove_reader(reader)
        tasks = [*self._tasks, *self._moves]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.peers.close()
        self._echo.close()
        try:
            if leaving:
                await self._steering.withdraw()
        finally:
            self._steering.close()

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

    def _on_echo(self) -> None:
        for reply in self._echo.receive():
            for check in self._echoes:
                check.receive(reply)
            answer = self.peers.answered(reply)
            if answer is not None:
                self._post(answer)

    def _on_beat(self) -> None:
        for heard in self.peers.receive_beats():
            self._post(heard)

    def _on_reflected(self) -> None:
        for answer in self.peers.receive_reflected():
            self._post(answer)

    async def _steer(self, order: ReadRoutes | TakeOver) -> None:
        """Read the routes and, if they are still as expected, lead them here and read again."""
        gateway = order.gateway
        setup = self._gateways[gateway]
        routes = setup.routes
        if isinstance(order, ReadRoutes):
            await self._offer(gateway)
        try:
            holders = await self._read(routes)
            if isinstance(order, TakeOver) and holders.get(routes[0]) == order.expected:
                ours = [r for r in routes if setup.movable(holders.get(r))]
                failed = await self._steering.point(ours, self._spec.node(self._me).address)
                if failed:
                    parts = "; ".join(f"{route}: {error}" for route, error in failed.items())
                    done = len(ours) - len(failed)
                    text = f"{done} of {len(ours)} routes were led here; refused: {parts}"
                    self._post(RoutesFailed(gateway=gateway, error=text))
                    return
                holders = await self._read(routes)
        except NatgateError as error:
            self._post(RoutesFailed(gateway=gateway, error=str(error)))
            return
        self._post(RoutesRead(gateway=gateway, holders=holders))

    async def _offer(self, gateway: str) -> None:
        """Tell the steering of this node's fitness, and hear whether it can carry the routes."""
        setup = self._gateways[gateway]
        if self._me not in setup.nodes:
            return
        address = self._spec.node(self._me).address
        fit = self._fit.get(gateway)
        reason = await self._steering.offer(setup.routes, address, fit=fit)
        if reason != self.cannot_carry.get(gateway):
            self.cannot_carry[gateway] = reason
            self.changed()

    async def _read(self, routes: tuple[Route, ...]) -> dict[Route, str | None]:
        targets = await self._steering.read(routes)
        return {
            route: self._names.get(target, str(target))
            if isinstance(target, IPv4Address)
            else target
            for route, target in targets.items()
        }
