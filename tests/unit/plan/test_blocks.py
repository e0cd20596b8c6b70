"""Who gives out the ports of a block: never two nodes at once."""

from dataclasses import replace

import pytest

from natgate.model.claim import Claim
from natgate.model.event import ClaimAnswered, ClaimBlock, RoutesFailed, TakeOver, Wished
from natgate.model.view import ShareView
from natgate.model.wish import MAINTENANCE, ON, TO, move
from natgate.plan.blocks import RELEASE
from natgate.plan.failover import own_view
from tests.unit.plan.divided import Divided
from tests.unit.plan.setups import take_overs

GIVES = ShareView(hands_out=True)
WANTS = ShareView(wants=7)


def settled(me: str = "a", *, fenced: bool = False) -> Divided:
    """Both nodes carry their own share, and each gives out its own ports."""
    talk = Divided(me=me, fenced=fenced)
    for beat in range(1, 40):
        talk.hear("b" if me == "a" else "a", at=beat * 0.05)
    for node in "ab":
        talk.read(node, node)
    talk.hear("b" if me == "a" else "a", at=1.95)
    return talk


def test_a_node_gives_out_its_own_ports_once_all_know_that_it_carries_its_share() -> None:
    """Not before its routes lead to it, and the other has read of it."""
    talk = Divided()
    talk.hear("b", at=0.1)
    assert not talk.hands_out("a")
    talk.read("a", "b")
    assert not talk.hands_out("a")
    talk.read("a", "a")
    assert not talk.hands_out("a")
    talk.hear("b", at=0.12)
    assert talk.hands_out("a")


def test_an_older_word_of_the_same_carrier_does_not_count() -> None:
    """It was said before somebody else carried the share meanwhile, and may be out of date."""
    talk = Divided()
    talk.read("a", "a", at=0.1)
    epoch = talk.state.shares["g@a"].epoch
    talk.hear("b", at=0.1, shares={"g@a": ShareView(active="a", epoch=epoch - 1)})
    assert not talk.hands_out("a")
    talk.hear("b", at=0.1, shares={"g@a": ShareView(active="b", epoch=epoch)})
    assert not talk.hands_out("a")
    talk.hear("b", at=0.1, shares={"g@a": ShareView(active="a", epoch=epoch)})
    assert talk.hands_out("a")


def test_it_waits_for_a_node_that_still_gives_them_out() -> None:
    """The other says when it has stopped."""
    talk = Divided()
    talk.read("a", "a", at=0.1)
    knows = talk.known()["g@a"]
    talk.hear("b", at=0.1, shares={"g@a": replace(knows, hands_out=True)})
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
    talk.tick(2.2 + lease - 0.1)
    assert not talk.hands_out("b")
    talk.tick(2.2 + lease + 0.1)
    assert talk.hands_out("b")


def test_a_long_silence_before_the_routes_were_led_away_does_not_count() -> None:
    """A node that is cut off and carries its share gives out its ports for as long as it does."""
    talk = settled(fenced=True)
    talk.tell(Wished(key=MAINTENANCE, value=ON))
    for late in range(100):
        talk.tick(1.95 + late * 0.1)
    talk.read("b", "b", at=12.0)
    talk.read("a", "a")
    (order,) = take_overs(talk.tell(Wished(key=move("g@b"), value=f"{TO}a")))
    assert (order.share, order.released) == ("g@b", False)
    talk.tell(ClaimAnswered(share="g@b", claim=Claim(owner="a", epoch=2)))
    talk.read("b", "a", at=12.1)
    assert not talk.hands_out("b")
    lease = talk.state.setup.lease
    talk.tick(12.0 + lease)
    assert not talk.hands_out("b")
    talk.tick(12.2 + lease)
    assert talk.hands_out("b")


def test_a_node_never_heard_is_waited_for_at_first() -> None:
    """It may turn up, or be out of reach and carry the share still; then it does not count."""
    talk = Divided()
    talk.read("a", "a", at=0.1)
    talk.tick(talk.state.setup.lease)
    assert not talk.hands_out("a")
    talk.tick(talk.state.setup.lease + 0.11)
    assert talk.hands_out("a")


def test_adopted_ports_need_a_claim_and_its_own_do_not() -> None:
    """A fence that is away costs the ports of the other, not one's own."""
    talk = settled(fenced=True)
    assert talk.hands_out("a")
    talk.read("b", "a")
    talk.hear("b")
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
    talk.hear("b")
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
    assert own_view(talk.state, 1, "d").shares["g@a"].yields == "b 7"
    talk.hear("b", at=2.1)
    assert talk.hands_out("a")
    assert own_view(talk.state, 1, "d").shares["g@a"].yields == ""


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
    talk = settled(fenced=True)
    ill = "upstream dead"
    assert talk.hear("b", ill, at=2.0, shares={"g@b": GIVES}) == ()
    assert talk.state.shares["g@b"].wanted_since == 2.0
    asked = own_view(talk.state, 1, "d").shares["g@b"].wants
    assert talk.hear("b", ill, at=2.01, shares={"g@b": ShareView(yields="a 1")}) == ()
    kept = {"g@b": ShareView(active="b", yields=f"a {asked}")}
    (order,) = talk.hear("b", ill, at=2.02, shares=kept)
    assert order == TakeOver(
        share="g@b", expected="b", reason=f"b is unhealthy: {ill}", released=True
    )
    talk.tell(ClaimAnswered(share="g@b", claim=Claim(owner="a", epoch=2)))
    talk.read("b", "a")
    assert talk.hands_out("b")
    talk.tick(2.03)
    assert own_view(talk.state, 1, "d").shares["g@b"].wants == 0


@pytest.mark.parametrize("word", [GIVES, ShareView(active="b")])
def test_a_node_that_does_not_yield_in_time_is_not_waited_for_any_longer(word: ShareView) -> None:
    """The share moves; its ports are given out once the other knows."""
    talk = settled(fenced=True)
    talk.hear("b", "upstream dead", at=2.0, shares={"g@b": word})
    (order,) = talk.hear("b", "upstream dead", at=2.01 + RELEASE, shares={"g@b": word})
    assert isinstance(order, TakeOver)
    assert not order.released


def test_a_node_that_asks_itself_yields_to_nobody() -> None:
    """Of two that ask at once, neither gives out the ports before it knows that it carries them."""
    talk = settled(fenced=True)
    talk.hear("b", "upstream dead", at=2.0, shares={"g@b": GIVES})
    both = {"g@b": ShareView(active="b", wants=7)}
    talk.hear("b", "upstream dead", at=2.01, shares=both)
    assert own_view(talk.state, 1, "d").shares["g@b"].yields == ""


def test_a_take_over_that_failed_asks_anew() -> None:
    """Meanwhile the other goes on; its answer to the first asking does not count for the second."""
    talk = settled(fenced=True)
    talk.hear("b", "upstream dead", at=2.0, shares={"g@b": GIVES})
    talk.tell(RoutesFailed(share="g@b", error="refused"))
    assert own_view(talk.state, 1, "d").shares["g@b"].wants == 0


def test_without_a_fence_adopted_ports_are_not_asked_for() -> None:
    """They would not be given out anyway, so nothing is waited for."""
    talk = settled()
    (order,) = talk.hear("b", "upstream dead", at=2.0)
    assert isinstance(order, TakeOver)


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
