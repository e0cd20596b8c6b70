"""What a node's rules must know of a decision."""

from natgate.model.roles import Roles


def test_a_node_that_knows_nothing_hands_out_nothing() -> None:
    """Without a decision nobody carries a share, and no ports are given out."""
    assert Roles() == Roles(carriers={}, handing_out=frozenset())
