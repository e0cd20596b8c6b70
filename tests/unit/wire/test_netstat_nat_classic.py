"""The list of netstat-nat 1.4.10."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.wire.netstat_nat_classic import list_flows
from natgate.wire.netstat_nat_classic_options import parse_options
from natgate.wire.netstat_nat_names import Answer
from tests.netstat_nat import CRASHED, OWN, Case, FixedNames, cases

NAMES = FixedNames()
OWN_IPV4 = frozenset(address for address in OWN if ":" not in address)
GATEWAY = next(each for each in cases("1.4.10") if each.name == "mixed-no").lines()
BLANK = " " * 79 + "\n"


def listed(lines: list[str], *arguments: str) -> list[str]:
    """The lines of a list."""
    options = parse_options(arguments, NAMES)
    assert not isinstance(options, Answer)
    return list(list_flows(lines, options, NAMES, OWN_IPV4))


@pytest.mark.parametrize("case", cases("1.4.10"), ids=lambda case: case.name)
def test_the_list_is_that_of_1_4_10(case: Case) -> None:
    """Byte for byte."""
    assert case.code != CRASHED
    answer = parse_options(case.arguments, NAMES)
    if case.table is None:
        return
    if not isinstance(answer, Answer):
        answer = Answer(0, out="".join(list_flows(case.lines(), answer, NAMES, OWN_IPV4)))
    assert answer == Answer(case.code, case.out, case.err)


@pytest.mark.parametrize(("length", "blank"), [(349, 0), (350, 1), (698, 1), (699, 2), (1000, 2)])
def test_a_long_line_is_several(length: int, blank: int) -> None:
    """The pieces without addresses are blank rows of -R."""
    line = f"{'x' * (length - 1)}\n"
    assert listed([line], "-noR") == [BLANK] * (blank + 1)
    assert listed([line], "-no") == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("10.9.0.9 ", "10.9.0.9"),
        ("fd00:0001:0000:0000:0000:0000:0000:0002 ", "fd00:0001:0000:"),
        ("12345678901234", "12345678901234"),
        ("1234567890123", ""),
    ],
)
def test_a_field_is_of_15_characters_and_ends_with_a_blank(value: str, shown: str) -> None:
    """Close to the end of a line it is not read."""
    assert listed([f"icmp src=a dst=b src=b dst={value}"], "-noN")[0].split()[2:] == [
        *([shown] if shown else []),
        "b",
    ]


@pytest.mark.parametrize(
    ("line", "protocol", "state"),
    [
        ("ipv6 10 icmpv6 58", "icmp", ""),
        ("ipv4 2 UDPLITE 136", "udp", "UNREPLIED"),
        ("ipv4 2 sctp 132 close", "", "CLOSE"),
        ("ipv4 2 unknown  50 9", "esp", ""),
        ("ipv4 2 unknown  4 9", "ipenc", ""),
        ("ipv4 2 unknown  253 9", "253", ""),
        ("tcp CLOSE [UNREPLIED]", "tcp", "UNREPLIED"),
        ("udp [ASSURED]", "udp", "ASSURED"),
    ],
)
def test_protocol_and_state_are_sought_in_the_whole_line(
    line: str, protocol: str, state: str
) -> None:
    """Whatever their case, and UDP is unreplied unless it has another state."""
    row = listed([f"{line} src=a dst=b sport=1 dport=2 src=b dst=c sport=2 dport=1 \n"], "-no")[0]
    assert row[:5].strip() == protocol
    assert row[-12:].strip() == state


def test_what_follows_a_nul_is_not_read() -> None:
    """As in any string of C."""
    assert listed(["icmp src=a dst=b src=b \0dst=c \n"], "-noN")[0].split() == ["icmp", "a", "b"]


@given(st.lists(st.text()), st.sampled_from(["-n", "-nL", "-nR", "-N", "-x"]))
def test_any_text_gives_a_list(lines: list[str], option: str) -> None:
    """Never a failure, whatever the file holds."""
    assert listed(lines, option)[0].startswith("Proto ")


@given(
    st.lists(st.sampled_from(GATEWAY)),
    st.sampled_from(["10.1.0.2", "203.0.113.10", "192.0.2.1"]),
    st.sampled_from(["-S", "-D", "-L", "-R", "-n"]),
)
def test_a_filter_lists_a_part_of_the_list(lines: list[str], host: str, view: str) -> None:
    """The list is sorted by protocol and source, and every line of the part is in the whole."""
    whole = listed(lines, "-no", view)
    keys = [(line[:6].strip(), line[6:37].partition(":")[0].strip()) for line in whole]
    assert [key[0] for key in keys] == sorted(key[0] for key in keys)
    part = listed(lines, "-no", view, "-s", host)
    wanted = [line for line in whole if line[6:37].strip().split(":")[0] == host]
    assert sorted(part) == sorted(wanted)
    assert set(listed(lines, "-no", view, "-d", host)) <= set(whole)
    assert set(listed(lines, "-no", view, "-p", "tcp")) <= set(whole)
