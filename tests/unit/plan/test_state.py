"""What the decision remembers, and what follows from it."""

from dataclasses import replace

import pytest

from natgate.model.view import GatewayView, NodeView, ShareView
from natgate.model.wish import MAINTENANCE, OFF, ON, Wish, drain
from natgate.plan.state import (
    NO_WORD,
    PeerState,
    active,
    begin,
    drained,
    in_maintenance,
    share_setup,
    speaks,
    word_of,
)
from tests.unit.plan.setups import TIMEOUT, holders, setup

BEGUN = begin(setup("a"), 5.0)


def test_a_node_begins_with_what_outlived_its_last_agent() -> None:
    """Wishes and the ports that its rules give out are known; all else is to be found out."""
    wishes = {MAINTENANCE: Wish(number=3, value=ON)}
    state = begin(setup("a"), 5.0, wishes=wishes, handing_out=frozenset({"g", "gone"}))
    assert (state.started, state.stepped, state.wishes) == (5.0, 5.0, wishes)
    assert state.shares.keys() == {"g"}
    assert state.shares["g"].hands_out
    assert not BEGUN.shares["g"].hands_out
    assert (BEGUN.wishes, BEGUN.peers) == ({}, {"b": PeerState()})


def test_who_is_active_is_known_once_the_routes_were_read() -> None:
    """The first route alone tells; before a reading, and without routes, nobody is known."""
    assert active(BEGUN, "g") is None
    read = replace(BEGUN.shares["g"], holders=holders("b", edge="a"))
    assert active(replace(BEGUN, shares={"g": read}), "g") == "a"
    bare = begin(setup("a", routes=()), 0.0)
    assert active(replace(bare, shares={"g": replace(read, holders={})}), "g") is None


def test_a_node_speaks_until_the_timeout() -> None:
    """This node always speaks; a peer does if it was heard in time, and a stranger never."""
    state = replace(BEGUN, peers={"b": PeerState(heard=5.0)})
    assert speaks(state, "a", 99.0)
    assert speaks(state, "b", 4.99 + TIMEOUT)
    assert not speaks(state, "b", 5.01 + TIMEOUT)
    assert not speaks(BEGUN, "b", 5.0)
    assert not speaks(state, "x", 5.0)


def test_the_last_word_of_a_peer_counts() -> None:
    """Of a share that a peer has not spoken of, and of a stranger, there is no word."""
    said = ShareView(active="b", epoch=3, hands_out=True)
    told = NodeView(gateways={"g": GatewayView()}, shares={"g": said})
    state = replace(BEGUN, peers={"b": PeerState(heard=5.0, view=told)})
    assert word_of(state, "b", "g") == said
    assert word_of(state, "b", "h") == word_of(state, "x", "g") == NO_WORD


@pytest.mark.parametrize(("said", "true"), [(ON, True), (OFF, False)])
def test_wishes_are_on_or_off(said: str, *, true: bool) -> None:
    """Maintenance and draining hold from the word on until the word off."""
    wishes = {key: Wish(number=1, value=said) for key in (MAINTENANCE, drain("b"))}
    state = begin(setup("a"), 0.0, wishes=wishes)
    assert (in_maintenance(state), drained(state, "b")) == (true, true)
    assert not drained(state, "a")
    assert not in_maintenance(BEGUN)


def test_a_share_is_found_by_its_name() -> None:
    """Its home is its first node, and only routes that lead to nodes may be moved."""
    share = share_setup(BEGUN, "g")
    assert (share.home, share_setup(begin(setup("b", "ba"), 0.0), "g").home) == ("a", "b")
    assert [share.movable(h) for h in (None, "a", "b", "x", "192.0.2.1")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert replace(share, former=("x",)).movable("x")


def test_times_follow_from_the_heartbeat() -> None:
    """A silent peer is probed before the timeout, and the lease is longer than two readings."""
    made = setup("a")
    assert made.interval < made.late < made.timeout
    assert made.patience < made.timeout - made.late
    assert made.lease > 2 * made.reread
    assert made.grace >= 4 * made.timeout
    assert replace(made, timeout=0.1, interval=0.05).late == 0.05
    assert replace(made, timeout=1.0).grace == 4.0
