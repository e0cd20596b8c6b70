"""Flows of one address family as columns of numbers."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from natgate.model.open_flow import ASSURED, ICMP, ICMPV6, IPV6, SEEN_REPLY, state_text

Numbers = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Flows of one address family: an array for each field, all of one length.

    `kind` is the low byte of the message type: 0 for a flow as it stands, 2 for one that has ended.
    Addresses are numbers for IPv4, and four words each for IPv6. What a flow does not have is 0;
    what was not asked for is empty. Times in nanoseconds since 1970, `timeout` in seconds.
    """

    family: int
    kind: Numbers
    protocol: Numbers
    status: Numbers
    id: Numbers
    source: Numbers
    source_port: Numbers
    destination: Numbers
    destination_port: Numbers
    reply_source: Numbers
    reply_source_port: Numbers
    reply_destination: Numbers
    reply_destination_port: Numbers
    state: Numbers
    timeout: Numbers
    mark: Numbers
    zone: Numbers
    packets: Numbers
    bytes: Numbers
    reply_packets: Numbers
    reply_bytes: Numbers
    start_ns: Numbers
    stop_ns: Numbers

    def __len__(self) -> int:
        """How many flows."""
        return len(self.kind)

    def take(self, which: Numbers | slice) -> "Columns":
        """Some of them, by a mask, by their places, or from one to another."""
        return Columns(
            family=self.family, **{n: a[which] if len(a) else a for n, a in arrays(self).items()}
        )


NAMES = tuple(field.name for field in fields(Columns) if field.name != "family")


def arrays(columns: Columns) -> dict[str, Numbers]:
    """The arrays by name."""
    return {name: getattr(columns, name) for name in NAMES}


def echoes(columns: Columns) -> NDArray[np.bool_]:
    """Which flows have ids of echoes as their ports."""
    return np.asarray((columns.protocol == ICMP) | (columns.protocol == ICMPV6))


def state_codes(columns: Columns) -> NDArray[np.uint32]:
    """A number for what `state_text` says of each flow, which `code_text` reads."""
    protocol, state = (n.astype(np.uint32) for n in (columns.protocol, columns.state))
    answered = columns.status & (SEEN_REPLY | ASSURED)
    return np.asarray(protocol << np.uint32(16) | state << np.uint32(8) | answered)


def code_text(code: int) -> str:
    """The name of a state by its number."""
    return state_text(code >> 16, code >> 8 & 0xFF, code & 0xFF)


def joined(parts: Iterable[Columns], family: int) -> Columns:
    """All flows of one family, in order."""
    found = [arrays(part) for part in parts if part.family == family]
    found = found or [arrays(room(0, family, frozenset(NAMES)))]
    # Column by column, so that none is held twice for long.
    return Columns(
        family=family, **{n: np.concatenate([part.pop(n) for part in found]) for n in NAMES}
    )


_BYTES, _SHORT = ("kind", "protocol", "state"), ("zone", "source_port", "destination_port")
_LONG = ("packets", "bytes", "start_ns", "stop_ns")


def room(count: int, family: int, wanted: frozenset[str]) -> Columns:
    """Zeros for so many flows in the columns that are wanted."""

    def column(name: str) -> Numbers:
        rows, base = count if name in wanted else 0, name.removeprefix("reply_")
        if base in {"source", "destination"} and family == IPV6:
            return np.zeros((rows, 4), np.uint32)
        kinds = ((_BYTES, np.uint8), (_SHORT, np.uint16), (_LONG, np.uint64))
        return np.zeros(rows, next((kind for names, kind in kinds if base in names), np.uint32))

    return Columns(family=family, **{name: column(name) for name in NAMES})
