"""Which flows are touched, so that their replicas live as long as they do."""

from collections.abc import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.plan.refresh import LOOKS, MARGIN, ROUND, SLOW_ROUND, due, pace


def test_a_flow_that_was_just_sent_is_not_touched() -> None:
    """A new flow was replicated when it began, at the earliest right after the last look."""
    known, touched = due({}, [("f", 120.0)], 0.0, since_start=True)
    assert (known, touched) == ({"f": 120.0 - ROUND}, [])


def test_a_live_flow_is_touched_before_its_replica_expires() -> None:
    """Packets keep the flow at its full time, and the replica hears of it once in a while."""
    known: dict[Hashable, float] = {}
    touches = 0
    for round_ in range(60):
        now = round_ * ROUND
        known_now, touched = due(known, [("f", 120.0)], now, since_start=True)
        assert known_now["f"] > now
        known = dict(known_now)
        touches += len(touched)
    assert 4 <= touches <= 8


def test_an_idle_flow_is_left_to_expire() -> None:
    """Where the flow itself runs out, its replica may too."""
    known: dict[Hashable, float] = {"f": 100.0}
    for now in (70.0, 80.0, 90.0, 99.0):
        _, touched = due(known, [("f", 100.0 - now)], now, since_start=True)
        assert touched == []


def test_a_gone_flow_is_forgotten() -> None:
    """The memory is no larger than the table."""
    assert due({"gone": 5.0}, [], 0.0, since_start=True) == ({}, [])


def test_after_a_restart_every_flow_is_touched_once() -> None:
    """What the last agent had sent is not known."""
    flows = [("udp", 100.0), ("tcp", 900.0)]
    known, touched = due({}, flows, 0.0, since_start=False)
    assert touched == ["udp", "tcp"]
    assert due(known, flows, ROUND, since_start=True)[1] == []


@pytest.mark.parametrize("every", [ROUND, SLOW_ROUND])
@pytest.mark.parametrize("timeout", [3.5, 12, 4320])
def test_a_flow_in_use_never_loses_its_replica(every: float, timeout: float) -> None:
    """Also one that began right after a look, at which the replica had its full time."""
    full = timeout * every
    replica = 0.001 + full
    known: dict[Hashable, float] = {}
    for round_ in range(1, 30):
        now = round_ * every
        assert replica >= now
        after, touched = due(known, [("f", full)], now, since_start=True, every=every)
        known = dict(after)
        replica = now + full if touched else replica


@given(st.lists(st.floats(2 * ROUND + 1, 900), min_size=1, max_size=60))
def test_no_replica_expires_while_its_flow_lives(left: list[float]) -> None:
    """Whatever time the flow has at each look, its replica never falls behind by more than a margin."""
    known: dict[Hashable, float] = {}
    for round_, seconds in enumerate(left):
        now = round_ * ROUND
        after, _ = due(known, [("f", seconds)], now, since_start=True)
        known = dict(after)
        ends = now + seconds
        assert known["f"] >= min(ends, now + 2 * ROUND) - MARGIN


def test_looks_are_as_frequent_as_the_shortest_timeout_needs() -> None:
    """And no rarer than usual, however long the time-outs are."""
    assert pace((60.0, 900.0), ROUND) == ROUND
    assert pace((60.0, 2.0), ROUND) == 0.5
    assert pace((), SLOW_ROUND) == SLOW_ROUND


@given(st.integers(2, 900), st.lists(st.floats(0.5, 1), min_size=1, max_size=60))
def test_a_flow_used_twice_within_its_timeout_never_loses_its_replica(
    timeout: int, left: list[float]
) -> None:
    """However short the time-out is: at each look the flow has at least half of it left."""
    every = timeout / LOOKS
    known: dict[Hashable, float] = {}
    replica = float(timeout)
    for round_, part in enumerate(left, 1):
        now = round_ * every
        assert replica > now
        flow = ("f", part * timeout)
        after, touched = due(known, [flow], now, since_start=True, every=every)
        known = dict(after)
        replica = now + part * timeout if touched else replica
