"""Steering in memory, shipped and tested like the real ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from natgate.cloud.interface import Target
from natgate.model.error import HostError
from natgate.model.routes import Route


@dataclass(slots=True)
class FakeSteering:
    """A `Steering` whose tables can be looked at; `refused` routes fail, `away` fails everything."""

    targets: dict[Route, Target] = field(default_factory=dict)
    refused: set[Route] = field(default_factory=set)
    away: bool = False
    closed: bool = False
    withdrawn: bool = False
    ill: str | None = None
    offered: list[tuple[IPv4Address, bool | None]] = field(default_factory=list)

    async def read(self, routes: Sequence[Route]) -> Mapping[Route, Target | None]:
        """What each route leads to."""
        if self.away:
            raise HostError("the route tables cannot be read")
        return {route: self.targets.get(route) for route in routes}

    async def point(self, routes: Sequence[Route], node: IPv4Address) -> Mapping[Route, str]:
        """Lead every route to a node."""
        failed = self.refused if not self.away else set(routes)
        for route in routes:
            if route not in failed:
                self.targets[route] = node
        return {route: "refused" for route in routes if route in failed}

    async def offer(
        self, routes: Sequence[Route], node: IPv4Address, *, fit: bool | None
    ) -> str | None:
        """Remember what was offered, and answer `ill`."""
        del routes
        self.offered.append((node, fit))
        return self.ill

    async def withdraw(self) -> None:
        """Remember that it was called."""
        if self.away:
            raise HostError("nothing can be withdrawn")
        self.withdrawn = True

    def close(self) -> None:
        """Remember that it was called."""
        self.closed = True
