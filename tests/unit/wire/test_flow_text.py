"""Flows as people and programs read them."""

import json

import pytest

from natgate.model.open_flow import IPV6
from natgate.wire.flow_text import (
    HEADINGS,
    Shown,
    amount_text,
    as_json,
    cells,
    duration_text,
    end_text,
    grouped,
    table,
)
from tests.unit.open_flows import flow

NOW = 10**18 + 65 * 10**9


def test_a_translated_flow_says_what_each_end_sees() -> None:
    """Where nothing was translated nothing stands."""
    shown = Shown(flow=flow(start_ns=10**18, packets=3, bytes=2000), now=NOW, entry="g/e", node="a")
    assert cells(shown) == (
        "snat", "tcp", "10.0.0.5:40000", "203.0.113.1:2048", "198.51.100.7:443", "-", "established",
        "14m52s", "1m05s", "3", "2k", "g/e", "a",
    )  # fmt: skip
    inward = flow(status=0x2E, protocol=17, reply_source=1, reply_source_port=8080)
    assert cells(Shown(flow=inward, now=NOW))[3:7] == (
        "-", "198.51.100.7:443", "0.0.0.1:8080", "assured",
    )  # fmt: skip


def test_an_echo_has_an_id_on_one_side_and_other_protocols_have_nothing() -> None:
    """An id stands where a port would."""
    echo = flow(protocol=1, destination_port=0, reply_source_port=99, reply_destination_port=0)
    assert cells(Shown(flow=echo, now=NOW))[2:6] == (
        "10.0.0.5:40000", "203.0.113.1:99", "198.51.100.7", "-",
    )  # fmt: skip
    told = as_json(Shown(flow=echo, now=NOW))
    assert (told["source_port"], told["destination_port"], told["address_port"]) == (
        40000,
        None,
        99,
    )
    bare = flow(protocol=47, source_port=0, destination_port=0)
    assert cells(Shown(flow=bare, now=NOW))[2:5] == ("10.0.0.5", "203.0.113.1", "198.51.100.7")
    assert as_json(Shown(flow=bare, now=NOW))["source_port"] is None


def test_columns_are_aligned_and_empty_ones_left_out() -> None:
    """Numbers stand on the right; the heading is bold on a terminal."""
    rows = [cells(Shown(flow=flow(timeout=t), now=NOW)) for t in (5, 3700)]
    assert table(HEADINGS, rows) == (
        "KIND  PROTO  FROM            SEEN AS           TO                STATE         LEFT\n"
        "snat  tcp    10.0.0.5:40000  203.0.113.1:2048  198.51.100.7:443  established     5s\n"
        "snat  tcp    10.0.0.5:40000  203.0.113.1:2048  198.51.100.7:443  established  1h01m\n"
    )
    assert table(("A",), [("x",)], colour=True) == "\033[1mA\033[0m\nx\n"
    assert grouped("client", [("10.0.0.5", 2, 0, 0), ("", 1, 5, 1500)]) == (
        "CLIENT    FLOWS  PACKETS  BYTES\n10.0.0.5      2        -      -\n"
        "-             1        5   1.5k\n"
    )


def test_everything_is_in_the_document() -> None:
    """What the kernel does not tell is null."""
    told = as_json(Shown(flow=flow(), now=NOW, idle=8))
    assert json.loads(json.dumps(told)) == told
    nothing = [name for name, value in told.items() if value is None]
    assert nothing == [
        "entry", "node", "age_s", "packets", "bytes", "reply_packets", "reply_bytes",
    ]  # fmt: skip
    assert (told["client"], told["address"], told["idle_s"]) == ("10.0.0.5", "203.0.113.1", 8)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (60, "1m00s"), (3599, "59m59s"), (3600, "1h00m"), (90_000, "1d01h")],
)
def test_durations_have_two_units_at_most(seconds: int, text: str) -> None:
    """The larger one, and what is left in the next."""
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1000, "1k"), (999_600, "1M"), (1_234_567, "1.23M")],
)
def test_amounts_have_three_digits(number: int, text: str) -> None:
    """With the unit of a thousand, a million and so on."""
    assert amount_text(number) == text


def test_an_ipv6_address_with_a_port_has_brackets() -> None:
    """Or nobody could tell where the port begins."""
    assert end_text(IPV6, 1, 80) == "[::1]:80"
    assert end_text(IPV6, 1, None) == "::1"
