"""Bandwidth of addresses, with real traffic: each direction is held to the limit."""

from collections.abc import Iterator
from typing import Any

import pytest

from natgate.plan.metrics import Known, measure
from tests.kernel.net import CLIENTS, Net, network
from tests.kernel.traffic import LIMITED, rate, spec_of

LIMIT = 40_000_000
STATUS: dict[str, Any] = {"generation": 0, "gateways": [], "nodes": [], "warnings": []}


@pytest.fixture
def net() -> Iterator[Net]:
    """Client, node and target."""
    with network() as made:
        yield made


@pytest.mark.parametrize("direction", ["out", "in"])
def test_an_address_carries_its_limit_and_no_more(net: Net, direction: str) -> None:
    """TCP gets most of it; an address without a limit is much faster, and nothing of it is dropped."""
    spec = spec_of()
    net.bring(spec)
    with net.node.entered():
        assert net.keeper.bring(spec).changes == ()
    limited = rate(net, CLIENTS[0], direction)
    assert 0.6 * LIMIT <= limited <= 1.1 * LIMIT
    assert rate(net, CLIENTS[1], direction, 1.0) > 5 * LIMIT
    known = Known(version="1", status=STATUS, counters=net.counters())
    over = {
        (s.labels["address"], s.labels["direction"]): s.value
        for s in measure(known)
        if s.name == "natgate_packets_over_bandwidth_total"
    }
    assert over.keys() == {(LIMITED, "in"), (LIMITED, "out")}
    assert over[LIMITED, direction] > 0


def test_a_limit_that_is_taken_away_leaves_nothing(net: Net) -> None:
    """Neither a rule nor a counter, and the address is as fast as any."""
    net.bring(spec_of())
    assert rate(net, CLIENTS[0], "out", 1.0) < 1.1 * LIMIT
    net.bring(spec_of(None))
    assert not [name for name in net.counters() if name.startswith("over_bandwidth")]
    assert rate(net, CLIENTS[0], "out", 1.0) > 5 * LIMIT
