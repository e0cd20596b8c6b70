"""Facts that reach the decision, in the past tense."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from natgate.model.routes import Route
from natgate.model.view import NodeView, Reasons


class Probe(Enum):
    """What an answered probe of a silent node has proven."""

    KERNEL = "its kernel answers"
    FORWARDING = "it forwards and translates"
    UPSTREAM = "the upstream answers through it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """Time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChanged:
    """This node's own fitness for every gateway; `unchecked` are those not all checks have run for."""

    reasons: Mapping[str, Reasons]
    unchecked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatHeard:
    """A peer spoke, authenticated and fresh."""

    peer: str
    view: NodeView


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswered:
    """A probe of a node came back; `gateway` says whose upstream answered."""

    peer: str
    probe: Probe
    gateway: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesRead:
    """Who each route of a gateway leads to: a node's name, another target's text, or None."""

    gateway: str
    holders: Mapping[Route, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesFailed:
    """The routes of a gateway could not be read or moved."""

    gateway: str
    error: str


Event = Ticked | HealthChanged | HeartbeatHeard | ProbeAnswered | RoutesRead | RoutesFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePeer:
    """Order: ask a silent node's kernel, and send probes through it."""

    peer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRoutes:
    """Order: look up who each route of a gateway leads to."""

    gateway: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """Order: lead every route of a gateway here, if it is still led to `expected`."""

    gateway: str
    expected: str | None
    reason: str


Order = ProbePeer | ReadRoutes | TakeOver
