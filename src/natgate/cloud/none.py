"""No steering: routes are somebody else's business, or there is one node only."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address

from natgate.cloud.interface import Target
from natgate.model.routes import Route


class NoSteering:
    """A `Steering` under which every route already leads to this node."""

    def __init__(self, node: IPv4Address) -> None:
        self._node = node

    async def read(self, routes: Sequence[Route]) -> Mapping[Route, Target | None]:
        """Every route leads here."""
        return dict.fromkeys(routes, self._node)

    async def point(self, routes: Sequence[Route], node: IPv4Address) -> Mapping[Route, str]:
        """Nothing to move."""
        del routes, node
        return {}

    async def refused(self, routes: Sequence[Route]) -> Mapping[Route, str]:
        """Nothing is moved, so nothing is refused."""
        del routes
        return {}

    async def offer(
        self, routes: Sequence[Route], node: IPv4Address, *, fit: bool | None
    ) -> str | None:
        """Nobody chooses."""
        del routes, node, fit
        return None

    async def withdraw(self) -> None:
        """Nothing was made on this node."""

    def close(self) -> None:
        """Nothing to give back."""
