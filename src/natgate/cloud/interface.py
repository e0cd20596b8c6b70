"""Steering: reading and moving the routes that carry a gateway."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import Protocol

from natgate.model.routes import Route
from natgate.model.view import PathHealth

Target = IPv4Address | str
"""A node's address, or the text of something that is no node."""


class Steering(Protocol):
    """One way to read and move routes."""

    async def read(self, routes: Sequence[Route]) -> Mapping[Route, Target | None]:
        """What each route leads to, None if it does not exist; HostError if it cannot be read."""
        ...

    async def point(self, routes: Sequence[Route], node: IPv4Address) -> Mapping[Route, str]:
        """Lead every route to a node, in order, creating what is missing.

        One that leads to something else than a node, and that natgate did not make, is an error and
        stays. Each route is attempted; the answer holds the error of each that failed.
        """
        ...

    async def refused(self, routes: Sequence[Route]) -> Mapping[Route, str]:
        """Which routes this node would not be allowed to move, and why; nothing is changed."""
        ...

    async def offer(
        self, routes: Sequence[Route], node: IPv4Address, *, fit: bool | None
    ) -> str | None:
        """Say whether a node may carry the routes, where the network also chooses by itself.

        Asked at every reading, and when `fit` changes; None: not known, nothing is changed. It holds
        until it is said anew, also when the agent is dead, and leads no route away from a fit active
        node. The answer is why this node cannot carry the routes, None where nothing stands against
        it. HostError if it cannot be said.
        """
        ...

    async def withdraw(self) -> None:
        """Take away what was made on this node, which leaves; HostError if that is not possible."""
        ...

    def close(self) -> None:
        """Give back what reading and moving needed; routes stay."""
        ...


class Announcer(Protocol):
    """One way to tell a cloud how this node is; each call is a HostError if it was not heard."""

    async def measure(self, *, healthy: bool) -> None:
        """Say it once more: a cloud that hears nothing for a while takes the node for ill."""
        ...

    async def announce(self, health: PathHealth) -> None:
        """Say at once that it has changed."""
        ...

    async def ready(self) -> bool:
        """Say that a new machine may be counted on; False: not known yet whom to tell, ask again."""
        ...

    def close(self) -> None:
        """Give back what telling needed."""
        ...
