"""Roles: what a node's rules must know."""

from natgate.model.roles import Roles


def test_at_first_a_node_plays_no_role() -> None:
    """A node that knows nothing carries nothing and gives out no port."""
    assert (dict(Roles().carriers), Roles().handing_out) == ({}, frozenset())
    assert Roles(carriers={"g@a": "a"}) == Roles(carriers={"g@a": "a"}, handing_out=frozenset())
