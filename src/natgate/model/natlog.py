"""The NAT log, as the operator wants it, and what it answers: who used an address and port.

Log of address mappings: RFC 6888, section 4, and RFC 6302. Times are milliseconds since 1970.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from natgate.model.fields import Duration, Model, Port

DIRECTORY = "/var/lib/natgate-log"
NONE, FULL = 0, 32
_NAMED = {"none": NONE, "full": FULL}


def _length(value: object) -> object:
    """Read none, full, or how many bits of a destination are kept."""
    if isinstance(value, str) and value in _NAMED:
        return _NAMED[value]
    if isinstance(value, int) and not isinstance(value, bool) and NONE < value < FULL:
        return value
    raise ValueError("write none, full, or a prefix length from 1 to 31, such as 24")


def destinations_text(length: int) -> str | int:
    """The inverse: how a spec says it."""
    return next((name for name, bits in _NAMED.items() if bits == length), length)


Destinations = Annotated[
    int,
    BeforeValidator(_length),
    PlainSerializer(destinations_text, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "none"},
                {"const": "full"},
                {"type": "integer", "minimum": 1, "maximum": 31},
            ],
            "examples": ["none", 24],
        }
    ),
]


class Collector(Model):
    """Where NAT events are sent as IPFIX (RFC 7011, RFC 8158), in the clear."""

    address: IPv4Address = Field(description="the collector's address")
    port: Port = Field(default=4739, description="the port that IANA gave to IPFIX")
    protocol: Literal["udp", "tcp"] = Field(default="udp", description="how it is reached")
    domain: int = Field(
        default=1, ge=1, le=0xFFFFFFFF, description="observation domain: give each node its own"
    )
    templates: Duration = Field(
        default=60.0, description="how often templates are sent again, over UDP"
    )


class Log(Model):
    """What `natgate log run` keeps of every translated flow, and for how long."""

    directory: str = Field(
        default=DIRECTORY,
        pattern=r"^/[A-Za-z0-9._/-]+$",
        description="where it is kept; of one run at a time",
    )
    new: bool = Field(
        default=False,
        description="log a flow also when it begins: twice the records, and answers after a kill",
    )
    destinations: Destinations = Field(
        default=NONE,
        description="whether destinations are kept: none, as RFC 6888 (REQ-12) advises; full; or a "
        "prefix length, to which they are cut, without the port",
    )
    port_blocks: Literal["per-block", "per-flow"] = Field(
        default="per-block",
        description="per-block: flows of hosts with a block of ports (snat[].block_size) are not "
        "logged one by one, only who has which block since when; per-flow: they are",
    )
    retention: Duration = Field(default=2592000.0, description="how long a record is kept")
    rotate_interval: Duration = Field(
        default=3600.0, description="after how long the journal becomes a compressed file"
    )
    rotate_flows: int = Field(
        default=2_000_000,
        ge=1000,
        le=20_000_000,
        description="after how many records it does so earlier; 36 bytes each until then",
    )
    buffer: int = Field(
        default=64, ge=1, le=1024, description="MiB that events may wait in, in the kernel"
    )
    textfile: str | None = Field(
        default=None,
        pattern=r"^/[A-Za-z0-9._/-]+\.prom$",
        description="file for node_exporter's textfile collector, with the log's own metrics",
    )
    interval: Duration = Field(default=15.0, description="how often that file is written")
    ipfix: Collector | None = Field(default=None, description="a collector that is told as well")


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
