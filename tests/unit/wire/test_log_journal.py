"""The head of a journal."""

import pytest

from natgate.model.error import HostError
from natgate.wire.log_journal import SIZE, JournalHead, parse_journal_head, render_journal_head


def test_a_head_reads_back() -> None:
    """Its bytes say what it holds."""
    head = JournalHead(row=36, kept=24, created=1_764_252_000_000)
    assert parse_journal_head(render_journal_head(head) + b"rows", "j") == head
    assert len(render_journal_head(head)) == SIZE


@pytest.mark.parametrize("data", [b"", b"NATLOG1\0", b"x" * 64])
def test_what_is_no_journal_is_refused(data: bytes) -> None:
    """By name, in a sentence."""
    with pytest.raises(HostError, match="j is no journal of a NAT log"):
        parse_journal_head(data, "j")
