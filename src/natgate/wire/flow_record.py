"""Rows of the log, made of columns of conntrack messages."""

import numpy as np

from natgate.model.flow_columns import Columns
from natgate.model.log_rows import ENDED, ROW, Numbers, Rows, prefix_mask
from natgate.model.logged import FULL, NONE
from natgate.model.open_flow import ICMP, IPV4, SOURCE_TRANSLATED, TRANSLATED

_DELETED = 2
_MILLISECOND = 1_000_000

WANTED = [
    "protocol",
    "status",
    "source",
    "source_port",
    "destination",
    "destination_port",
    "reply_source",
    "reply_source_port",
    "reply_destination",
    "reply_destination_port",
    "start_ns",
    "stop_ns",
]
"""The columns that rows are made of."""


def rows_of(columns: Columns, now: int, *, live: int, kept: int) -> Rows:
    """A row for each translated IPv4 flow; `live`: what a message of a flow that has not ended is.

    `now` stands for what the kernel does not say: the end of a live flow, and the start of one
    that began before the kernel was told to note it. `kept`: bits of the peer's address.
    """
    chosen = np.flatnonzero(columns.status & TRANSLATED)
    if columns.family != IPV4:
        chosen = chosen[:0]
    rows = np.zeros(len(chosen), ROW)
    if not len(chosen):
        return rows
    began = (columns.status[chosen] & SOURCE_TRANSLATED) != 0
    echo = columns.protocol[chosen] == ICMP
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
