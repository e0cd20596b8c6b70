"""Who gives out the ports of a block: never two nodes at once."""

from natgate.model.claim import Claim
from natgate.model.event import ClaimAnswered, ClaimBlock, TakeOver
from natgate.model.view import ShareView
from natgate.plan.blocks import RELEASE
from tests.unit.plan.divided import Divided

GIVES = ShareView(hands_out=True)
WANTS = ShareView(wants=True)


def settled(me: str = "a", *, fenced: bool = False) -> Divided:
    """Both nodes carry their own share, and each gives out its own ports."""
    talk = Divided(me=me, fenced=fenced)
    for beat in range(1, 40):
        talk.hear("b" if me == "a" else "a", at=beat * 0.05)
    for node in "ab":
        talk.read(node, node)
    return talk


def test_a_node_gives_out_its_own_ports_once_it_carries_its_share() -> None:
    """Not before its routes lead to it."""
    talk = Divided()
    talk.hear("b", at=0.1)
    assert not talk.hands_out("a")
    talk.read("a", "b")
    assert not talk.hands_out("a")
    talk.read("a", "a")
    assert talk.hands_out("a")


def test_it_waits_for_a_node_that_still_gives_them_out() -> None:
    """The other says when it has stopped."""
    talk = Divided()
    talk.hear("b", at=0.1, shares={"g@a": GIVES})
    talk.read("a", "a")
    assert not talk.hands_out("a")
    talk.hear("b", at=0.2)
    assert talk.hands_out("a")


def test_a_silent_node_is_waited_for_as_long_as_it_may_not_know() -> None:
    """Until it must have seen that its routes are gone."""
    talk = settled()
    talk.read("b", "a", at=2.2)
    talk.tell(ClaimAnswered(share="g@b", claim=Claim(owner="a", epoch=2)))
    assert not talk.hands_out("b")
    lease = talk.state.setup.lease
    talk.tick(1.95 + lease - 0.1)
    assert not talk.hands_out("b")
    talk.tick(1.95 + lease + 0.1)
    assert talk.hands_out("b")


def test_a_node_never_heard_is_waited_for_at_first() -> None:
    """It may turn up; after the grace it does not count."""
    talk = Divided()
    talk.read("a", "a", at=0.1)
    assert not talk.hands_out("a")
    talk.tick(talk.state.setup.grace + 0.1)
    assert talk.hands_out("a")


def test_adopted_ports_need_a_claim_and_its_own_do_not() -> None:
    """A fence that is away costs the ports of the other, not one's own."""
    talk = settled(fenced=True)
    assert talk.hands_out("a")
    talk.read("b", "a")
    assert not talk.hands_out("b")
    talk.tell(ClaimAnswered(share="g@b", claim=None))
    assert not talk.hands_out("b")
    talk.tell(ClaimAnswered(share="g@b", claim=Claim(owner="a", epoch=5)))
    assert talk.hands_out("b")


def test_at_home_the_word_of_the_fence_counts_once_it_is_known() -> None:
    """Another owner must be outbid first."""
    talk = Divided(fenced=True)
    talk.hear("b", at=0.1)
    talk.tell(ClaimAnswered(share="g@a", claim=Claim(owner="b", epoch=3)))
    talk.read("a", "a")
    assert not talk.hands_out("a")
    talk.tell(ClaimAnswered(share="g@a", claim=Claim(owner="a", epoch=4)))
    assert talk.hands_out("a")


def test_a_share_that_is_carried_and_not_owned_is_claimed_every_second() -> None:
    """Until the fence answers that it is this node's."""
    talk = Divided(fenced=True)
    talk.hear("b", at=0.1)
    assert ClaimBlock(share="g@a") in talk.read("a", "a")
    talk.hear("b", at=0.2)
    assert ClaimBlock(share="g@a") not in talk.tick(0.3)
    talk.read("a", "a", at=1.15)
    talk.hear("b", at=1.2)
    assert talk.state.shares["g@a"].claimed == 1.15
    talk.tell(ClaimAnswered(share="g@a", claim=Claim(owner="a", epoch=1)))
    assert ClaimBlock(share="g@a") not in talk.read("a", "a", at=2.3)


def test_whoever_is_asked_stops_and_goes_on_if_nobody_comes() -> None:
    """Another node wants the share: its ports are given out no more, until it changes its mind."""
    talk = settled()
    talk.hear("b", at=2.0, shares={"g@a": WANTS})
    assert not talk.hands_out("a")
    talk.hear("b", at=2.1)
    assert talk.hands_out("a")


def test_it_ends_when_somebody_else_carries_the_share() -> None:
    """The routes are the truth."""
    talk = settled()
    talk.read("a", "b")
    assert not talk.hands_out("a")


def test_a_restarted_agent_goes_on_where_the_last_one_was() -> None:
    """The rules never stopped; once the routes are read they decide."""
    talk = Divided(handing_out=frozenset({"g@a"}))
    talk.tick(0.1)
    assert talk.hands_out("a")
    talk.read("a", "b")
    assert not talk.hands_out("a")


def test_a_node_with_another_spec_may_have_divided_the_ports_otherwise() -> None:
    """It must give out none of the gateway at all."""
    talk = Divided()
    talk.hear("b", at=0.1, digest="other", shares={"g@b": GIVES})
    talk.read("a", "a")
    assert not talk.hands_out("a")
    talk.hear("b", at=0.2, digest="other", shares={"h@b": GIVES})
    assert talk.hands_out("a")


def test_a_take_over_asks_first_and_waits_a_moment() -> None:
    """Whoever speaks and gives out the ports is asked to stop; one that does not is not waited for."""
    talk = settled()
    ill = "upstream dead"
    assert talk.hear("b", ill, at=2.0, shares={"g@b": GIVES}) == ()
    assert talk.state.shares["g@b"].wanted_since == 2.0
    (order,) = talk.hear("b", ill, at=2.02)
    assert order == TakeOver(
        share="g@b", expected="b", reason=f"b is unhealthy: {ill}", released=True
    )
    talk = settled()
    talk.hear("b", ill, at=2.0, shares={"g@b": GIVES})
    (order,) = talk.hear("b", ill, at=2.01 + RELEASE, shares={"g@b": GIVES})
    assert isinstance(order, TakeOver)
    assert not order.released


def test_routes_that_lead_to_something_foreign_do_not_count() -> None:
    """They are nobody's to move, and the share is carried without them."""
    talk = Divided()
    talk.hear("b", at=0.1)
    talk.read("a", "link 7")
    assert not talk.hands_out("a")


def test_only_nodes_that_exist_are_waited_for() -> None:
    """A node of the share that is no peer of this one cannot be heard."""
    talk = Divided(nodes="ab")
    setup = talk.state.setup
    assert talk.share("a").nodes == ("a", "b")
    assert setup.peers == ("b",)
