"""Lines of the kernel's table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.wire.proc_conntrack import Ends, Entry, parse_entry

TUPLES = (
    "src=10.1.0.2 dst=203.0.113.10 sport=5 dport=6 packets=1 bytes=60 "
    "src=203.0.113.10 dst=203.0.113.1 sport=6 dport=7 packets=0 bytes=0"
)
OUT, BACK = (
    Ends("10.1.0.2", "203.0.113.10", "5", "6"),
    Ends("203.0.113.10", "203.0.113.1", "6", "7"),
)


@pytest.mark.parametrize("head", ["ipv4     2 tcp      6 99 CLOSE", "tcp      6 CLOSE"])
def test_both_forms_of_a_line_say_the_same(head: str) -> None:
    """`conntrack -L` leaves the family out; offloaded flows have no timeout."""
    assert parse_entry(f"{head} {TUPLES} [ASSURED] use=2\n") == Entry(
        "tcp", "6", OUT, BACK, "CLOSE"
    )


def test_a_protocol_without_ports_has_none() -> None:
    """GRE has keys and ICMP an id, which are no ports."""
    line = "ipv4 2 gre 47 1 src=a dst=b srckey=0x0 dstkey=0x7 src=b dst=c srckey=0x7 dstkey=0x0"
    assert parse_entry(line) == Entry(
        "gre", "47", Ends("a", "b", "", ""), Ends("b", "c", "", ""), ""
    )


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("SYN_SENT2", "SYN_SENT"),
        ("CLOSE_WAIT [ASSURED]", "CLOSE"),
        ("LAST_ACK [ASSURED]", "ASSURED"),
        ("COOKIE_WAIT [UNREPLIED]", "UNREPLIED"),
        ("CLOSE [UNREPLIED]", "CLOSE"),
        ("[HW_OFFLOAD]", ""),
        ("[OFFLOAD]", ""),
        ("NONE", ""),
        ("established", ""),
    ],
)
def test_the_first_word_that_begins_with_a_state_is_the_state(words: str, state: str) -> None:
    """After capitals that begin none of them."""
    entry = parse_entry(f"ipv4 2 tcp 6 99 {TUPLES} {words} use=2")
    assert entry is not None
    assert entry.state == state


@pytest.mark.parametrize(
    "line", ["", "\n", "garbage", "ipv4 2 tcp 6 99 src=1.1.1.1 dst=2.2.2.2 use=2", TUPLES]
)
def test_a_line_without_a_protocol_or_an_answer_says_nothing(line: str) -> None:
    """There is no flow in it."""
    assert parse_entry(line) is None


@given(st.text())
def test_any_text_is_read_or_passed_over(line: str) -> None:
    """Whatever stands in a file that a person saved."""
    entry = parse_entry(line)
    assert entry is None or entry.protocol
