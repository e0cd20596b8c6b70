"""The list of netstat-nat 1.4.10, with all that it gets wrong: it is what scripts expect."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from natgate.wire.exchange_sort import exchange_sorted
from natgate.wire.nat_kind import SHOWN, Kind, View, kind_of
from natgate.wire.netstat_nat_classic_options import Options
from natgate.wire.netstat_nat_names import Names

_PIECE = 349
_FIELD, _SHORTEST = 15, 14
_NAME = 5
_CACHE = 1 << 17
_STATES = (
    "ESTABLISHED",
    "TIME_WAIT",
    "FIN_WAIT",
    "SYN_RECV",
    "SYN_SENT",
    "UNREPLIED",
    "CLOSE",
    "ASSURED",
)
_LOWER_STATES = tuple((state.lower(), state) for state in _STATES)
_WITH_PORTS = frozenset({"tcp", "udp"})


class Row(NamedTuple):
    """A line of the list before names are looked up."""

    protocol: str
    source: str
    source_port: str
    destination: str
    destination_port: str
    gate: str
    gate_port: str
    state: str


def list_flows(
    lines: Iterable[str], options: Options, names: Names, own: frozenset[str]
) -> Iterator[str]:
    """The list, line by line. `own` are the box's IPv4 addresses, for -L and -R.

    The lines of the table come with their ends, for a line of more than 349 characters is read as
    several, of which those without addresses are blank rows of -R.
    """
    shown, local = SHOWN[options.view], options.view is View.LOCAL
    number = lru_cache(_CACHE)(names.protocol)
    rows = []
    for line in lines:
        for start in range(0, len(line), _PIECE):
            piece = line[start : start + _PIECE].partition("\0")[0]
            row = _row(piece, shown, own, local=local)
            if row is not None and row.protocol.startswith(_BY_NUMBER):
                row = row._replace(protocol=number(row.protocol.removeprefix(_BY_NUMBER))[:_NAME])
            if row is not None and _wanted(row, options):
                rows.append(row)
    column = Row._fields.index(options.column)
    if options.header:
        yield _header(options)
    yield from _lines(exchange_sorted(rows, lambda row: (row[0], row[column])), options, names)


_BY_NUMBER = "unknown  "


def _row(piece: str, shown: tuple[Kind, ...], own: frozenset[str], *, local: bool) -> Row | None:
    source, from_ = _pair(piece, "src=")
    destination, to = _pair(piece, "dst=")
    kind = kind_of(source, destination, from_, to)
    if kind not in shown:
        return None
    if kind is Kind.PLAIN and (source in own or destination in own) is not local:
        return None
    source_port, from_port = _pair(piece, "sport=")
    destination_port, to_port = _pair(piece, "dport=")
    lower = piece.lower()
    protocol, state = _protocol(piece, lower), _state(lower)
    shown_port = destination_port if kind in {Kind.PLAIN, Kind.SNAT} else from_port
    gate = destination if kind is Kind.DNAT else to
    return Row(protocol, source, source_port, from_, shown_port, gate, to_port, state)


def _pair(piece: str, key: str) -> tuple[str, str]:
    first = piece.find(key)
    if first < 0:
        return "", ""
    first += len(key)
    second = piece.find(key, first)
    return _field(piece, first), _field(piece, second + len(key)) if second >= 0 else ""


def _field(piece: str, start: int) -> str:
    """What stands before a blank, up to 15 characters; nothing where the piece ends too early."""
    end = piece.find(" ", start, start + _FIELD)
    if end < 0 and len(piece) - start < _SHORTEST:
        return ""
    return piece[start : start + _FIELD if end < 0 else end]


def _protocol(piece: str, lower: str) -> str:
    for name in ("tcp", "udp", "icmp"):
        if name in lower:
            return name
    found = piece.find(_BY_NUMBER)
    return _BY_NUMBER + _field(piece, found + len(_BY_NUMBER)) if found >= 0 else ""


def _state(lower: str) -> str:
    unseen = "UNREPLIED" if "udp" in lower else ""
    return next((state for sought, state in _LOWER_STATES if sought in lower), unseen)


def _wanted(row: Row, options: Options) -> bool:
    return (
        (not options.protocol or row.protocol[:3] == options.protocol)
        and (options.source is None or row.source == options.source)
        and (options.destination is None or row.destination == options.destination)
    )


def _with_gate(options: Options) -> bool:
    return options.gateway and options.view.translated


def _width(options: Options) -> int:
    return 41 if options.wide else 31


def _header(options: Options) -> str:
    width = _width(options)
    first = "NATed Address" if options.view.translated else "Source Address"
    gate = f"{'NAT-host Address':<{width}}" if _with_gate(options) else ""
    return f"Proto {first:<{width}}{gate}{'Destination Address':<{width}}State \n"


def _lines(rows: Iterable[Row], options: Options, names: Names) -> Iterator[str]:
    width, gated = _width(options), _with_gate(options)

    @lru_cache(_CACHE)
    def host(address: str) -> str:
        return address if options.numeric else names.host(address)

    service = lru_cache(_CACHE)(names.service)

    def end(address: str, port: str, protocol: str) -> str:
        name = port if options.numeric else service(port, protocol)
        text = host(address)[: width - 2 - len(name)]
        return (f"{text}:{name}" if protocol in _WITH_PORTS else text).ljust(width)

    for row in rows:
        protocol = row.protocol
        first = end(row.source, row.source_port, protocol)
        gate = end(row.gate, row.gate_port, protocol) if gated else ""
        last = end(row.destination, row.destination_port, protocol)
        shown = protocol if len(protocol) >= _NAME else f"{protocol:<6}"
        yield f"{shown}{first}{gate}{last}{row.state:<11}\n"
