"""A packet on its way, hop by hop, and the source that its target sees."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

Protocol = Literal["tcp", "udp", "icmp"]

Verdict = Literal["sent", "forwarded", "translated", "delivered", "dropped", "lost"]
"""`dropped`: a rule forbids it. `lost`: no route takes it on, or nobody is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """The first packet of a flow.

    ICMP: an echo request, its id is the source port. A port is None where it is not known, as
    after a translation to a port that the kernel draws.
    """

    protocol: Protocol
    source: IPv4Address
    destination: IPv4Address
    source_port: int | None = None
    destination_port: int | None = None

    def __str__(self) -> str:
        """Source and destination, each with its port if it has one."""
        return f"{self.from_text} -> {self.to_text}"

    @property
    def from_text(self) -> str:
        """The source; an ICMP id is no port."""
        port = None if self.protocol == "icmp" else self.source_port
        return str(self.source) if port is None else f"{self.source}:{port}"

    @property
    def to_text(self) -> str:
        """The destination."""
        port = self.destination_port
        return str(self.destination) if port is None else f"{self.destination}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """What one host does with the packet."""

    host: str
    role: str
    link: str | None = None
    """It came in by this link; None where it began."""
    table: str | None = None
    prefix: IPv4Network | None = None
    next_hop: str | None = None
    out: str | None = None
    verdict: Verdict
    entry: str | None = None
    """Gateway and entry of the spec that translates or forbids it."""
    rule: str | None = None
    """The comment of our rule, or `table chain handle N` of a foreign one."""
    after: Packet
    """As it leaves; as it came where it does not leave."""
    sources: tuple[IPv4Address, ...] = ()
    """Every source that it may have from here on, where the entry has several addresses."""
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How a packet left a node in a dry run, or arrived at its target when it was observed."""

    source: IPv4Address | None
    """None if it did not."""
    destination: IPv4Address | None = None
    destination_port: int | None = None
    foreign: tuple[str, ...] = ()
    """Rules of tables that are not natgate's and took part: `table chain handle N`."""
    where: str | None = None
    """Where it ended, in words, if it went no further; else where it became what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One packet from its host to its end; a source is None if the target gets nothing.

    `dry_run` and `observed` are None as well if nobody tried: `tried` names those that were.
    """

    begins: Packet
    hops: tuple[Hop, ...]
    predicted: IPv4Address | None
    """The source at the target; the first one of `possible`."""
    possible: tuple[IPv4Address, ...] = ()
    """Every source at the target that the spec allows, where it leaves a choice to the kernel."""
    dry_run: IPv4Address | None = None
    observed: IPv4Address | None = None
    tried: tuple[Literal["dry_run", "observed"], ...] = ()
    match: bool | None = None
    """None: there is nothing to compare the prediction with."""
    reason: str | None = None
    query: "Trace | None" = None
    """The same for the DNS query before it, if a name was asked for."""
