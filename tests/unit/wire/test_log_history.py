"""The history of a log."""

import pytest

from natgate.model.error import HostError
from natgate.model.logged import Entry, Gap, Reason, Run, Stop
from natgate.wire.log_history import parse_history, render_entry

ENTRIES: tuple[Entry, ...] = (
    Run(at=1, destinations=24, retention=1000, new=True),
    Gap(start=2, stop=3, reason=Reason.OVERRUN),
    Stop(at=4),
)


def test_a_history_reads_back() -> None:
    """One line for each entry, in order."""
    text = "".join(map(render_entry, ENTRIES))
    assert text.count("\n") == 3
    assert parse_history(text, "h") == ENTRIES


def test_a_line_that_a_kill_cut_short_is_left_out() -> None:
    """Those before it count."""
    text = "".join(map(render_entry, ENTRIES))
    assert parse_history(text[:-4], "h") == ENTRIES[:2]


@pytest.mark.parametrize(
    "line",
    ["x", "[]", "1", "{}", '{"gap": "no"}', '{"stop": "x"}', '{"gap": "what", "from": 1, "to": 2}'],
)
def test_a_broken_line_is_named(line: str) -> None:
    """In a sentence."""
    with pytest.raises(HostError, match="h: line 1 is no entry"):
        parse_history(f"{line}\n", "h")
