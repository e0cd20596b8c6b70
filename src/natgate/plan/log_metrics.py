"""What is known of a running log to samples of the catalogue."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from natgate.model.logged import Reason
from natgate.model.metric import Sample, sample


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCounts:
    """Counted since the start of the run; times are ms, `rotated` 0 before the first rotation."""

    rows: int
    gaps: Mapping[Reason, int]
    lag: int
    filled: float
    size: int
    rotated: int
    exported: int | None = None
    unexported: int = 0


def measure_log(counts: LogCounts) -> tuple[Sample, ...]:
    """Every sample that can be made of them."""
    return tuple(_samples(counts))


def _samples(counts: LogCounts) -> Iterator[Sample]:
    yield sample("natgate_log_records_total", counts.rows)
    for reason in Reason:
        yield sample("natgate_log_gaps_total", counts.gaps.get(reason, 0), reason=reason)
    yield sample("natgate_log_lag_seconds", counts.lag / 1000)
    yield sample("natgate_log_queue_ratio", counts.filled)
    yield sample("natgate_log_bytes", counts.size)
    if counts.rotated:
        yield sample("natgate_log_rotated_timestamp_seconds", counts.rotated / 1000)
    if counts.exported is not None:
        yield sample("natgate_log_exported_total", counts.exported)
        yield sample("natgate_log_export_lost_total", counts.unexported)
