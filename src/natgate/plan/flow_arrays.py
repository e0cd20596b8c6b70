"""Choosing, ordering and counting flows in columns; the same as `plan.flow_rows` does one by one."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from natgate.model.flow_choice import Choice, Network, bounds
from natgate.model.flow_class import EARLIER, NO_BOUNDS, NOTHING, PROBE, Bounds
from natgate.model.flow_columns import NAMES, Columns, Numbers, code_text, echoes, state_codes
from natgate.model.open_flow import (
    DESTINATION_TRANSLATED,
    IPV4,
    KINDS,
    SOURCE_TRANSLATED,
    TRANSLATED,
    OpenFlow,
)
from natgate.plan.flow_names import Names
from natgate.plan.flow_rows import Total

Mask = NDArray[np.bool_]
FIELDS = tuple(name for name in NAMES if name not in {"kind", "stop_ns"})


def kinds(columns: Columns) -> Numbers:
    """The place of each flow's kind in KINDS."""
    found: Numbers = (columns.status & TRANSLATED) >> 4
    return found


def end(columns: Columns, name: str) -> Numbers:
    """A field of OpenFlow that the kernel does not show by itself: client, address, address_port."""
    inward = (columns.status & DESTINATION_TRANSLATED) > 0
    if name == "client":
        return _where(inward, columns.reply_source, columns.source)
    if name == "address":
        return _where(inward, columns.destination, columns.reply_destination)
    echo = echoes(columns)
    seen = np.where(echo, columns.reply_source_port, columns.reply_destination_port)
    wanted = np.where(echo, columns.source_port, columns.destination_port)
    return np.where(inward, wanted, seen)


def _where(mask: Mask, yes: Numbers, no: Numbers) -> Numbers:
    return np.where(mask if yes.ndim == 1 else mask[:, None], yes, no)


def mask(choice: Choice, columns: Columns) -> Mask:
    """Which flows are of a choice, whose families they are of."""
    kind = kinds(columns)
    found: Mask = np.isin(kind, [KINDS.index(each) for each in choice.kinds])
    for name, network in (("source", choice.source), ("reply_source", choice.destination)):
        if network is not None:
            found &= _within(getattr(columns, name), network)
    for name, network in (("client", choice.client), ("address", choice.address)):
        if network is not None:
            found &= _within(end(columns, name), network)
    if choice.without and columns.family == IPV4:
        found &= ~np.isin(columns.source, choice.without)
    return found & _numbers(choice, columns)


def _numbers(choice: Choice, columns: Columns) -> Mask:
    """What is not compared with prefixes."""
    found = np.ones(len(columns), bool)
    if choice.protocol is not None:
        found &= columns.protocol == choice.protocol
    if choice.port is not None:
        found &= end(columns, "address_port") == choice.port
    if choice.mark is not None:
        mark, bits = choice.mark
        found &= columns.mark & np.uint32(bits) == mark & bits
    if choice.zone is not None:
        found &= columns.zone == choice.zone
    if choice.state is not None:
        names, codes = states(columns)
        found &= np.array([name == choice.state for name in names], bool)[codes]
    return found


def _within(numbers: Numbers, network: Network) -> Mask:
    first, last = bounds(network)
    if numbers.ndim == 1:
        return (numbers >= first) & (numbers <= last)
    start, mask_ = (
        np.frombuffer(int(n).to_bytes(16), ">u4") for n in (first, int(network.netmask))
    )
    return np.asarray((numbers & mask_ == start).all(axis=1))


def states(columns: Columns) -> tuple[list[str], Numbers]:
    """The names of states that occur, and the place of each flow's among them."""
    values, codes = np.unique(state_codes(columns), return_inverse=True)
    texts = [code_text(value) for value in values.tolist()]
    names = list(dict.fromkeys(texts))
    return names, np.array([names.index(text) for text in texts], np.int64)[codes]


def order(columns: Columns, key: str) -> NDArray[np.int64]:
    """The places of the flows in order: by a key, then by source, destination and their ports."""
    ports = columns.source_port.astype(np.uint32) << np.uint32(16) | columns.reply_source_port
    keys: list[Numbers] = [columns.protocol, ports]
    if columns.family == IPV4:
        keys.append(columns.source.astype(np.uint64) << np.uint64(32) | columns.reply_source)
    else:
        keys += [*_words(columns.reply_source), *_words(columns.source)]
    keys += _key(columns, key)
    return np.lexsort(keys)


def _key(columns: Columns, key: str) -> list[Numbers]:
    if key == "source":
        return []
    if key in {"client", "address"}:
        return _words(end(columns, key))
    keys: dict[str, Callable[[], Numbers]] = {
        "destination": lambda: columns.reply_source,
        "port": lambda: end(columns, "address_port"),
        "protocol": lambda: columns.protocol,
        "left": lambda: columns.timeout,
        "age": lambda: columns.start_ns - np.uint64(1),  # unknown ones come last
        "packets": lambda: ~(columns.packets + columns.reply_packets),
        "bytes": lambda: ~(columns.bytes + columns.reply_bytes),
    }
    return _words(keys[key]())


