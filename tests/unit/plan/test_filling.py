"""A node that comes back is filled before it may carry anything."""

from natgate.model.view import SyncView
from natgate.plan.filling import LONGEST, REST, Filling, step, to_fill

GRACE = 1.0
EMPTY = Filling(session="s", started=0.0, empty=True)
FULL_PEER = SyncView(session="p")
SENT = SyncView(session="p", filled={"me": "s"})


def look(held: Filling, now: float, injected: int = 0, **peers: SyncView) -> Filling:
    """One look at what the peers say."""
    return step(held, "me", peers, injected, now, GRACE)


def test_a_node_that_is_not_empty_stays_so() -> None:
    """An agent that found its conntrackd running needs nothing."""
    held = Filling(session="s", started=0.0, empty=False)
    assert look(held, 5.0, peer=FULL_PEER) is held


def test_it_waits_for_a_peer_to_turn_up_but_not_for_ever() -> None:
    """Without any peer there is nobody to be filled from."""
    assert look(EMPTY, GRACE - 0.1).empty
    assert not look(EMPTY, GRACE + 0.1).empty


def test_two_empty_nodes_have_nothing_to_give() -> None:
    """When everything starts at once nobody waits."""
    assert not look(EMPTY, 0.1, peer=SyncView(session="p", empty=True)).empty


def test_a_peer_without_replication_cannot_fill() -> None:
    """A node that speaks and whose conntrackd is down is as good as none."""
    assert look(EMPTY, 0.1, peer=SyncView()).empty
    assert not look(EMPTY, GRACE + 0.1, peer=SyncView()).empty


def test_it_is_full_once_all_was_sent_and_has_arrived() -> None:
    """Neither the peer's word nor a pause alone is enough."""
    held = look(EMPTY, 0.1, 5, peer=FULL_PEER)
    held = look(held, 5.0, 5, peer=FULL_PEER)
    assert held.empty, "nothing was sent yet"
    held = look(held, 5.1, 9, peer=SENT)
    assert held.empty, "it still arrives"
    held = look(held, 5.2, 9, peer=FULL_PEER)
    assert held.empty, "it has not come to rest"
    assert not look(held, 5.11 + REST, 9, peer=FULL_PEER).empty


def test_what_was_sent_to_an_earlier_session_does_not_count() -> None:
    """A node that died twice is filled twice."""
    old = SyncView(session="p", filled={"me": "older"})
    assert look(EMPTY, 5.0, peer=old).empty


def test_a_peer_that_does_not_send_is_waited_for_so_long() -> None:
    """At the deadline the node goes on as it is, and says so."""
    held = look(EMPTY, 0.5, peer=FULL_PEER)
    assert look(held, 0.4 + LONGEST, peer=FULL_PEER).empty
    held = look(held, 0.5 + LONGEST, peer=FULL_PEER)
    assert (held.empty, held.late) == (False, True)


def test_each_new_session_of_a_peer_is_sent_everything_once() -> None:
    """Also that of a peer that is not empty: its conntrackd started anew."""
    me = SyncView(session="s", filled={"old": "1", "done": "2"})
    peers = {
        "old": SyncView(session="9"),
        "done": SyncView(session="2"),
        "new": SyncView(session="3", empty=True),
        "mute": SyncView(),
    }
    assert to_fill(me, peers) == ("old", "new")


def test_a_node_that_has_nothing_sends_nothing() -> None:
    """While it is empty itself, or has no replication."""
    peers = {"new": SyncView(session="3", empty=True)}
    assert to_fill(SyncView(session="s", empty=True), peers) == ()
    assert to_fill(SyncView(), peers) == ()
