"""Trace events of the kernel, and the listing that says what their handles mean."""

import struct
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.trace import Packet
from natgate.wire.netlink import NESTED, Message, attribute, parse_messages
from natgate.wire.nft_trace import (
    TRACE,
    ListedRule,
    TraceEvent,
    parse_listing,
    parse_trace,
    tables_of,
)
from natgate.wire.probe import Probe, Seen, render_probe

PACKET = Packet(
    protocol="udp",
    source=IPv4Address("10.1.0.1"),
    destination=IPv4Address("203.0.113.9"),
    source_port=5000,
    destination_port=53,
)
DATA = render_probe(Probe(packet=PACKET, token=77, mark=5))
HEAD = struct.pack("=BBH", 2, 0, 0)


def number(value: int, size: int = 4) -> bytes:
    """A number in network order."""
    return (value % (1 << 8 * size)).to_bytes(size)


NAMES = attribute(1, b"natgate\0") + attribute(2, b"postrouting\0")
RULE = NAMES + attribute(3, number(19, 8)) + attribute(4, number(3)) + attribute(6, number(9))
VERDICT = attribute(5 | NESTED, attribute(1, number(-3)) + attribute(2, b"snat.g\0"))
HEADERS = attribute(8, DATA[:20]) + attribute(9, DATA[20:])
PLACES = attribute(10, number(2)) + attribute(12, number(3)) + attribute(14, number(0x4E47))
FLOW = attribute(18, number(11)) + attribute(19, b"\0") + attribute(20, number(0x18))
FLOW += attribute(21, number(8))


def event(body: bytes) -> TraceEvent | None:
    """What is read of attributes."""
    return parse_trace(Message(type=TRACE, body=HEAD + body))


def test_an_event_is_read_with_all_that_the_kernel_tells() -> None:
    """Rule, verdict, headers, links, mark, and on newer kernels the flow."""
    assert event(RULE + VERDICT + HEADERS + PLACES + FLOW) == TraceEvent(
        id=9,
        family="ip",
        table="natgate",
        chain="postrouting",
        kind="rule",
        verdict="jump",
        handle=19,
        target="snat.g",
        seen=Seen(packet=PACKET, token=77, mark=5),
        iif=2,
        oif=3,
        mark=0x4E47,
        ct_id=11,
        ct_direction=0,
        ct_status=0x18,
        ct_state=8,
    )


def test_an_event_of_an_older_kernel_has_no_flow() -> None:
    """What is not told is None, and attributes that nobody knows yet do not matter."""
    found = event(RULE + attribute(99, b"new"))
    assert found is not None
    assert (found.ct_id, found.ct_direction, found.ct_status, found.ct_state) == (None,) * 4
    assert (found.seen, found.iif, found.oif, found.mark, found.target) == (None,) * 5
    assert found.verdict == "continue"


@pytest.mark.parametrize(
    ("code", "word"),
    [
        *(
            (0, "drop"),
            (1, "accept"),
            (2, "stolen"),
            (3, "queue"),
            (-1, "continue"),
            (-5, "return"),
        ),
        *((7 << 16 | 3, "queue"), ((-1 << 16), "drop"), (77, "77")),
    ],
)
def test_a_verdict_has_its_name(code: int, word: str) -> None:
    """Also with the number of a queue, or with an errno."""
    found = event(RULE + attribute(5, attribute(1, number(code))))
    assert found is not None
    assert found.verdict == word


def test_a_policy_is_the_verdict_of_its_chain() -> None:
    """It has no handle."""
    body = NAMES + attribute(4, number(1)) + attribute(6, number(9)) + attribute(16, number(0))
    found = event(body)
    assert found is not None
    assert (found.kind, found.verdict, found.policy, found.handle) == (
        "policy",
        "drop",
        "drop",
        None,
    )


def test_other_families_are_named_and_unknown_ones_numbered() -> None:
    """A table is named by its family as well."""
    for family, name in ((1, "inet"), (77, "77")):
        message = Message(type=TRACE, body=struct.pack("=BBH", family, 0, 0) + RULE)
        found = parse_trace(message)
        assert found is not None
        assert found.family == name