def _words(addresses: Numbers) -> list[Numbers]:
    """The least significant first, as numpy orders by several keys."""
    return [addresses] if addresses.ndim == 1 else [addresses[:, i] for i in (3, 2, 1, 0)]


def rows(columns: Columns, which: NDArray[np.int64]) -> list[OpenFlow]:
    """Some of the flows, one by one."""
    taken = columns.take(which)
    values: dict[str, list[Any]] = {}
    for name in FIELDS:
        array = getattr(taken, name)
        values[name] = whole(array) if len(array) else [0] * len(taken)
    return [
        OpenFlow(family=columns.family, **dict(zip(FIELDS, row, strict=True)))
        for row in zip(*(values[name] for name in FIELDS), strict=True)
    ]


def whole(array: Numbers) -> list[int]:
    """Numbers, or addresses of four words, as numbers."""
    if array.ndim == 1:
        return [int(n) for n in array.tolist()]
    return [int.from_bytes(row.tobytes()) for row in array.astype(">u4")]


def totals(columns: Columns, names: list[str], codes: Numbers) -> list[Total]:
    """Flows, packets and bytes of each group; `codes` are places in `names`."""
    flows = np.bincount(codes, minlength=len(names))
    packets, size = (
        np.bincount(codes, weights=(one + other).astype(float), minlength=len(names))
        if len(one)
        else np.zeros(len(names))
        for one, other in (
            (columns.packets, columns.reply_packets),
            (columns.bytes, columns.reply_bytes),
        )
    )
    return [
        Total(name=name, flows=int(f), packets=int(p), bytes=int(b))
        for name, f, p, b in zip(names, flows, packets, size, strict=True)
        if f
    ]


def class_keys(bounds: Bounds, columns: Columns) -> NDArray[np.uint64]:
    """A number for the class of each IPv4 flow: equal where Bounds.class_of is."""
    places = (
        columns.protocol,
        np.searchsorted(np.array(bounds.sources), columns.source, "right"),
        np.searchsorted(np.array(bounds.destinations), columns.destination, "right"),
        np.searchsorted(np.array(bounds.ports), columns.destination_port, "right"),
    )
    key = np.zeros(len(columns), np.uint64)
    for place, bits in zip(places, (8, 20, 20, 16), strict=True):
        key = key << np.uint64(bits) | place.astype(np.uint64)
    return key


class Entries:
    """The entry of each IPv4 flow, from what was told of one flow of each class."""

    def __init__(self, names: Names, columns: Columns) -> None:
        self._names = names
        translated = np.flatnonzero(kinds(columns) > 0)
        keys, first = np.unique(self._keys(columns.take(translated)), return_index=True)
        self._known = keys
        self.examples = rows(columns, translated[first])
        """One translated flow of each class, to be asked for."""

    def settle(self) -> None:
        """The examples have been asked for."""
        bounds = self._names.bounds or NO_BOUNDS
        told = [self._names.told.get(bounds.class_of(flow), NOTHING) for flow in self.examples]
        self.texts = [*dict.fromkeys(each.entry for each in told), PROBE, EARLIER, ""]
        self._labels = np.array([self.texts.index(t.entry) for t in told], np.int64)
        targets = [-1 if each.target is None else each.target for each in told]
        self._targets = np.array(targets, np.int64)
        allowed = [i << 32 | address for i, t in enumerate(told) for address in t.sources]
        self._allowed = np.array(sorted(allowed), np.uint64)

    def places(self, part: Columns) -> Numbers:
        """The place of each flow's entry in `texts`."""
        none = len(self.texts) - 1
        if not len(self._known):
            return np.full(len(part), none)
        found = np.searchsorted(self._known, self._keys(part)).clip(max=len(self._known) - 1)
        label, target = self._labels[found], self._targets[found]
        seen = found.astype(np.uint64) << np.uint64(32) | part.reply_destination
        leaves = ((part.status & SOURCE_TRANSLATED) == 0) | np.isin(seen, self._allowed)
        reached = np.where(target < 0, part.destination.astype(np.int64), target)
        fits = leaves & (reached == part.reply_source)
        fits &= np.array([bool(text) for text in self.texts])[label]
        named = np.where(fits, label, none - 1)
        named = np.where(np.isin(part.source, self._names.probing), none - 2, named)
        return np.where(kinds(part) == 0, none, named)

    def _keys(self, columns: Columns) -> NDArray[np.uint64]:
        return class_keys(self._names.bounds or NO_BOUNDS, columns)


def nodes(names: Names, part: Columns) -> tuple[list[str], Numbers]:
    """The names of nodes, and the place of the one that carries each IPv4 flow; the last is none."""
    texts = [*dict.fromkeys(share.carrier for share in names.shares), ""]
    address, port = end(part, "address"), end(part, "address_port")
    found = np.full(len(part), len(texts) - 1)
    for share in reversed(names.shares):  # a port that is in no share is carried by the first
        found[address == share.address] = texts.index(share.carrier)
    for share in names.shares:
        mine = (address == share.address) & (port >= share.first) & (port <= share.last)
        found[mine] = texts.index(share.carrier)
    return texts, found
