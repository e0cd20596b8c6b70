"""Hundreds of thousands of flows as the same table that `wire.flow_text` makes of a few.

Each column is a matrix of bytes: labels that were written once are gathered for every flow, so that
no line is formatted by itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from natgate.model.flow_columns import Columns, Numbers, code_text, echoes, state_codes
from natgate.model.open_flow import (
    DESTINATION_TRANSLATED,
    IPV4,
    KINDS,
    SOURCE_TRANSLATED,
    TRANSLATED,
    WITH_PORTS,
    address_text,
    protocol_text,
)
from natgate.wire.flow_text import HEADINGS, NONE, RIGHT, amount_text, duration_text

Matrix = NDArray[np.uint8]
Places = Callable[[Columns], Numbers]
"""Where the text of each flow of a part of the table stands among the texts of its column."""

BLOCK = 100_000
"""Flows that are written at once."""

_SPACE, _LINE_FEED = ord(" "), ord("\n")
_SECOND_NS = 1_000_000_000
_NO_PORT = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """The texts that occur in a column, and where each flow's is; `ports` follow addresses."""

    texts: list[str]
    places: Places
    ports: Places | None = None
    highest_port: int = 0


class Table:
    """The table of many flows, in an order of their places; `now` in nanoseconds since 1970.

    Columns may be a little wider than they had to be.

    `entries` and `nodes` are the columns that the kernel knows nothing of.
    """

    def __init__(
        self, columns: Columns, order: NDArray[np.int64], entries: Column, nodes: Column, now: int
    ) -> None:
        self._columns = columns
        self._order = order
        found = zip(HEADINGS, _cells(columns, entries, nodes, now), strict=True)
        said = {name: column for name, column in found if set(column.texts) - {NONE}}
        self._cells = {name: _Cell(column, len(name)) for name, column in said.items()}

    def lines(self) -> Iterator[bytes]:
        """The heading, and the flows in large pieces."""
        cells = self._cells.items()
        words = (n.rjust(c.width) if n in RIGHT else n.ljust(c.width) for n, c in cells)
        yield f"{'  '.join(words).rstrip()}\n".encode()
        for part in self._parts():
            pieces = [cell.render(part, right=name in RIGHT) for name, cell in cells]
            yield _joined(pieces, self._blanks(part))

    def _blanks(self, part: Columns) -> NDArray[np.int64]:
        """How many blanks each line would end with."""
        name, cell = list(self._cells.items())[-1]
        return np.zeros(len(part), np.int64) if name in RIGHT else cell.width - cell.ends(part)

    def _parts(self) -> Iterator[Columns]:
        for first in range(0, len(self._order), BLOCK):
            yield self._columns.take(self._order[first : first + BLOCK])


class _Cell:
    """One column, ready to be gathered; wide enough for its heading and for each of its texts."""

    def __init__(self, column: Column, least: int) -> None:
        self._column = column
        self._lengths = np.array([len(text) for text in column.texts], np.int64)
        self._texts = _matrix(column.texts)
        ports = 0 if column.ports is None else len(f":{column.highest_port}")
        self.width = max(least, int(self._lengths.max()) + ports)

    def render(self, part: Columns, *, right: bool) -> Matrix:
        """The texts of a part of the table, each in its line."""
        places = self._column.places(part)
        out = np.full((len(part), self.width + _PORTS.shape[1]), _SPACE, np.uint8)
        texts = self._texts[:, : self.width]
        out[:, : texts.shape[1]] = texts[places]
        if self._column.ports is not None:
            ports, lengths = self._column.ports(part), self._lengths[places]
            for length in np.unique(lengths).tolist():
                rows = np.flatnonzero(lengths == length)
                out[rows, length : length + _PORTS.shape[1]] = _PORTS[ports[rows]]
        if right:
            place = np.arange(self.width) - (self.width - self.ends(part))[:, None]
            moved = np.take_along_axis(out, np.maximum(place, 0), axis=1)
            out = np.where(place < 0, np.uint8(_SPACE), moved)
        return np.asarray(out[:, : self.width])

    def ends(self, part: Columns) -> NDArray[np.int64]:
        """The length of each text, of a column without ports."""
        return np.asarray(self._lengths[self._column.places(part)])


def _joined(parts: list[Matrix], blanks: NDArray[np.int64]) -> bytes:
    """The cells of each line with two blanks between them, no blank at the end, and a line feed."""
    count = len(parts[0])
    gap = np.full((count, 2), _SPACE, np.uint8)
    whole = np.concatenate([piece for part in parts for piece in (part, gap)], axis=1)[:, :-1]
    ends = whole.shape[1] - 1 - blanks
    whole[np.arange(count), ends] = _LINE_FEED
    if not blanks.any():
        return whole.tobytes()
    kept: Matrix = whole[np.arange(whole.shape[1]) <= ends[:, None]]
    return kept.tobytes()