@pytest.mark.parametrize(
    "body",
    [
        NAMES,
        NAMES + attribute(4, number(3)),
        NAMES + attribute(4, number(9)) + attribute(6, number(9)),
        attribute(1, b"t\0") + attribute(4, number(3)) + attribute(6, number(9)),
        NAMES + attribute(4, b"\3") + attribute(6, number(9)),
        RULE[: len(RULE) // 2],
    ],
)
def test_a_truncated_event_is_passed_over(body: bytes) -> None:
    """Without its table, its chain, its kind or its id nothing can be said."""
    assert event(body) is None


def test_other_messages_are_no_events() -> None:
    """Neither another type, nor one without a header."""
    assert parse_trace(Message(type=TRACE + 1, body=HEAD + RULE)) is None
    assert parse_trace(Message(type=TRACE, body=b"\2")) is None


@given(st.binary(max_size=200), st.binary(max_size=60))
def test_any_bytes_are_an_event_or_nothing(body: bytes, tail: bytes) -> None:
    """Nothing that arrives makes the reader fail, not even after a good beginning."""
    for data in (body, HEAD + RULE + tail, HEAD + body):
        found = parse_trace(Message(type=TRACE, body=data))
        assert found is None or found.id >= 0
    for message in parse_messages(Message(type=TRACE, body=HEAD + RULE).render() + body):
        parse_trace(message)


LISTING = """\
table ip natgate { # handle 2 progname python
\tflags owner

\tset inside { # handle 9
\t\ttype ipv4_addr
\t}

\tchain postrouting { # handle 8
\t\ttype nat hook postrouting priority mangle; policy accept;
\t\tip daddr @internal return comment "stays inside" # handle 16
\t\tsnat to ip saddr & 255.255.255.0 map @address24:1025-65535 fully-random comment "sources /24" # handle 19
\t\tsnat to ip saddr map @address32 comment "odd # handle 5" # handle 20
\t}
}
table ip nat { # handle 3
\tchain POSTROUTING { # handle 1
\t\toifname "out" counter packets 3 bytes 90 masquerade # handle 5
\t\tcounter packets 3 bytes 90 xt target "MASQUERADE" # handle 6
\t\tct state new  counter packets 0 bytes 0 drop # handle 7
\t}
}
"""


def test_a_listing_says_what_each_handle_means() -> None:
    """Rules of every table, by table and handle; what stands outside of chains is left out."""
    rules = parse_listing(LISTING)
    assert list(rules) == [
        *(("ip natgate", 16), ("ip natgate", 19), ("ip natgate", 20)),
        *(("ip nat", 5), ("ip nat", 6), ("ip nat", 7)),
    ]
    assert rules["ip nat", 5] == ListedRule(
        table="ip nat", chain="POSTROUTING", handle=5, text='oifname "out" masquerade', comment=""
    )
    assert [rule.name for rule in rules.values()] == [
        *("stays inside", "sources /24", "odd # handle 5"),
        *(f"table ip nat POSTROUTING handle {handle}" for handle in (5, 6, 7)),
    ]
    assert [rule.translates for rule in rules.values()] == [False, True, True, True, True, False]
    assert tables_of(LISTING) == [("ip", "natgate"), ("ip", "nat")]


def test_the_map_of_a_rule_and_the_mask_of_its_keys_are_read() -> None:
    """By them the element is found that gave a source its address."""
    rules = parse_listing(LISTING)
    assert rules["ip natgate", 19].lookup == ("address24", 0xFFFFFF00)
    assert rules["ip natgate", 20].lookup == ("address32", 0xFFFFFFFF)
    assert rules["ip nat", 5].lookup is None


@given(st.text(alphabet='table ip{}\t\n#"handle 0123chain.&@map', max_size=300))
def test_any_text_is_a_listing(listing: str) -> None:
    """A line that means nothing is passed over."""
    for rule in parse_listing(listing).values():
        assert rule.lookup is None or rule.lookup[1] < 2**32
