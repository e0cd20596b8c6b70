"""A logged flow as a row of 36 bytes, made of columns of conntrack messages.

`address` and `port` are what the far end sees, an echo's id being its port; `host` is the machine
inside; `peer` is who it spoke with. Times are milliseconds since 1970; addresses are numbers.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from natgate.model.natlog import FULL, NONE

Rows = NDArray[Any]
Numbers = NDArray[Any]

ROW = np.dtype(
    [
        ("start", "<i8"),
        ("stop", "<i8"),
        ("address", "<u4"),
        ("host", "<u4"),
        ("peer", "<u4"),
        ("port", "<u2"),
        ("host_port", "<u2"),
        ("peer_port", "<u2"),
        ("protocol", "u1"),
        ("kind", "u1"),
    ]
)
ENDED, OPEN, NEW = 1, 2, 3
"""A flow that ended; one that was seen open, at least until `stop`; one that began."""

_NEW_FLOW, _DELETED = 0, 2
_SOURCE_TRANSLATED, _TRANSLATED = 0x10, 0x30
_ICMP = 1
_MILLISECOND = 1_000_000


class Columns(Protocol):
    """The columns of many conntrack messages that are needed here."""

    @property
    def kind(self) -> Numbers: ...  # noqa: D102
    @property
    def protocol(self) -> Numbers: ...  # noqa: D102
    @property
    def status(self) -> Numbers: ...  # noqa: D102
    @property
    def source(self) -> Numbers: ...  # noqa: D102
    @property
    def source_port(self) -> Numbers: ...  # noqa: D102
    @property
    def destination(self) -> Numbers: ...  # noqa: D102
    @property
    def destination_port(self) -> Numbers: ...  # noqa: D102
    @property
    def reply_source(self) -> Numbers: ...  # noqa: D102
    @property
    def reply_source_port(self) -> Numbers: ...  # noqa: D102
    @property
    def reply_destination(self) -> Numbers: ...  # noqa: D102
    @property
    def reply_destination_port(self) -> Numbers: ...  # noqa: D102
    @property
    def start_ns(self) -> Numbers: ...  # noqa: D102
    @property
    def stop_ns(self) -> Numbers: ...  # noqa: D102


def rows_of(columns: Columns, now: int, *, live: int, kept: int) -> Rows:
    """A row for each translated IPv4 flow; `live`: what a message of a flow that has not ended is.

    `now` stands for what the kernel does not say: the end of a live flow, and the start of one
    that began before the kernel was told to note it. `kept`: bits of the peer's address.
    """
    chosen = np.flatnonzero(columns.status & _TRANSLATED)
    if columns.source.ndim > 1:
        chosen = chosen[:0]
    rows = np.zeros(len(chosen), ROW)
    if not len(chosen):
        return rows
    began = (columns.status[chosen] & _SOURCE_TRANSLATED) != 0
    echo = columns.protocol[chosen] == _ICMP
    rows["protocol"] = columns.protocol[chosen]
    rows["kind"] = np.where(columns.kind[chosen] == _DELETED, ENDED, live)
    _ends(rows, columns, chosen, began, echo)
    _times(rows, columns.start_ns[chosen], columns.stop_ns[chosen], now)
    _peers(rows, columns, chosen, began, echo, kept)
    return rows


def _ends(rows: Rows, columns: Columns, chosen: Numbers, began: Numbers, echo: Numbers) -> None:
    """The host inside began the flow, or was reached from outside at the address."""
    seen = np.where(echo, columns.reply_source_port[chosen], columns.reply_destination_port[chosen])
    reached = np.where(echo, columns.source_port[chosen], columns.destination_port[chosen])
    rows["address"] = np.where(
        began, columns.reply_destination[chosen], columns.destination[chosen]
    )
    rows["port"] = np.where(began, seen, reached)
    rows["host"] = np.where(began, columns.source[chosen], columns.reply_source[chosen])
    rows["host_port"] = np.where(
        began, columns.source_port[chosen], columns.reply_source_port[chosen]
    )


def _times(rows: Rows, start: Numbers, stop: Numbers, now: int) -> None:
    """The stop is rounded up, so that no moment of a flow is left out."""
    ended = -(-stop.astype("i8") // _MILLISECOND)
    rows["stop"] = np.where(ended, ended, now)
    begun = start.astype("i8") // _MILLISECOND
    rows["start"] = np.where(begun, begun, rows["stop"])


def _peers(
    rows: Rows, columns: Columns, chosen: Numbers, began: Numbers, echo: Numbers, kept: int
) -> None:
    if kept == NONE:
        return
    peer = np.where(began, columns.reply_source[chosen], columns.source[chosen])
    rows["peer"] = peer & np.uint32(prefix_mask(kept))
    if kept == FULL:
        port = np.where(began, columns.reply_source_port[chosen], columns.source_port[chosen])
        rows["peer_port"] = np.where(echo, 0, port)


def prefix_mask(length: int) -> int:
    """The mask of a prefix length."""
    return 0xFFFFFFFF ^ (0xFFFFFFFF >> length)
