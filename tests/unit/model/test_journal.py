"""The record of a failover."""

from natgate.model.journal import Failover


def test_a_record_tells_whether_an_operator_asked() -> None:
    """Then both nodes were alive, and its times say what a planned move costs."""
    asked = Failover(
        share="g", before="a", after="c", reason="asked for by an operator", started=1.0
    )
    assert asked.asked_for
    assert asked.outcome == "running"
    assert not Failover(share="g", before="a", after="c", reason="a is dead", started=1.0).asked_for
