"""The list of netstat-nat 2a: which flows, in which order, in which columns."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from natgate.wire.nat_kind import SHOWN, Kind, View, kind_of
from natgate.wire.netstat_nat_names import Names
from natgate.wire.netstat_nat_options import Options
from natgate.wire.proc_conntrack import Entry, parse_entry

_CACHE = 1 << 17


class Row(NamedTuple):
    """A line of the list before names are looked up; rows compare as ties are broken."""

    protocol: str
    source: str
    destination: str
    source_port: str
    destination_port: str
    state: str
    gate: str
    gate_port: str


def list_flows(
    lines: Iterable[str], options: Options, names: Names, own: frozenset[str]
) -> Iterator[str]:
    """The list, line by line. `own` are the box's addresses in canonical text, for -L and -R.

    A line of the table that cannot be read, on which the original dies, is passed over.
    """
    plain = lru_cache(_CACHE)(names.plain)
    box = _Box(own, plain, SHOWN[options.view], local=options.view is View.LOCAL)
    filters = _filters(options)
    rows = []
    for line in lines:
        entry = parse_entry(line)
        row = None if entry is None else _row(entry, names, box)
        if row is not None and _wanted(row, options.protocols, filters, plain):
            rows.append(row)
    column = Row._fields.index(options.column)
    rows.sort(key=None if column == 1 else lambda row: (row[0], row[column], row))
    if options.header:
        yield _header(options)
    yield from _lines(rows, options, names, plain)


class _Box(NamedTuple):
    addresses: frozenset[str]
    plain: Callable[[str], str]
    shown: tuple[Kind, ...]
    local: bool

    def has(self, entry: Entry) -> bool:
        """Whether an end of an untranslated flow is the box itself."""
        ends = entry.original
        return (
            self.plain(ends.source) in self.addresses
            or self.plain(ends.destination) in self.addresses
        )


def _row(entry: Entry, names: Names, box: _Box) -> Row | None:
    out, back = entry.original, entry.reply
    kind = kind_of(out.source, out.destination, back.source, back.destination)
    if kind not in box.shown:
        return None
    protocol = entry.protocol
    if protocol == "unknown":
        protocol = names.protocol(entry.number)
    if kind is Kind.PLAIN:
        if box.has(entry) is not box.local:
            return None
        to, to_port, gate, gate_port = back.source, out.destination_port, "", ""
    elif kind is Kind.SNAT:
        to, to_port = out.destination, out.destination_port
        gate, gate_port = back.destination, back.destination_port
    else:
        to, to_port = back.source, back.source_port
        gate = out.destination if kind is Kind.DNAT else back.destination
        gate_port = back.destination_port
    return Row(protocol, out.source, to, out.source_port, to_port, entry.state, gate, gate_port)


Filters = tuple[tuple[int, frozenset[str]], ...]


def _filters(options: Options) -> Filters:
    """The places in a row that must hold one of some addresses."""
    asked = (("source", options.sources), ("destination", options.destinations))
    every = (*asked, ("gate", options.gates))
    return tuple((Row._fields.index(name), held) for name, held in every if held is not None)


def _wanted(
    row: Row, protocols: frozenset[str], filters: Filters, plain: Callable[[str], str]
) -> bool:
    if protocols and row.protocol.lower() not in protocols:
        return False
    return all(plain(row[place]) in held for place, held in filters)


def _header(options: Options) -> str:
    width = options.width
    first = "NATed Address" if options.view.translated else "Source Address"
    gate = f"{'Gateway Address':<{width}} " if _with_gate(options) else ""
    return f"Proto {first:<{width}} {gate}{'Destination Address':<{width}} State\n"


def _with_gate(options: Options) -> bool:
    return options.gateway and options.view.translated


def _lines(
    rows: Iterable[Row], options: Options, names: Names, plain: Callable[[str], str]
) -> Iterator[str]:
    width, gated = options.width, _with_gate(options)

    @lru_cache(_CACHE)
    def host(address: str) -> str:
        return plain(address) if options.numeric else names.host(plain(address))

    service = lru_cache(_CACHE)(names.service)

    def end(address: str, port: str, protocol: str) -> str:
        shown = port if options.numeric or not port else service(port, protocol)
        return f"{cut(host(address), shown, width):<{width}} "

    for row in rows:
        protocol = row.protocol
        first = end(row.source, row.source_port, protocol)
        gate = end(row.gate, row.gate_port, protocol) if gated else ""
        last = end(row.destination, row.destination_port, protocol)
        yield f"{protocol:<5} {first}{gate}{last}{row.state}\n"


def cut(name: str, port: str, width: int) -> str:
    """A name and a port, where the name gives way; an IPv6 address with a port in brackets.

    Where not even the port fits, nothing is cut at all.
    """
    if not port:
        return name[:width]
    opening, closing = ("[", "]:") if ":" in name else ("", ":")
    room = width - len(opening) - len(closing) - len(port)
    return f"{opening}{name if room < 0 else name[:room]}{closing}{port}"
