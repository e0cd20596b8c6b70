"""What a kernel holds."""

from natgate.model.observed import Observed, UnknownGuard


def test_nothing_is_observed_unless_said() -> None:
    """An empty observation holds no table, no guard, no setting and no route."""
    observed = Observed()
    assert observed.table is None
    assert (observed.guards, observed.sysctls, observed.blackholes) == ({}, {}, frozenset())
    assert (observed.hooks, observed.links, observed.addresses) == (frozenset(), (), ())
    assert (observed.ownership, observed.owner_works) == ("none", True)


def test_an_unknown_guard_never_equals_a_guard() -> None:
    """A classifier that natgate did not write is told from every guard it could write."""
    assert UnknownGuard() == UnknownGuard()
    assert UnknownGuard() != object()
