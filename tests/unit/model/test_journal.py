"""The record of a failover."""

import pytest

from natgate.model.journal import Failover


@pytest.mark.parametrize(
    ("reason", "asked"), [("asked for by an operator", True), ("a is dead: no answer", False)]
)
def test_a_record_tells_what_was_asked_for(reason: str, *, asked: bool) -> None:
    """A failover that an operator asked for is told from one that happened by itself."""
    record = Failover(share="g", before="a", after="b", reason=reason, started=1.5)
    assert record.asked_for is asked
    assert (record.number, record.outcome, record.steps) == (0, "running", ())
