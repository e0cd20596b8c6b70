"""Probe reports to figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.lab.measure import Downloaded, Lasted, Report, figures, longest_run
from natgate.lab.probe import KINDS

GOOD = "1" * 100


def report(
    *,
    stream: float = 12.0,
    download: float = 10.0,
    survived: bool = True,
    rate: float = 100.0,
    **outcomes: str,
) -> Report:
    """A report in which all is well, but for what is given; stalls in ms."""
    return Report(
        outcomes={kind: outcomes.get(kind, GOOD) for kind in KINDS},
        errors={},
        late_ms=1.0,
        stream=Lasted(survived=survived, stall_ms=stream),
        download=Downloaded(survived=True, stall_ms=download, mbit_s=rate),
    )


@pytest.mark.parametrize(
    ("outcomes", "run"),
    [("", 0), ("111", 0), ("0", 1), ("1001", 2), ("0010001", 3), ("1010101", 1), ("000", 3)],
)
def test_the_longest_run_counts(outcomes: str, run: int) -> None:
    """An outage is the longest run of lost probes, wherever it lies."""
    assert longest_run(outcomes) == run


@given(st.text("01"))
def test_a_run_is_never_longer_than_what_was_lost(outcomes: str) -> None:
    """The longest run lies between one lost probe and all lost probes."""
    lost = outcomes.count("0")
    assert bool(lost) <= longest_run(outcomes) <= lost


def test_nothing_lost_is_no_outage() -> None:
    """Where every probe was answered, every figure is zero."""
    found = figures({"a": report(), "c": report()})
    assert (found.outage_ms, found.probes_lost, found.probes_sent) == (0, 0, 600)
    assert (found.outage_by_client, found.lost_by_client) == ({"a": 0, "c": 0}, {"a": 0, "c": 0})
    assert (found.download_survived, found.stream_survived, found.stall_ms) == (True, True, 12.0)


def test_the_worst_kind_at_the_worst_client_is_the_outage() -> None:
    """The outage is the worst of all kinds and clients; what was lost is the sum."""
    worse = report(tcp_new="0" * 5 + "1" * 94 + "0")
    found = figures({"a": report(udp_new="1" * 97 + "000"), "c": worse})
    assert found.outage_ms == 50
    assert found.outage_by_probe == {"udp_new": 30, "tcp_new": 50, "udp_flow": 0}
    assert found.outage_by_client == {"a": 30, "c": 50}
    assert found.lost_by_client == {"a": 3, "c": 6}
    assert found.probes_lost == 9


def test_one_lost_connection_is_a_loss() -> None:
    """A stream that one client lost is lost, whatever became of the others and of the download."""
    found = figures({"a": report(stream=20.0), "c": report(stream=3000.0, survived=False)})
    assert (found.download_survived, found.stream_survived) == (True, False)
    assert found.survived_by_client == {"a": True, "c": False}
    assert (found.stall_ms, found.stream_stall_ms, found.download_stall_ms) == (
        3000.0,
        3000.0,
        10.0,
    )


def test_the_stall_is_the_worst_of_both_connections() -> None:
    """Stalls are told apart by connection and by client; the download's rate is the slowest."""
    found = figures({"a": report(download=230.0, rate=93.5), "c": report(stream=40.0)})
    assert (found.stall_ms, found.download_stall_ms, found.stream_stall_ms) == (230.0, 230.0, 40.0)
    assert found.stall_by_client == {"a": 230.0, "c": 40.0}
    assert found.download_mbit_s == 93.5


def test_errors_of_all_clients_are_counted_together() -> None:
    """An error that several clients saw is counted once for each time."""
    seen = [
        report().model_copy(update={"errors": errors}) for errors in ({"A": 1}, {"A": 2, "B": 1})
    ]
    assert figures({"a": seen[0], "c": seen[1]}).probe_errors == {"A": 3, "B": 1}
