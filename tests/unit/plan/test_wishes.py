"""What an operator asks for: moves, maintenance, drains, and failback."""

from natgate.model.event import TakeOver, Wished
from natgate.model.view import ShareView
from natgate.model.wish import AT, MAINTENANCE, OFF, ON, TO, Wish, drain, move, value
from natgate.plan.failover import own_view
from tests.unit.plan.divided import Divided
from tests.unit.plan.setups import follows, take_overs


def test_an_operator_moves_a_share_to_a_healthy_node() -> None:
    """Although the active one is well; once it is done it is not asked for any more."""
    talk = follows("b", "a")
    (order,) = take_overs(talk.tell(Wished(key=move("g"), value=f"{TO}b")))
    assert order.reason == "asked for by an operator"
    talk.read("b")
    assert value(talk.state.wishes, move("g")) == f"{AT}b"


def test_a_wish_is_heard_from_a_peer() -> None:
    """It may be said on any node; one that is for another is left to that one."""
    talk = Divided()
    for beat in range(1, 40):
        talk.hear("b", at=beat * 0.05)
    talk.read("a", "a")
    talk.read("b", "b")
    wish = {move("g@b"): Wish(number=1, value=f"{TO}a")}
    (order,) = talk.hear("b", at=2.0, wishes=wish)
    assert isinstance(order, TakeOver)
    assert own_view(talk.state, 1, "d").wishes == wish
    talk = Divided(me="b")
    talk.hear("a", at=0.1, wishes=wish)
    talk.read("a", "a")
    assert talk.read("b", "b") == ()


def test_in_maintenance_nothing_is_moved_by_itself() -> None:
    """Not even from a dead node; what an operator asks for is still done."""
    talk = follows("b", "a")
    talk.tell(Wished(key=MAINTENANCE, value=ON))
    assert take_overs(talk.hear("a", "upstream dead")) == []
    assert take_overs(talk.tell(Wished(key=move("g"), value=f"{TO}b")))
    talk = follows("b", "a")
    talk.tell(Wished(key=MAINTENANCE, value=ON))
    talk.tell(Wished(key=MAINTENANCE, value=OFF))
    assert take_overs(talk.hear("a", "upstream dead"))


def test_a_drained_node_is_relieved_and_takes_nothing() -> None:
    """Its share goes to the next healthy node."""
    talk = follows("b", "a")
    (order,) = take_overs(talk.tell(Wished(key=drain("a"), value=ON)))
    assert "drained" in order.reason
    talk = follows("b", "a")
    talk.tell(Wished(key=drain("b"), value=ON))
    assert take_overs(talk.hear("a", "upstream dead")) == []


def settled(failback: float | None) -> Divided:
    """Node a is well again, and its share is with b."""
    talk = Divided(failback=failback)
    for beat in range(1, 40):
        talk.hear("b", at=beat * 0.05)
    talk.read("b", "b")
    talk.read("a", "b")
    return talk


def test_a_share_returns_to_its_first_node_only_if_that_is_wanted() -> None:
    """Sticky by default; preferred after the node has been healthy for the delay."""
    assert settled(None).hear("b", at=2.0) == ()
    talk = settled(30.0)
    orders = [order for beat in range(27) for order in talk.hear("b", at=2.0 + beat)]
    assert [order for order in orders if isinstance(order, TakeOver)] == []
    (order,) = talk.read("a", "b", at=31.0)
    assert isinstance(order, TakeOver)
    assert order.reason == "it returns to its first node"


def test_what_an_operator_has_moved_stays_where_he_put_it() -> None:
    """Failback does not undo it."""
    talk = settled(1.0)
    wish = {move("g@a"): Wish(number=2, value=f"{AT}b")}
    assert talk.hear("b", at=2.0, wishes=wish) == ()
    assert talk.hear("b", at=2.1) == ()


def test_a_foreign_route_is_not_moved_for_an_operator_either() -> None:
    """Whatever it leads to is no node of the spec."""
    talk = follows("b", "a")
    talk.read("link 7")
    assert take_overs(talk.tell(Wished(key=move("g"), value=f"{TO}b"))) == []


def test_when_the_nodes_cannot_reach_each_other_one_carries_everything() -> None:
    """Returns could not be handed over: the node that receives them takes all, the other nothing."""

    def cut(me: str, other: str, first: str) -> list[TakeOver]:
        talk = Divided(me=me)
        for beat in range(1, 40):
            talk.hear(other, at=beat * 0.05)
        for node in "ab":
            talk.read(node, node)
        for late in range(1, 12):
            talk.tick(1.95 + late * 0.02)
        orders = [*talk.read("a", first), *talk.read(me, other), *talk.read(other, other)]
        return [order for order in orders if isinstance(order, TakeOver)]

    (taken,) = cut("b", "a", "b")
    assert (taken.share, taken.reason) == ("g@b", "a is out of reach, and returns arrive here")
    assert cut("a", "b", "b") == []


def test_a_view_says_whose_ports_are_given_out_and_which_are_wanted() -> None:
    """As the rules are, not as the decision would have them."""
    talk = settled(None)
    shares = own_view(talk.state, 1, "d", frozenset({"g@a"})).shares
    assert shares["g@a"] == ShareView(active="b", hands_out=True)