def _matrix(texts: list[str]) -> Matrix:
    width = max(map(len, texts), default=0)
    data = "".join(text.ljust(width) for text in texts).encode()
    return np.frombuffer(data, np.uint8).reshape(len(texts), width)


_PORT_TEXTS = [f":{port}" for port in range(_NO_PORT)] + [""]
_PORTS = _matrix(_PORT_TEXTS)


def _cells(columns: Columns, entries: Column, nodes: Column, now: int) -> Iterator[Column]:
    yield Column(texts=list(KINDS), places=lambda part: (part.status & TRANSLATED) >> 4)
    yield _labels(columns, lambda part: part.protocol, protocol_text)
    yield _addresses(columns, "source", "source_port")
    yield _addresses(columns, "reply_destination", "reply_destination_port", SOURCE_TRANSLATED)
    yield _addresses(columns, "destination", "destination_port")
    yield _addresses(columns, "reply_source", "reply_source_port", DESTINATION_TRANSLATED)
    yield _labels(columns, state_codes, code_text)
    yield _labels(columns, lambda part: part.timeout, duration_text)
    yield _labels(columns, partial(_age, now=now), lambda s: NONE if s < 0 else duration_text(s))
    for amount in (_packets, _bytes):
        yield _labels(columns, amount, lambda n: NONE if n < 0 else amount_text(n))
    yield from (entries, nodes)


def _labels(columns: Columns, numbers: Places, text: Callable[[int], str]) -> Column:
    """A column of texts that follow from a number."""
    values = np.unique(numbers(columns))
    texts = [text(value) for value in values.tolist()]
    return Column(texts=texts, places=lambda part: np.searchsorted(values, numbers(part)))


def _addresses(columns: Columns, name: str, port: str, bit: int | None = None) -> Column:
    """A column of addresses with ports; where the status has not the bit, nothing stands."""
    echo_port = "reply_source_port" if name == "reply_destination" else port
    with_echo = name in {"source", "reply_destination"}
    shown = slice(None) if bit is None else columns.status & bit > 0
    values = _distinct(getattr(columns, name)[shown])
    texts = [address_text(columns.family, address) for address in values.numbers]
    bare = len(texts)
    if columns.family != IPV4:
        texts += [f"[{text}]" for text in texts]
    nothing = len(texts)

    def hidden(part: Columns) -> Numbers:
        return np.zeros(len(part), bool) if bit is None else part.status & bit == 0

    def ported(part: Columns) -> Numbers:
        echo = echoes(part)
        return ~hidden(part) & np.where(echo, with_echo, _ported(part))

    def places(part: Columns) -> Numbers:
        found = values.places(getattr(part, name))
        if columns.family != IPV4:
            found = found + bare * ported(part)
        return np.where(hidden(part), nothing, found)

    def ports(part: Columns) -> Numbers:
        own = np.where(echoes(part), getattr(part, echo_port), getattr(part, port))
        return np.where(ported(part), own.astype(np.int64), _NO_PORT)

    highest = max(int(getattr(columns, each).max(initial=0)) for each in {port, echo_port})
    return Column(texts=[*texts, NONE], places=places, ports=ports, highest_port=highest)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Distinct:
    """The addresses that occur, in order."""

    keys: Numbers
    numbers: list[int]

    def places(self, addresses: Numbers) -> Numbers:
        """Where addresses stand among them."""
        return np.asarray(np.searchsorted(self.keys, _keys(addresses)))


def _distinct(addresses: Numbers) -> _Distinct:
    keys = np.unique(_keys(addresses))
    numbers = [
        int.from_bytes(k.ljust(16, b"\0")) if addresses.ndim > 1 else k for k in keys.tolist()
    ]
    return _Distinct(keys=keys, numbers=numbers)


def _keys(addresses: Numbers) -> Numbers:
    """Something that orders like addresses: of four words their bytes, without zeros at the end."""
    if addresses.ndim == 1:
        return addresses
    return np.asarray(np.ascontiguousarray(addresses.astype(">u4")).view("S16").ravel())


def _ported(part: Columns) -> Numbers:
    named: Numbers = np.isin(part.protocol, list(WITH_PORTS))
    return named | ((part.source_port | part.destination_port) > 0)


def _age(part: Columns, now: int) -> Numbers:
    """Whole seconds; -1 where nobody noted when a flow began."""
    if not len(part.start_ns):
        return np.full(len(part), -1)
    start = part.start_ns.astype(np.int64)
    return np.where(start == 0, -1, np.maximum(0, now - start) // _SECOND_NS)


def _packets(part: Columns) -> Numbers:
    """-1 where the kernel counts nothing."""
    if not len(part.packets):
        return np.full(len(part), -1)
    total = (part.packets + part.reply_packets).astype(np.int64)
    return np.where(total == 0, -1, total)


def _bytes(part: Columns) -> Numbers:
    if not len(part.packets):
        return np.full(len(part), -1)
    total = (part.bytes + part.reply_bytes).astype(np.int64)
    return np.where(_packets(part) < 0, -1, total)
