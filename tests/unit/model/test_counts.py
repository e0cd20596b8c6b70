"""What a kernel counts."""

from natgate.model.counts import FlowTable


def test_a_flow_table_may_count_no_errors() -> None:
    """A kernel that counts none has no kinds of them."""
    assert FlowTable(count=1, limit=2).errors == {}
