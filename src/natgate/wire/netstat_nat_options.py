"""The command line of netstat-nat 2a (manual page of netstat-nat-ng, Debian 13)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from natgate.wire.nat_kind import View
from natgate.wire.netstat_nat_names import Answer, Names, UnknownHostError
from natgate.wire.short_options import BadOptionError, Found, scan

USAGE = (
    "usage: netstat-nat [-no] [-x|-X[width]] {[-G] [-S|-D]}|[-L|-R] [-s ource]..."
    " [-d estination]... [-g ateway]... [-p rotocol]..."
    " [-r src|dst|src-port|dst-port|state|gate|gate-port] [nf_conntrack]\n"
)
COLUMNS = {
    "src": "source",
    "dst": "destination",
    "src-port": "source_port",
    "dst-port": "destination_port",
    "state": "state",
    "gate": "gate",
    "gate-port": "gate_port",
}
"""What `-r` knows, and the field of a row that it sorts by."""

WIDTH, WIDE, WIDEST = 30, 40, 47
_ACCEPTED = "nSDLRxX::oNGp:s:d:g:r:"
_VIEWS = {"S": View.SNAT, "D": View.DNAT, "L": View.LOCAL, "R": View.ROUTED}
_NUMBER = re.compile(r"\s*([+-]?[0-9]+)")
_LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be listed, and how."""

    numeric: bool = False
    header: bool = True
    gateway: bool = False
    width: int = WIDTH
    view: View = View.NAT
    column: str = "source"
    protocols: frozenset[str] = frozenset()
    """In lower case; none means all."""
    sources: frozenset[str] | None = None
    destinations: frozenset[str] | None = None
    gates: frozenset[str] | None = None
    table: str | None = None
    """The operand: a file, or `-` for standard input."""


def parse_options(arguments: Sequence[str], names: Names) -> Options | Answer:
    """The options of a command line, or what netstat-nat 2a says instead of a list.

    The last of -S, -D, -L and -R counts, and of -x and -X; -L and -R win over the other two. Operands
    are looked at after all options.
    """
    options, operands = Options(), []
    try:
        for found in scan(arguments, _ACCEPTED):
            if not found.letter:
                operands.append(found.value)
                continue
            changed = _changed(options, found, names)
            if isinstance(changed, Answer):
                return changed
            options = changed
    except BadOptionError as error:
        return Answer(1, err=f"netstat-nat: {error}\n{USAGE}")
    if len(operands) > 1:
        return Answer(1, err=USAGE)
    return replace(options, table=operands[0]) if operands else options


def _changed(options: Options, found: Found, names: Names) -> Options | Answer:
    value = found.value or ""
    match found.letter:
        case "s" | "d" | "g" as letter:
            return _filtered(options, letter, value, names)
        case "r":
            column = COLUMNS.get(value)
            return Answer(1, err=USAGE) if column is None else replace(options, column=column)
        case "X":
            return _wide(options, found.value)
        case letter:
            return _switched(options, letter, value)


def _switched(options: Options, letter: str, value: str) -> Options:
    match letter:
        case "p":
            return replace(options, protocols=options.protocols | {value.lower()})
        case "n":
            return replace(options, numeric=True)
        case "o":
            return replace(options, header=False)
        case "x":
            return replace(options, width=WIDE)
        case "G" | "N":
            return replace(options, gateway=True)
        case _:
            return _viewed(options, _VIEWS[letter])


def _viewed(options: Options, view: View) -> Options:
    weaker = view.translated and not options.view.translated
    return options if weaker else replace(options, view=view)


def _wide(options: Options, value: str | None) -> Options | Answer:
    if value is None:
        return replace(options, width=WIDEST)
    number = _NUMBER.fullmatch(value)
    if number is None:
        return Answer(1, err=f"netstat-nat: -X{value}: Invalid argument\n")
    width = int(number[1])
    if abs(width) > _LARGEST:
        return Answer(1, err=f"netstat-nat: -X{value}: Numerical result out of range\n")
    return replace(options, width=WIDEST if width < 0 else width)


def _filtered(options: Options, letter: str, value: str, names: Names) -> Options | Answer:
    found: set[str] = set()
    for host in value.replace(",", " ").split():
        try:
            found.update(names.addresses(host))
        except UnknownHostError as error:
            return Answer(1, err=f"netstat-nat: {host}: {error}\n")
    match letter:
        case "s":
            return replace(options, sources=_more(options.sources, found))
        case "d":
            return replace(options, destinations=_more(options.destinations, found))
        case _:
            return replace(options, gates=_more(options.gates, found))


Item = TypeVar("Item")


def _more(known: frozenset[Item] | None, found: Iterable[Item]) -> frozenset[Item]:
    return (known or frozenset()) | frozenset(found)
