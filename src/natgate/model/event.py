"""Facts that reach the decision, in the past tense."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from natgate.model.claim import Claim
from natgate.model.roles import Unanswered
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
    """This node's own fitness for every gateway; `unchecked` are those not all checks have run for.

    `unanswered` has each gateway whose addresses this node checks now.
    """

    reasons: Mapping[str, Reasons]
    unchecked: frozenset[str] = frozenset()
    unanswered: Unanswered = field(default_factory=dict)


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
    """Who each route of a share leads to: a node's name, another target's text, or None."""

    share: str
    holders: Mapping[Route, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesFailed:
    """The routes of a share could not be read or moved."""

    share: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAnswered:
    """The fence said who owns a share's block; `claim` is None if it did not answer in time."""

    share: str
    claim: Claim | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wished:
    """An operator asked for something on this node: see `model.wish`."""

    key: str
    value: str


Event = (
    Ticked
    | HealthChanged
    | HeartbeatHeard
    | ProbeAnswered
    | RoutesRead
    | RoutesFailed
    | ClaimAnswered
    | Wished
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePeer:
    """Order: ask a silent node's kernel, and send probes through it."""

    peer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRoutes:
    """Order: look up who each route of a share leads to."""

    share: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """Order: lead every route of a share here, if it is still led to `expected`.

    `released`: nobody else gives out ports of its block any more, so this node may as soon as the
    block is its own.
    """

    share: str
    expected: str | None
    reason: str
    released: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimBlock:
    """Order: ask the fence for the block of a share that this node carries."""

    share: str


Order = ProbePeer | ReadRoutes | TakeOver | ClaimBlock
