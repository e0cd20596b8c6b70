"""The command line of netstat-nat 1.4.10."""

import pytest

from natgate.wire.nat_kind import View
from natgate.wire.netstat_nat_classic_options import USAGE, Options, parse_options
from natgate.wire.netstat_nat_names import Answer
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
        ("-SS", View.SNAT),
        ("-D", View.DNAT),
        ("-SD", View.NOTHING),
        ("-DS", View.NOTHING),
        ("-SDL", View.LOCAL),
        ("-LSD", View.LOCAL),
        ("-LR", View.ROUTED),
    ],
)
def test_two_kinds_of_nat_exclude_each_other(line: str, view: View) -> None:
    """-S with -D is an empty list, and -L and -R switch both off."""
    assert options_of(line).view is view


def test_the_sort_by_source_cannot_be_asked_for() -> None:
    """The word is misspelt, and unknown words change nothing."""
    assert options_of("-r dst -r src").column == "destination"
    assert options_of("-r dst -r scr").column == "source"
    assert options_of("-r gate").column == "source"


def test_switches_are_taken_and_operands_ignored() -> None:
    """Of a protocol three letters count, and the last one given."""
    options = options_of("-noxN file -p udp -ptcpfoo -s alice.lan.example -d 10.1.0.3")
    assert options == Options(
        numeric=True,
        header=False,
        gateway=True,
        wide=True,
        protocol="tcp",
        source="10.1.0.2",
        destination="10.1.0.3",
    )


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("-h", Answer(1, out=USAGE)),
        ("-?", Answer(1, out=USAGE)),
        ("-n -v -z", Answer(0, out="Version 1.4.10\n")),
        ("-z", Answer(1, out=USAGE, err="netstat-nat: invalid option -- 'z'\n")),
        ("-s fd00:1::2 -v", Answer(255, out="Unknown host: fd00:1::2\n")),
        ("-d nobody.example", Answer(255, out="Unknown host: nobody.example\n")),
    ],
)
def test_what_is_no_list_is_answered_at_once(line: str, answer: Answer) -> None:
    """On standard output, the complaints of getopt excepted."""
    assert parse_options(line.split(), NAMES) == answer
