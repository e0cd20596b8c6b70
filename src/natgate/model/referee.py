"""The words of the referee: what it is told, what it sees in a cloud, and what it has done there.

It runs where only the standard library and boto3 are installed, so these words need no other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Trigger = Literal["launch", "state", "alarm", "peer", "tick"]
"""Why a turn is taken."""

READY_WITHIN = 900
"""Seconds from an instance's launch to its first good check; then its group gives it up."""

Alarm = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
"""What CloudWatch says of a zone."""

Reason = Literal[
    "initial",
    "failover",
    "keep-current",
    "keep-current-all-unhealthy",
    "tentative-all-unhealthy",
    "none-discovered",
    "edge-refused",
]
"""Why a zone is the active one; `edge-refused`: the first route is somebody else's."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TableRoute:
    """A route as the cloud names it: the id of its table, and its destination in canonical form."""

    table: str
    destination: str

    def __str__(self) -> str:
        """As an operator would say it."""
        return f"{self.destination} in {self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefereeShare:
    """Routes that are led to one zone together; the first one says which.

    `zones`: the preferred one first. `addresses`: the node's address in each zone, by which its
    interface is known; a zone without one takes any interface there.
    """

    name: str
    zones: tuple[str, ...]
    routes: tuple[TableRoute, ...]
    addresses: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefereeSetup:
    """What a referee is told once.

    `alarms`: the name of each zone's alarm. `cooldown`: seconds from its start in which an instance
    is not replaced. `deadline`: seconds for one turn, all tries included.
    """

    group: str
    region: str
    asg: str
    alarms: Mapping[str, str]
    shares: tuple[RefereeShare, ...]
    cooldown: float = 300.0
    adopt: bool = False
    deadline: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvent:
    """One event, as far as the referee needs it; `at` is in seconds since 1970.

    `leaving`: the instance is on its way out. `ill`: a node of `zone` says that it cannot forward.
    `mended`: something is no longer as bad as it was, or at least not known to be.
    """

    trigger: Trigger
    kind: str
    at: float | None = None
    instance: str | None = None
    leaving: bool = False
    asg: str | None = None
    alarm: str | None = None
    group: str | None = None
    zone: str | None = None
    ill: bool = False
    mended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A running instance of the group, with its first interface; `launched` in seconds since 1970."""

    zone: str
    interface: str
    instance: str
    launched: float = 0.0
    addresses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a route leads to.

    `ours`: an interface of the group. `gone`: an interface that no longer exists. `foreign`:
    somebody else's. `unread`: not known, because of what `text` says.
    """

    kind: Literal["ours", "gone", "foreign", "unread"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What was read for one turn; a route that does not exist leads to None.

    `since`: when each zone's alarm became what it is, in seconds since 1970, as far as known.
    """

    instances: tuple[Instance, ...]
    alarms: Mapping[str, Alarm]
    routes: Mapping[TableRoute, Target | None]
    since: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteChange:
    """Order: lead a route to an interface."""

    kind: Literal["create", "replace"]
    route: TableRoute
    interface: str
