"""The command `netstat-nat`: the lists of netstat-nat 2a and 1.4.10, byte for byte."""

import gc
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TextIO

from natgate.kernel.names import MachineNames, own_addresses
from natgate.wire import netstat_nat, netstat_nat_classic, netstat_nat_options
from natgate.wire import netstat_nat_classic_options as classic_options
from natgate.wire.netstat_nat_names import Answer, Names

TABLES = ("/proc/net/nf_conntrack", "/proc/net/ip_conntrack")
OWN = "NETSTAT_NAT_LOCAL_ADDRS"
STDIN = 0
MODES = ("2a", "1.4.10")
HELP = """\
usage: netstat-nat [--compat 2a|1.4.10] [--table FILE] [options] [FILE]

Lists the connections that the kernel translates, as netstat-nat 2a does or, with
--compat 1.4.10, as netstat-nat 1.4.10 does: same options, columns, order and exit codes.

  --compat MODE  2a (the default) or 1.4.10
  --table FILE   read a saved table instead of /proc/net/nf_conntrack; - is standard input
  --help         this text

  -S, -D         only SNAT, only DNAT
  -L, -R         only connections of the box itself, only those routed through it
  -G, -N         show the address at the gateway as well (1.4.10: -N alone)
  -s, -d HOST    only from, only to a host; 2a: several, apart by commas, names and IPv6 too
  -g HOST        only with that address at the gateway (2a)
  -p PROTOCOL    only one protocol; 2a: may be given several times
  -r COLUMN      sort by src, dst, src-port, dst-port, state; 2a: gate, gate-port too
  -n             no names of hosts and ports
  -o             no header
  -x             wider addresses; 2a: -X[WIDTH] for any width
  -h, -v         help and version (1.4.10)

The addresses of the box are those of this network namespace, or for a saved table those in
the environment variable NETSTAT_NAT_LOCAL_ADDRS (in 2a for every table).

Where this differs from the originals on purpose:
  --compat, --table and --help are ours: both originals refuse them.
  Blank and short lines, on which 2a dies of SIGSEGV, are passed over.
  Plain `conntrack -L` output, on which 2a dies too, is read like `conntrack -L -o extended`.
  1.4.10 sorts in time that grows with the square of the connections; the same order, ties
  included, is found in n log n.
  1.4.10 writes a stray byte of its memory after a protocol's name of five letters or more;
  here nothing stands there.
  Messages begin with netstat-nat however the program was called.
"""
_INTERRUPTED = 130
_NO_TABLE = (
    "Could not read info about connections from the kernel, "
    "make sure netfilter is enabled in kernel or by modules.\n"
)
_HINT = (
    "netstat-nat: Make sure the kernel is configured with CONFIG_NF_CONNTRACK=y or the "
    "nf_conntrack module is loaded, and that /proc is mounted.\n"
)


class Ours(NamedTuple):
    """A command line: what natgate added to it, and what is left for the program that it is."""

    rest: tuple[str, ...]
    mode: str = MODES[0]
    table: str | None = None


def main() -> None:
    """Answer the command line of this process. Exit codes are those of the program that it is."""
    gc.disable()  # a table holds no cycles, and a million rows are long to look through
    try:
        answer = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    sys.exit(answer)


def run(arguments: Sequence[str]) -> int:
    """Answer a command line on standard output and standard error, and give the exit code."""
    ours = _ours(arguments)
    if isinstance(ours, Ours):
        names = MachineNames()
        ours = _list_2a(ours, names) if ours.mode == MODES[0] else _list_classic(ours, names)
    sys.stdout.write(ours.out)
    sys.stdout.flush()
    sys.stderr.write(ours.err)
    return ours.code


def _ours(arguments: Sequence[str]) -> Ours | Answer:
    """Take our three options out of a command line."""
    rest: list[str] = []
    found: dict[str, str] = {}
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *words]
        elif word == "--help":
            return Answer(0, out=HELP)
        elif name in {"--compat", "--table"}:
            given = value if equals else next(words, None)
            if given is None:
                return Answer(1, err=f"netstat-nat: option requires an argument -- '{name}'\n")
            found[name] = given
        else:
            rest.append(word)
    mode = found.get("--compat", MODES[0])
    if mode not in MODES:
        return Answer(1, err=f"netstat-nat: --compat {mode}: write 2a or 1.4.10\n")
    return Ours(tuple(rest), mode, found.get("--table"))


def _list_2a(ours: Ours, names: Names) -> Answer:
    options = netstat_nat_options.parse_options(ours.rest, names)
    if isinstance(options, Answer):
        return options
    if ours.table is not None and options.table is not None:
        return Answer(1, err="netstat-nat: one table, please: --table or an operand\n")
    path = ours.table if options.table is None else options.table
    own: frozenset[str] = frozenset()
    if not options.view.translated:
        own = _named(names) if OWN in os.environ else own_addresses()
    try:
        with _open(TABLES[0] if path is None else path) as lines:
            return _write(netstat_nat.list_flows(lines, options, names, own))
    except BrokenPipeError:
        raise
    except OSError as error:
        shown = TABLES[0] if path is None else path
        hint = _HINT if path is None else ""
        return Answer(1, err=f"netstat-nat: {shown}: {error.strerror}\n{hint}")


def _list_classic(ours: Ours, names: Names) -> Answer:
    options = classic_options.parse_options(ours.rest, names)
    if isinstance(options, Answer):
        return options
    own: frozenset[str] = frozenset()
    if not options.view.translated:
        saved = ours.table is not None and OWN in os.environ
        own = _named(names) if saved else own_addresses()
    own = frozenset(address for address in own if ":" not in address)
    for path in TABLES if ours.table is None else (ours.table,):
        try:
            with _open(path) as lines:
                return _write(netstat_nat_classic.list_flows(lines, options, names, own))
        except BrokenPipeError:
            raise
        except OSError:
            continue
    return Answer(1, out=_NO_TABLE)


def _named(names: Names) -> frozenset[str]:
    return frozenset(map(names.plain, os.environ[OWN].replace(",", " ").split()))


@contextmanager
def _open(path: str) -> Iterator[TextIO]:
    """A table as text of one character for each byte, its line ends kept."""
    place: int | str = STDIN if path == "-" else path
    with open(place, encoding="latin-1", newline="\n", closefd=place != STDIN) as lines:
        yield lines


def _write(lines: Iterable[str]) -> Answer:
    sys.stdout.reconfigure(encoding="latin-1", errors="replace", newline="\n")  # type: ignore[union-attr]
    sys.stdout.writelines(lines)
    return Answer(0)
