"""The command line of netstat-nat 2a."""

import pytest

from natgate.wire.nat_kind import View
from natgate.wire.netstat_nat_names import Answer
from natgate.wire.netstat_nat_options import USAGE, Options, parse_options
from tests.netstat_nat import FixedNames

NAMES = FixedNames()


def options_of(line: str) -> Options:
    """The options of a command line that is right."""
    options = parse_options(line.split(), NAMES)
    assert isinstance(options, Options)
    return options


@pytest.mark.parametrize(
    ("line", "view"),
    [
        ("", View.NAT),
        ("-S -D", View.DNAT),
        ("-DS", View.SNAT),
        ("-L -S", View.LOCAL),
        ("-S -R", View.ROUTED),
        ("-RL", View.LOCAL),
    ],
)
def test_the_last_view_counts_and_untranslated_ones_win(line: str, view: View) -> None:
    """-L and -R switch -S and -D off wherever they stand."""
    assert options_of(line).view is view


@pytest.mark.parametrize(
    ("line", "width"),
    [("", 30), ("-x", 40), ("-X", 47), ("-X-3", 47), ("-X0", 0), ("-x -X5", 5), ("-X5 -x", 40)],
)
def test_the_last_width_counts(line: str, width: int) -> None:
    """A width may be any number; a negative one is that of the longest address."""
    assert options_of(line).width == width


def test_switches_and_the_operand_are_taken() -> None:
    """-N is another name of -G, and a dash is a file too."""
    assert options_of("-noN -") == Options(numeric=True, header=False, gateway=True, table="-")
    assert options_of("-G").gateway
    assert options_of("-rgate-port").column == "gate_port"
    assert options_of("-p TCP -p udp,tcp").protocols == {"tcp", "udp,tcp"}


def test_hosts_of_a_list_and_of_more_options_add_up() -> None:
    """Each by any of its addresses."""
    options = parse_options(
        ["-s", "www,10.1.0.2", "-s", "fd00:1:0::2", "-g", "1.1.1.1 2.2.2.2"], NAMES
    )
    assert isinstance(options, Options)
    assert options.sources == frozenset({"203.0.113.10", "10.1.0.2", "fd00:1::2"})
    assert options.destinations is None
    assert options.gates == frozenset({"1.1.1.1", "2.2.2.2"})
    assert options_of("-d www").destinations == frozenset({"203.0.113.10"})


@pytest.mark.parametrize(
    ("line", "err"),
    [
        ("-v", f"netstat-nat: invalid option -- 'v'\n{USAGE}"),
        ("-r age", USAGE),
        ("a b", USAGE),
        ("a b -z", f"netstat-nat: invalid option -- 'z'\n{USAGE}"),
        ("-Xa", "netstat-nat: -Xa: Invalid argument\n"),
        ("-X99999999999", "netstat-nat: -X99999999999: Numerical result out of range\n"),
        ("-s nobody.example", "netstat-nat: nobody.example: Name or service not known\n"),
    ],
)
def test_a_mistake_is_answered_on_standard_error(line: str, err: str) -> None:
    """With exit code 1, and no list."""
    assert parse_options(line.split(), NAMES) == Answer(1, err=err)
