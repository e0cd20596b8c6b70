"""The command line of netstat-nat 1.4.10 (manual page netstat-nat(1), July 2002)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from natgate.wire.nat_kind import View
from natgate.wire.netstat_nat_names import Answer, Names, UnknownHostError
from natgate.wire.short_options import BadOptionError, Found, scan

USAGE = """\
args: -h: displays this help
      -n: don't resolve host/portnames
      -p <protocol>        : display connections by protocol
      -s <source-host>     : display connections by source
      -d <destination-host>: display connections by destination
      -S: display SNAT connections
      -D: display DNAT connections (default: SNAT & DNAT)
      -L: display only connections to NAT box itself (doesn't show SNAT & DNAT)
      -R: display only connections routed through the NAT box (doesn't show SNAT & DNAT)
      -x: extended hostnames view
      -r src | dst | src-port | dst-port | state : sort connections
      -o: strip output header
      -N: display NAT box connection information (only valid with SNAT & DNAT)
      -v: print version

      netstat-nat [-S|-D|-L|-R] [-no]
      netstat-nat [-nxo]
"""
COLUMNS = {
    "scr": "source",
    "dst": "destination",
    "src-port": "source_port",
    "dst-port": "destination_port",
    "state": "state",
}
"""What `-r` knows. `src` is spelt `scr` there: it sorts so anyway, until another was named."""

_ACCEPTED = "hnp:s:d:SDLRxor:Nv?"
_UNKNOWN_HOST = 255
_VIEWS = {"": View.NAT, "S": View.SNAT, "D": View.DNAT, "L": View.LOCAL, "R": View.ROUTED}


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be listed, and how."""

    numeric: bool = False
    header: bool = True
    gateway: bool = False
    wide: bool = False
    asked: str = ""
    """Those of S and D that were given, or the last of L and R."""
    column: str = "source"
    protocol: str = ""
    source: str | None = None
    destination: str | None = None

    @property
    def view(self) -> View:
        """Which flows are listed: with -S and -D together none, each turns the other off."""
        return _VIEWS.get(self.asked, View.NOTHING)


def parse_options(arguments: Sequence[str], names: Names) -> Options | Answer:
    """The options of a command line, or what netstat-nat 1.4.10 says instead of a list.

    Help is on standard output and a failure, whether asked for or not. Operands mean nothing.
    """
    options = Options()
    try:
        for found in scan(arguments, _ACCEPTED):
            match found.letter:
                case "h" | "?":
                    return Answer(1, out=USAGE)
                case "v":
                    return Answer(0, out="Version 1.4.10\n")
                case "s" | "d":
                    options = _filtered(options, found, names)
                case _:
                    options = _changed(options, found)
    except BadOptionError as error:
        return Answer(1, out=USAGE, err=f"netstat-nat: {error}\n")
    except UnknownHostError as error:
        return Answer(_UNKNOWN_HOST, out=f"Unknown host: {error}\n")
    return options


def _filtered(options: Options, found: Found, names: Names) -> Options:
    host = found.value or ""
    try:
        address = names.ipv4(host)
    except UnknownHostError:
        raise UnknownHostError(host) from None
    if found.letter == "s":
        return replace(options, source=address)
    return replace(options, destination=address)


def _changed(options: Options, found: Found) -> Options:
    letter, value = found.letter, found.value or ""
    match letter:
        case "p":
            return replace(options, protocol=value[:3])
        case "r":
            return replace(options, column=COLUMNS.get(value, options.column))
        case "L" | "R":
            return replace(options, asked=letter)
        case "S" | "D":
            known = options.asked
            return (
                options if known in {"L", "R", letter} else replace(options, asked=known + letter)
            )
        case _:
            return _switched(options, letter)


def _switched(options: Options, letter: str) -> Options:
    match letter:
        case "n":
            return replace(options, numeric=True)
        case "o":
            return replace(options, header=False)
        case "x":
            return replace(options, wide=True)
        case "N":
            return replace(options, gateway=True)
        case _:
            return options
