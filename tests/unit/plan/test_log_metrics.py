"""The metrics of a running log."""

from natgate.model.logged import Reason
from natgate.model.metric import METRICS
from natgate.plan.log_metrics import LogCounts, measure_log

COUNTS = LogCounts(rows=7, gaps={Reason.KILLED: 1}, lag=1500, filled=0.5, size=99, rotated=0)


def values(counts: LogCounts) -> dict[str, float]:
    """Each sample by its name and label."""
    return {
        " ".join((each.name, *each.labels.values())): each.value for each in measure_log(counts)
    }


def test_a_log_says_what_it_wrote_and_lacks() -> None:
    """Every reason for a gap is there, so that an alert has a value to look at."""
    found = values(COUNTS)
    assert found["natgate_log_records_total"] == 7
    assert found["natgate_log_gaps_total killed"] == 1
    assert found["natgate_log_gaps_total overrun"] == 0
    assert found["natgate_log_lag_seconds"] == 1.5
    assert found["natgate_log_queue_ratio"] == 0.5
    assert found["natgate_log_bytes"] == 99


def test_what_has_not_happened_has_no_sample() -> None:
    """No rotation yet, and no collector."""
    assert not any("rotated" in name or "export" in name for name in values(COUNTS))
    told = LogCounts(
        rows=0, gaps={}, lag=0, filled=0, size=0, rotated=2000, exported=3, unexported=1
    )
    found = values(told)
    of_the_log = {name for name in METRICS if name.startswith("natgate_log_")}
    assert {each.name for each in measure_log(told)} == of_the_log
    assert found["natgate_log_rotated_timestamp_seconds"] == 2
    assert (found["natgate_log_exported_total"], found["natgate_log_export_lost_total"]) == (3, 1)
