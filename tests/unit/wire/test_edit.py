"""Edits as programs send them and as the store keeps them."""

import pytest

from natgate.model.edit import KINDS, AddEntry, RemoveEntry
from natgate.model.error import SpecError
from natgate.wire.edit import parse_edit, parse_entry, render_edit
from tests.gateways import every_entry


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_is_read_again(kind: str) -> None:
    """Entries of every kind, and removals."""
    for entry in getattr(every_entry().gateways[0], kind):
        added = AddEntry(gateway="web", kind=kind, entry=entry)
        assert parse_edit(render_edit(added)) == added
    removed = RemoveEntry(gateway="web", name="all")
    assert parse_edit(render_edit(removed)) == removed


def test_a_wrong_entry_is_refused_with_every_problem() -> None:
    """As a spec is, with the place of each."""
    with pytest.raises(SpecError, match="entry: kind: nat is no kind of entry: snat, dnat, own"):
        parse_entry("web", "nat", {})
    with pytest.raises(SpecError) as caught:
        parse_entry("web", "snat", {"name": "Bad", "hosts": ["x"], "colour": "red"})
    assert {problem.path for problem in caught.value.problems} == {"name", "hosts[0]", "colour"}
    with pytest.raises(SpecError, match="mapping"):
        parse_entry("web", "snat", "text")
