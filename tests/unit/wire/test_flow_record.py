"""Rows of the log out of columns of conntrack messages."""

from dataclasses import replace
from typing import Any

import pytest

from natgate.model.log_rows import ENDED, NEW, OPEN
from natgate.model.logged import FULL, NONE
from natgate.model.open_flow import IPV6
from natgate.wire.flow_record import rows_of
from tests.unit.wire.columns import columns, number, reached, sent

NOW = 5000


def row(flow: dict[str, int], *, live: int = OPEN, kept: int = FULL) -> dict[str, Any]:
    """The one row of a flow."""
    (found,) = rows_of(columns(flow), NOW, live=live, kept=kept)
    return {name: int(found[name]) for name in found.dtype.names}


def test_a_flow_from_inside_is_logged_with_what_the_far_end_saw() -> None:
    """The address and port after translation; the start rounded down, the stop up."""
    assert row(sent()) == {
        "start": 1000,
        "stop": 2001,
        "address": number("203.0.113.1"),
        "port": 2000,
        "host": number("10.1.0.10"),
        "host_port": 5000,
        "peer": number("198.51.100.7"),
        "peer_port": 53,
        "protocol": 17,
        "kind": ENDED,
    }


def test_a_flow_from_outside_is_logged_with_the_host_that_it_reached() -> None:
    """The address and port before translation, and who came."""
    found = row(reached())
    assert (found["address"], found["port"]) == (number("203.0.113.1"), 443)
    assert (found["host"], found["host_port"]) == (number("10.1.0.10"), 8443)
    assert (found["peer"], found["peer_port"]) == (number("198.51.100.7"), 40000)


@pytest.mark.parametrize(
    ("flow", "port"),
    [
        (sent(protocol=1, reply_source_port=77, reply_destination_port=0), 77),
        (reached(protocol=1, source_port=78, destination_port=0), 78),
    ],
)
def test_an_echo_has_its_id_for_a_port(flow: dict[str, int], port: int) -> None:
    """The id that the far end sees; the far end has none of its own."""
    assert (row(flow)["port"], row(flow)["peer_port"]) == (port, 0)


def test_an_untranslated_flow_is_no_row() -> None:
    """Nobody outside saw an address of the gateway."""
    assert len(rows_of(columns(sent(status=0x0E)), NOW, live=OPEN, kept=FULL)) == 0
    found = rows_of(columns(sent(status=0), reached()), NOW, live=OPEN, kept=FULL)
    assert found["port"].tolist() == [443]


def test_ipv6_is_left_out() -> None:
    """Natgate translates IPv4 only."""
    wide = replace(columns(sent()), family=IPV6)
    assert len(rows_of(wide, NOW, live=OPEN, kept=FULL)) == 0


def test_a_live_flow_is_known_until_now() -> None:
    """What is asked for is what it is logged as; without a start it is known at this moment."""
    found = row(sent(kind=0, stop_ns=0), live=OPEN)
    assert (found["kind"], found["start"], found["stop"]) == (OPEN, 1000, NOW)
    found = row(sent(kind=0, stop_ns=0, start_ns=0), live=NEW)
    assert (found["kind"], found["start"], found["stop"]) == (NEW, NOW, NOW)


def test_destinations_are_kept_as_far_as_asked_for() -> None:
    """None, a prefix without the port, or all."""
    assert (row(sent(), kept=NONE)["peer"], row(sent(), kept=NONE)["peer_port"]) == (0, 0)
    cut = row(sent(), kept=24)
    assert (cut["peer"], cut["peer_port"]) == (number("198.51.100.0"), 0)
