"""Answers instead of a list."""

from natgate.wire.netstat_nat_names import Answer


def test_an_answer_is_silent_unless_told_otherwise() -> None:
    """Only the exit code is always there."""
    assert Answer(1) == Answer(1, out="", err="")
