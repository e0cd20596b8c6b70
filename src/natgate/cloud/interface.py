"""Steering: reading and moving the routes that carry a gateway."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import Protocol

from natgate.model.routes import Route

Target = IPv4Address | str
"""A node's address, or the text of something that is no node."""


class Steering(Protocol):
    """One way to read and move routes."""

    async def read(self, routes: Sequence[Route]) -> Mapping[Route, Target | None]:
        """What each route leads to, None if it does not exist; HostError if it cannot be read."""
        ...

    async def point(self, routes: Sequence[Route], node: IPv4Address) -> Mapping[Route, str]:
        """Lead every route to a node, in order, creating what is missing.

        Each route is attempted; the answer holds the error of each that failed.
        """
        ...

    async def offer(self, routes: Sequence[Route], *, ready: bool) -> None:
        """Say whether this node may carry the routes, where the steering also chooses by itself.

        It holds until it is said anew, also when the agent is dead. HostError if it cannot be said.
        """
        ...

    def close(self) -> None:
        """Give back what reading and moving needed; routes stay."""
        ...
