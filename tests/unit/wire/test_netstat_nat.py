"""The list of netstat-nat 2a."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.wire.netstat_nat import cut, list_flows
from natgate.wire.netstat_nat_names import Answer
from natgate.wire.netstat_nat_options import parse_options
from tests.netstat_nat import CRASHED, OWN, Case, FixedNames, cases

NAMES = FixedNames()
GATEWAY = next(each for each in cases("2a") if each.name == "mixed-no").lines()
SOURCES = ["10.1.0.2", "10.1.0.3", "203.0.113.10", "fd00:1::2", "192.0.2.1"]


def listed(lines: list[str], *arguments: str) -> list[str]:
    """The lines of a list."""
    options = parse_options(arguments, NAMES)
    assert not isinstance(options, Answer)
    return list(list_flows(lines, options, NAMES, OWN))


def flow(
    protocol: str = "tcp", out: str = "a s 5 6", back: str = "s g 6 5", state: str = ""
) -> str:
    """A line of the table from the four words of each direction."""
    ends = ["src={} dst={} sport={} dport={}".format(*each.split()) for each in (out, back)]
    return f"ipv4     2 {protocol:<8} 6 99 {state} {ends[0]} {ends[1]} use=2\n"


def address_of(line: str) -> str:
    """The source address of a line of a list."""
    words = line.split()
    with_port = words[0] in {"tcp", "udp", "sctp"}
    return (words[1].rpartition(":")[0] if with_port else words[1]).strip("[]")


@pytest.mark.parametrize("case", cases("2a"), ids=lambda case: case.name)
def test_the_list_is_that_of_2a(case: Case) -> None:
    """Byte for byte; where 2a dies, all lines that can be read are listed."""
    answer = parse_options(case.arguments, NAMES)
    if case.table is None:
        return
    if not isinstance(answer, Answer):
        answer = Answer(0, out="".join(list_flows(case.lines(), answer, NAMES, OWN)))
    if case.code == CRASHED:
        assert answer.code == 0
        assert answer.out.count("\n") == 3
    else:
        assert answer == Answer(case.code, case.out, case.err)


@pytest.mark.parametrize(
    ("name", "port", "width", "text"),
    [
        ("10.1.0.2", "80", 30, "10.1.0.2:80"),
        ("10.1.0.2", "80", 7, "10.1:80"),
        ("10.1.0.2", "80", 3, ":80"),
        ("10.1.0.2", "80", 2, "10.1.0.2:80"),
        ("10.1.0.2", "", 2, "10"),
        ("10.1.0.2", "", 0, ""),
        ("2001:db8::10", "80", 30, "[2001:db8::10]:80"),
        ("2001:db8::10", "80", 9, "[2001]:80"),
        ("2001:db8::10", "80", 4, "[2001:db8::10]:80"),
        ("2001:db8::10", "", 30, "2001:db8::10"),
    ],
)
def test_the_name_gives_way_to_the_port(name: str, port: str, width: int, text: str) -> None:
    """Unless not even the port fits: then nothing is cut."""
    assert cut(name, port, width) == text


def test_ties_are_broken_by_all_that_is_known() -> None:
    """By source, destination, their ports, state, gateway and its port; as text, not as numbers."""
    ordered = [
        flow(out="a s 40 6", back="s g 6 5"),
        flow(out="a s 5 6", back="s g 6 50"),
        flow(out="a s 5 6", back="s g 6 7"),
        flow(out="a s 5 6", back="s h 6 1"),
        flow(out="a s 5 6", back="s g 6 5", state="CLOSE"),
        flow(out="b s 4 6", back="s g 6 5"),
        flow("udp", "a s 1 6", "s g 6 5"),
    ]
    expected = [line for each in ordered for line in listed([each], "-noN")]
    assert listed(ordered[::-1], "-noN") == expected
    first = listed(ordered, "-noN", "-r", "gate")[0]
    assert "h:1" not in first


@pytest.mark.parametrize(
    ("out", "back", "gate"),
    [("a s 5 6", "s g 6 7", "g:7"), ("a g 5 6", "s a 8 5", "g:5"), ("a g 5 6", "s h 8 9", "h:9")],
)
def test_the_gateway_is_where_the_answer_goes(out: str, back: str, gate: str) -> None:
    """Of DNAT alone it is what the client had asked for, with the client's own port."""
    assert listed([flow(out=out, back=back)], "-noG")[0].split()[2] == gate


def test_a_flow_without_a_gateway_has_none_to_be_sought_by() -> None:
    """-g lists no plain flow."""
    plain = flow(out="a s 5 6", back="s a 6 5")
    assert len(listed([plain], "-noR")) == 1
    assert listed([plain], "-noR", "-g", "1.1.1.1") == []


def test_plain_conntrack_output_is_read_too() -> None:
    """`conntrack -L` has no family in front."""
    short = [line.split(None, 2)[2] for line in GATEWAY]
    assert listed(short, "-nN") == listed(GATEWAY, "-nN")


@given(st.lists(st.text()), st.sampled_from(["-n", "-nL", "-nR", "-nX5", "-N"]))
def test_any_text_gives_a_list(lines: list[str], option: str) -> None:
    """Never a failure, whatever the file holds."""
    assert listed(lines, option)[0].startswith("Proto ")


@given(st.lists(st.sampled_from(GATEWAY)), st.sampled_from(SOURCES), st.sampled_from("SDLR"))
def test_a_filter_lists_a_part_of_the_list_in_order(lines: list[str], host: str, view: str) -> None:
    """Every line of it is in the whole list, and the order of the table does not matter."""
    whole = listed(lines, "-no", f"-{view}")
    assert whole == listed(lines[::-1], "-no", f"-{view}")
    assert [line.split()[0] for line in whole] == sorted(line.split()[0] for line in whole)
    part = listed(lines, "-no", f"-{view}", "-s", host)
    assert part == [line for line in whole if address_of(line) == host]
    assert set(listed(lines, "-no", f"-{view}", "-p", "TCP")) <= set(whole)
