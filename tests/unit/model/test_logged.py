"""What a NAT log holds."""

import pytest

from natgate.model.logged import Gap, Reason, destinations_text, time_of, time_text


def test_destinations_have_names() -> None:
    """Or a length."""
    assert [destinations_text(bits) for bits in (0, 24, 32)] == ["none", 24, "full"]


def test_only_an_overrun_loses_nothing() -> None:
    """The kernel says again how flows ended that did not fit."""
    assert [r for r in Reason if not Gap(start=1, stop=2, reason=r).loses] == [Reason.OVERRUN]


def test_times_are_read_with_their_zone_and_shown_in_utc() -> None:
    """A time without a zone is UTC."""
    at = time_of("2026-11-27T15:03:02.250+01:00")
    assert at == time_of("2026-11-27 14:03:02.250") == 1_795_788_182_250
    assert time_text(at) == "2026-11-27 14:03:02.250Z"
    assert time_of(time_text(at)) == at
    with pytest.raises(ValueError, match="Invalid isoformat"):
        time_of("yesterday")
