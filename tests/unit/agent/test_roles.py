"""Which roles a node's rules are to play."""

import pytest

from natgate.agent.roles import remembered_roles, remembered_wishes, roles_of, still_valid
from natgate.model.roles import Roles
from natgate.model.wish import MAINTENANCE, ON, Wish
from natgate.plan.setup import setup_of
from natgate.plan.state import begin
from natgate.store.fake import FakeStore
from natgate.wire.journal import render_roles, render_wishes
from tests.specs import divided_zones, two_zones
from tests.unit.plan.divided import Divided

SHARES = ("partner@node-a", "partner@node-c")
NODES = {"partner@node-a": "node-a", "partner@node-c": "node-c"}


def test_before_the_routes_are_read_the_last_roles_are_played() -> None:
    """A restarted agent leaves the rules as they are until it knows better."""
    talk = Divided(handing_out=frozenset({"g@a"}))
    last = Roles(carriers={"g@a": "a", "g@b": "b"}, handing_out=frozenset({"g@a"}))
    assert roles_of(talk.state, {}, last) == last
    talk.read("a", "b")
    talk.read("b", None)
    assert roles_of(talk.state, {}, last) == Roles(carriers={"g@a": "b"})


def test_what_is_being_taken_over_is_played_before_its_routes_lead_here() -> None:
    """The rules come first; the ports only where they are free already."""
    talk = Divided()
    talk.read("b", "b")
    taken = roles_of(talk.state, {"g@b": False}, Roles())
    assert taken == Roles(carriers={"g@b": "a"})
    taken = roles_of(talk.state, {"g@b": True}, Roles())
    assert taken == Roles(carriers={"g@b": "a"}, handing_out=frozenset({"g@b"}))


def test_an_active_standby_gateway_has_no_roles() -> None:
    """Every node's rules are the same for it, whoever carries it."""
    state = begin(setup_of(two_zones(), "node-a"), 0.0)
    assert roles_of(state, {"partner": True}, Roles(carriers={"partner": "node-a"})) == Roles()


def test_roles_outlive_a_spec_as_far_as_it_divides_the_ports_alike() -> None:
    """A share of the same name and block stays as it is; of a share that is gone nothing is left."""
    roles = Roles(carriers=NODES, handing_out=frozenset(SHARES))
    assert still_valid(roles, divided_zones(), divided_zones()) == roles
    assert still_valid(roles, divided_zones(), two_zones()) == Roles()


def test_blocks_of_another_size_are_given_up() -> None:
    """With a third node the ports are divided anew, though the shares have the same names."""
    two, roles = divided_zones(), Roles(carriers=NODES, handing_out=frozenset(SHARES))
    third = two.nodes[1].model_copy(update={"name": "node-d"})
    three = two.model_copy(update={"nodes": (*two.nodes, third)})
    assert still_valid(roles, two, three) == Roles()
    assert still_valid(roles, None, two) == roles


@pytest.mark.parametrize("text", ["", "{", "[]", '{"carriers": {}}', "null"])
def test_what_cannot_be_read_is_no_memory(text: str) -> None:
    """A node whose memory was cut off begins like a new one."""
    store = FakeStore()
    assert (remembered_roles(store), remembered_wishes(store)) == (Roles(), {})
    store.keep("roles", text)
    assert remembered_roles(store) == Roles()


def test_roles_and_wishes_are_remembered() -> None:
    """What was kept is what the next agent begins with."""
    store = FakeStore()
    roles = Roles(carriers=NODES, handing_out=frozenset({SHARES[0]}))
    wishes = {MAINTENANCE: Wish(number=4, value=ON)}
    store.keep("roles", render_roles(roles))
    store.keep("wishes", render_wishes(wishes))
    assert (remembered_roles(store), remembered_wishes(store)) == (roles, wishes)
