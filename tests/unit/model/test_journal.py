"""The record of a failover."""

from natgate.model.journal import Failover, seen


def test_a_record_tells_whether_an_operator_asked() -> None:
    """Then both nodes were alive, and its times say what a planned move costs."""
    asked = Failover(
        share="g", before="a", after="c", reason="asked for by an operator", started=1.0
    )
    assert asked.asked_for
    assert asked.outcome == "running"
    assert not Failover(share="g", before="a", after="c", reason="a is dead", started=1.0).asked_for


def test_what_another_node_did_is_told_in_its_name() -> None:
    """Such a record has ended, and nobody here asked for it."""
    record = seen("g", "a", "c", started=2.0)
    assert (record.share, record.before, record.after) == ("g", "a", "c")
    assert (record.reason, record.outcome, record.started) == ("c took it over", "seen", 2.0)
    assert not record.asked_for
