"""`natgate flows` for tables of hundreds of thousands: columns instead of single flows."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple

import numpy as np

from natgate.cli.flow_names import Naming
from natgate.cli.flows import LARGE, NOTHING, Asked, shown, write_flows, write_groups
from natgate.kernel import flow_table
from natgate.model.flow_choice import families
from natgate.model.flow_columns import NAMES, Columns, Numbers, joined
from natgate.model.open_flow import IPV4, OpenFlow, address_text, protocol_text
from natgate.plan import flow_arrays, flow_rows
from natgate.plan.flow_rows import Total
from natgate.wire.flow_matrix import BLOCK, Column, Table
from natgate.wire.flow_text import HEADINGS, NONE, cells, grouped, table

_ENDS = frozenset(
    (
        "kind",
        "protocol",
        "status",
        "state",
        "timeout",
        "start_ns",
        *tuple(f"{side}{end}" for side in ("", "reply_") for end in ("source", "destination")),
        *tuple(f"{side}{end}_port" for side in ("", "reply_") for end in ("source", "destination")),
    )
)
_COUNTS = frozenset(("packets", "bytes", "reply_packets", "reply_bytes"))


def show(asked: Asked, naming: Naming) -> None:
    """List, count or write the flows that are asked for."""
    found = [Chosen(columns, naming) for columns in _read(asked)]
    found = [each.named(asked.named) for each in found if len(each.columns)]
    if asked.by is not None:
        groups = _groups(found, asked.by, asked.sort, asked.top)
        if asked.as_json or asked.as_csv:
            write_groups(asked.by, groups, as_csv=asked.as_csv)
        else:
            sys.stdout.write(grouped(asked.by, map(astuple, groups), colour=asked.colour))
        return
    count = sum(len(each.columns) for each in found)
    most = count if asked.top is None else min(asked.top, count)
    if asked.as_json or asked.as_csv:
        rows = _rows(found, asked.sort, most)
        write_flows(shown(rows, naming), most, as_csv=asked.as_csv)
    elif not most:
        sys.stdout.write(NOTHING)
    elif most <= LARGE:
        lines = [cells(each) for each in shown(_rows(found, asked.sort, most), naming)]
        sys.stdout.write(table(HEADINGS, lines, colour=asked.colour))
    else:
        for each in found:
            each.write(asked.sort, most)
            most -= len(each.columns)


class Chosen:
    """The flows of one address family, with the names of their entries and nodes."""

    def __init__(self, columns: Columns, naming: Naming) -> None:
        self.columns = columns
        self._naming = naming
        self._entries: flow_arrays.Entries | None = None

    @property
    def entries(self) -> flow_arrays.Entries:
        """What the agent says of one flow of each class."""
        if self._entries is None:
            self._entries = flow_arrays.Entries(self._naming.names, self.columns)
            self._naming.learn(self._entries.examples)
            self._entries.settle()
        return self._entries

    def named(self, wanted: dict[str, str | None]) -> "Chosen":
        """Those of an entry and of a node."""
        found = self
        for by, name in wanted.items():
            if name is not None:
                texts, places = found.group(by)
                kept = places == texts.index(name) if name in texts else np.zeros(len(places), bool)
                found = Chosen(found.columns.take(kept), self._naming)
        return found

    def group(self, by: str) -> tuple[list[str], Numbers]:
        """The names of groups, and the place of each flow's."""
        columns = self.columns
        if by in {"entry", "node"}:
            if columns.family != IPV4:
                return [""], np.zeros(len(columns), np.int64)
            if by == "node":
                return flow_arrays.nodes(self._naming.names, columns)
            return self.entries.texts, self.entries.places(columns)
        if by == "state":
            return flow_arrays.states(columns)
        if by == "protocol":
            values, places = np.unique(columns.protocol, return_inverse=True)
            return [protocol_text(value) for value in values.tolist()], places
        numbers = columns.reply_source if by == "destination" else flow_arrays.end(columns, by)
        values, places = np.unique(numbers, axis=0, return_inverse=True)
        texts = [address_text(columns.family, n) for n in flow_arrays.whole(values)]
        return texts, places.ravel()

    def rows(self, sort: str, most: int) -> Iterator[OpenFlow]:
        """The flows in order, one by one."""
        order = flow_arrays.order(self.columns, sort)[:most]
        for first in range(0, len(order), BLOCK):
            found = flow_arrays.rows(self.columns, order[first : first + BLOCK])
            self._naming.learn(found)
            yield from found

    def write(self, sort: str, most: int) -> None:
        """The table in large pieces."""
        order = flow_arrays.order(self.columns, sort)[:most]
        nothing = Column(texts=[NONE], places=lambda part: np.zeros(len(part), np.int64))
        entries = nodes = nothing
        if self.columns.family == IPV4 and self._naming.names.bounds is not None:
            names, found = self._naming.names, self.entries
            entries = Column(texts=[t or NONE for t in found.texts], places=found.places)
            texts = flow_arrays.nodes(names, self.columns.take(order[:1]))[0]
            nodes = Column(
                texts=[t or NONE for t in texts],
                places=lambda part: flow_arrays.nodes(names, part)[1],
            )
        for piece in Table(self.columns, order, entries, nodes, time.time_ns()).lines():
            sys.stdout.buffer.write(piece)


def _rows(found: list[Chosen], sort: str, most: int) -> Iterator[OpenFlow]:
    """In each family the first ones are enough to have the first of all."""
    if len(found) == 1:
        yield from found[0].rows(sort, most)
    else:
        every = [flow for each in found for flow in each.rows(sort, most)]
        yield from flow_rows.ordered(every, sort)[:most]


def _groups(found: list[Chosen], by: str, sort: str, top: int | None) -> list[Total]:
    merged: dict[str, Total] = {}
    for each in found:
        for total in flow_arrays.totals(each.columns, *each.group(by)):
            before = merged.get(total.name)
            merged[total.name] = total if before is None else before.plus(total)
    return flow_rows.largest(merged.values(), sort, top)


def _read(asked: Asked) -> Iterator[Columns]:
    """The columns of each family, as soon as they are read; not more columns than are needed."""
    wanted = set(_ENDS)
    if flow_table.accounted():
        wanted |= _COUNTS
    if asked.as_json or asked.as_csv:
        wanted |= set(NAMES) - {"stop_ns"}
    choice = asked.choice
    wanted |= {"mark"} if choice.mark is not None else set()
    wanted |= {"zone"} if choice.zone is not None else set()
    parts: list[Columns] = []
    say = _progress()
    for columns in flow_table.columns(choice, wanted):
        kept = flow_arrays.mask(choice, columns)
        parts.append(columns if kept.all() else columns.take(kept))
        say(len(columns))
    say(0)
    for family in families(choice):
        mine = [part for part in parts if part.family == family]
        parts = [part for part in parts if part.family != family]
        yield joined(_handed_over(mine), family)


def _handed_over(parts: list[Columns]) -> Iterator[Columns]:
    """Each part, which nobody else keeps."""
    parts.reverse()
    while parts:
        yield parts.pop()


def _progress() -> Callable[[int], None]:
    """On a terminal, how many flows have been read; nothing stays of it."""
    count, began = 0, time.monotonic()

    def say(more: int) -> None:
        nonlocal count
        count += more
        if sys.stderr.isatty() and time.monotonic() - began > 1:
            text = f"{count:,} flows read" if more else ""
            sys.stderr.write(f"\r\033[K{text}")
            sys.stderr.flush()

    return say
