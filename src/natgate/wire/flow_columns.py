"""Many conntrack messages at once, as columns of numbers.

Messages with the same attributes at the same places share a layout: each is learnt from one message,
and every other one is compared with it word by word, so that a field is one gather for thousands of
flows (research/conntrack.md section 2.2). Kernel: include/uapi/linux/netfilter/nfnetlink_conntrack.h.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from natgate.model.flow_columns import NAMES, Columns, Numbers, room
from natgate.model.open_flow import IPV4, IPV6

Words = NDArray[np.uint32]
_HEAD = 5
"""Words before the first attribute: nlmsghdr and nfgenmsg."""

_WORD = 4
_NESTED, _TYPE = 0x8000, 0x3FFF
_ATTRIBUTE = struct.Struct("=HH")
_TUPLES = {1: "", 2: "reply_"}
_LEAVES: dict[tuple[int, ...], tuple[str, int]] = {
    **{(t, 1, 1): (f"{side}source", 4) for t, side in _TUPLES.items()},
    **{(t, 1, 2): (f"{side}destination", 4) for t, side in _TUPLES.items()},
    **{(t, 1, 3): (f"{side}source", 16) for t, side in _TUPLES.items()},
    **{(t, 1, 4): (f"{side}destination", 16) for t, side in _TUPLES.items()},
    **{(t, 2, 2): (f"{side}source_port", 2) for t, side in _TUPLES.items()},
    **{(t, 2, 3): (f"{side}destination_port", 2) for t, side in _TUPLES.items()},
    **{(t, 2, echo): (f"{side}source_port", 2) for t, side in _TUPLES.items() for echo in (4, 7)},
    (1, 2, 1): ("protocol", 1),
    (3,): ("status", 4),
    **{(4, protocol, 1): ("state", 1) for protocol in (1, 2, 3)},
    (7,): ("timeout", 4),
    (8,): ("mark", 4),
    (9, 1): ("packets", 8),
    (9, 2): ("bytes", 8),
    (10, 1): ("reply_packets", 8),
    (10, 2): ("reply_bytes", 8),
    (12,): ("id", 4),
    (18,): ("zone", 2),
    (20, 1): ("start_ns", 8),
    (20, 2): ("stop_ns", 8),
}
"""What lies at the end of each path of attributes, and its width in bytes; of an echo the id is
its source port."""


def message_starts(words: Words, number: int) -> NDArray[np.int64]:
    """Where each message of a buffer of whole messages begins, in words.

    `number` is the sequence number that all of them bear; where it stands elsewhere as well, or
    not in each, the messages are walked one by one.
    """
    starts = np.flatnonzero(words[2:] == number) if len(words) else np.zeros(0, np.int64)
    if len(starts):
        ends = starts + _words_of(words[starts])
        whole = starts[0] == 0 and ends[-1] == len(words)
        if whole and bool((ends[:-1] == starts[1:]).all()):
            return starts
    return np.fromiter(_walk(words), np.int64)


def _walk(words: Words) -> Iterator[int]:
    at = 0
    while at + _HEAD <= len(words):
        size = int(_words_of(words[at : at + 1])[0])
        if size < _HEAD or at + size > len(words):
            return
        yield at
        at += size


def _words_of(sizes: Words) -> NDArray[np.int64]:
    return (sizes.astype(np.int64) + 3) // 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where the headers of all attributes stand and what they are, and where the leaves are."""

    places: NDArray[np.int64]
    headers: Words
    leaves: tuple[tuple[str, int, int], ...]


class Decoder:
    """Makes columns of messages, and remembers the layouts that it has seen.

    `wanted` names the columns that are filled; all if left out.
    """

    def __init__(self, wanted: Iterable[str] = NAMES) -> None:
        self._wanted = frozenset(wanted) | {"kind"}
        self._layouts: dict[int, list[_Layout]] = {}

    def decode(self, buffer: Words, starts: NDArray[np.int64]) -> Iterator[Columns]:
        """The columns of the messages that begin at `starts` (in words), by address family."""
        families = buffer[starts + 4].view(np.uint8)[::4] if len(starts) else buffer[:0]
        for family in (IPV4, IPV6):
            chosen = starts[families == family]
            if len(chosen):
                yield self._decode(buffer, chosen, family)

    def _decode(self, buffer: Words, starts: NDArray[np.int64], family: int) -> Columns:
        columns = room(len(starts), family, self._wanted)
        columns.kind[:] = buffer[starts + 1].view(np.uint16)[::2].astype(np.uint8)
        sizes = buffer[starts]
        for size in np.unique(sizes).tolist():
            rows = np.flatnonzero(sizes == size)
            known = self._layouts.setdefault(size << 8 | family, [])
            for layout in known:
                rows = self._fill(columns, layout, buffer, starts, rows)
            while len(rows):
                first = int(starts[rows[0]])
                known.append(_learn(buffer[first : first + size // 4], self._wanted))
                rows = self._fill(columns, known[-1], buffer, starts, rows)
        return columns

    def _fill(
        self,
        columns: Columns,
        layout: _Layout,
        buffer: Words,
        starts: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Fill the rows whose messages have a layout; those that are left."""
        heads = buffer[starts[rows][:, None] + layout.places]
        fits = (heads == layout.headers).all(axis=1)
        mine = rows[fits]
        at = starts[mine]
        for name, place, width in layout.leaves:
            getattr(columns, name)[mine] = _gather(buffer, at + place, width)
        rest: NDArray[np.int64] = rows[~fits]
        return rest


def _gather(buffer: Words, at: NDArray[np.int64], width: int) -> Numbers:
    """One field of many messages; the kernel writes numbers with their highest byte first."""
    found: Numbers
    words = buffer.view(">u4")
    if width < _WORD:
        found = buffer.view(f">u{width}")[at * (_WORD // width)]
    elif width == _WORD:
        found = words[at]
    elif width == 2 * _WORD:
        found = words[at].astype(np.uint64) << np.uint64(32) | words[at + 1]
    else:
        found = words[at[:, None] + np.arange(4)]
    return found


def _learn(message: Words, wanted: frozenset[str]) -> _Layout:
    """The layout of one message."""
    heads: list[int] = []
    leaves: list[tuple[str, int, int]] = []
    data = message.tobytes()

    def walk(at: int, end: int, path: tuple[int, ...]) -> None:
        while at + 4 <= end:
            size, kind = _ATTRIBUTE.unpack_from(data, at)
            heads.append(at // 4)
            if size < _ATTRIBUTE.size or at + size > end:
                return
            here = (*path, kind & _TYPE)
            if kind & _NESTED:
                walk(at + 4, at + size, here)
            name, width = _LEAVES.get(here, ("", 0))
            if name in wanted and size - 4 == width:
                leaves.append((name, at // 4 + 1, width))
            at += (size + 3) & ~3

    walk(_HEAD * 4, len(data), ())
    places = np.array(heads, np.int64)
    return _Layout(places=places, headers=message[places], leaves=tuple(leaves))
