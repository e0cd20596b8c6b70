"""What a NAT log holds and answers: who used an address and port. Times are ms since 1970."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import IPv4Address

DIRECTORY = "/var/lib/natgate-log"
NONE, FULL = 0, 32
NAMED = {"none": NONE, "full": FULL}
"""How many bits of a destination are kept, by the name that a spec has for it."""


def destinations_text(length: int) -> str | int:
    """The inverse: how a spec says it."""
    return next((name for name, bits in NAMED.items() if bits == length), length)


class Reason(StrEnum):
    """Why the log may lack flows that ended in a gap."""

    KILLED = "killed"
    STOPPED = "stopped"
    OVERRUN = "overrun"
    OVERSIZED = "oversized"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time of which the log is not sure; `stop` is included."""

    start: int
    stop: int
    reason: Reason

    @property
    def loses(self) -> bool:
        """Whether flows that ended in it are missing: after an overrun the kernel says them again."""
        return self.reason is not Reason.OVERRUN


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A start of the log, with what it was told to keep."""

    at: int
    destinations: int
    retention: int
    new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """An end of the log that was asked for: all that had been delivered is in it."""

    at: int


Entry = Run | Stop | Gap
"""What the history of a log consists of."""


class Source(StrEnum):
    """How a use is known: by the flow's end, seen open or new by the log, open now, or by its block."""

    FLOW = "flow"
    OPEN = "open"
    NEW = "new"
    LIVE = "live"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A host that used an address and port: at least from `start` to `stop`, or until now.

    `certain` is false for a flow that was last seen before the asked time and whose end is not in
    the log. `peer` is None where destinations are not kept, and cut to `kept` bits.
    """

    host: IPv4Address
    host_port: int
    protocol: int
    address: IPv4Address
    port: int
    start: int
    stop: int | None
    source: Source
    certain: bool = True
    peer: IPv4Address | None = None
    peer_port: int = 0
    kept: int = NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Asks who used an address and port at a time, give or take `within` milliseconds."""

    address: IPv4Address
    port: int
    at: int
    within: int = 0
    protocol: int | None = None
    peer: IPv4Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A block of ports that a host had, from `since` until `until` (None: it still has)."""

    host: IPv4Address
    address: IPv4Address
    first: int
    last: int
    since: int
    until: int | None = None


def time_text(at: int) -> str:
    """A time as people read it, in UTC: 2026-11-27 14:03:02.250Z."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S}.{at % 1000:03}Z"


def time_of(text: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 time; without a zone it is UTC. ValueError if it is none."""
    found = datetime.fromisoformat(text)
    zoned = found if found.tzinfo else found.replace(tzinfo=UTC)
    return round(zoned.timestamp() * 1000)
