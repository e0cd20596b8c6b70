"""Steering and telling in memory, shipped and tested like the real ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from natgate.cloud.interface import Target
from natgate.model.error import HostError
from natgate.model.routes import Route
from natgate.model.view import PathHealth


@dataclass(slots=True)
class FakeSteering:
    """A `Steering` whose tables can be looked at; `forbidden` routes fail, `away` fails everything."""

    targets: dict[Route, Target] = field(default_factory=dict)
    forbidden: set[Route] = field(default_factory=set)
    offered: dict[Route, bool] = field(default_factory=dict)
    withdrawn: bool = False
    away: bool = False
    closed: bool = False

    async def read(self, routes: Sequence[Route]) -> Mapping[Route, Target | None]:
        """What each route leads to."""
        if self.away:
            raise HostError("the route tables cannot be read")
        return {route: self.targets.get(route) for route in routes}

    async def point(self, routes: Sequence[Route], node: IPv4Address) -> Mapping[Route, str]:
        """Lead every route to a node, but for what somebody else has led to something."""
        foreign = {route for route, target in self.targets.items() if isinstance(target, str)}
        failed = self.forbidden | foreign if not self.away else set(routes)
        for route in routes:
            if route not in failed:
                self.targets[route] = node
        return {route: "refused" for route in routes if route in failed}

    async def refused(self, routes: Sequence[Route]) -> Mapping[Route, str]:
        """The forbidden routes."""
        return {route: "refused" for route in routes if route in self.forbidden or self.away}

    async def offer(
        self, routes: Sequence[Route], node: IPv4Address, *, fit: bool | None
    ) -> str | None:
        """Remember what was said."""
        del node
        if self.away:
            raise HostError("nobody listens")
        if fit is not None:
            self.offered.update(dict.fromkeys(routes, fit))
        return None

    async def withdraw(self) -> None:
        """Remember that it was called."""
        self.withdrawn = True

    def close(self) -> None:
        """Remember that it was called."""
        self.closed = True


@dataclass(slots=True)
class FakeAnnouncer:
    """An `Announcer` that remembers what it was told; `away`: nothing is heard."""

    measured: list[bool] = field(default_factory=list)
    announced: list[PathHealth] = field(default_factory=list)
    asked: int = 0
    known_after: int = 0
    away: bool = False
    closed: bool = False

    async def measure(self, *, healthy: bool) -> None:
        """Remember it."""
        self._hear()
        self.measured.append(healthy)

    async def announce(self, health: PathHealth) -> None:
        """Remember it."""
        self._hear()
        self.announced.append(health)

    async def ready(self) -> bool:
        """Whom to tell is known after `known_after` askings."""
        self._hear()
        self.asked += 1
        return self.asked > self.known_after

    def close(self) -> None:
        """Remember that it was called."""
        self.closed = True

    def _hear(self) -> None:
        if self.away:
            raise HostError("nobody hears")
