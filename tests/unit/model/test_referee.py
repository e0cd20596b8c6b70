"""The words of the referee."""

from natgate.model.referee import TableRoute


def test_a_route_is_said_as_operators_say_it() -> None:
    """Where to, and in which table."""
    route = TableRoute(table="rtb-1", destination="10.0.0.0/24")
    assert str(route) == "10.0.0.0/24 in rtb-1"
