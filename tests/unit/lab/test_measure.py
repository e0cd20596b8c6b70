"""Probe reports to figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.lab.measure import Established, Report, figures, longest_run
from natgate.lab.probe import KINDS

GOOD = "1" * 100


def report(*, stall: float = 12.0, survived: bool = True, **outcomes: str) -> Report:
    """A report in which all is well, but for what is given."""
    return Report(
        outcomes={kind: outcomes.get(kind, GOOD) for kind in KINDS},
        errors={},
        late_ms=1.0,
        established=Established(survived=survived, stall_ms=stall),
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
    found = figures([report(), report()])
    assert (found.outage_ms, found.probes_lost, found.probes_sent) == (0, 0, 600)
    assert (found.established_tcp, found.stall_ms) == ("survived", 12.0)


def test_the_worst_kind_at_the_worst_client_is_the_outage() -> None:
    """The outage is the worst of all kinds and clients; what was lost is the sum."""
    found = figures([report(udp_new="1" * 97 + "000"), report(tcp_new="0" * 5 + "1" * 94 + "0")])
    assert found.outage_ms == 50
    assert found.outage_by_probe == {"udp_new": 30, "tcp_new": 50, "udp_flow": 0}
    assert found.probes_lost == 9


def test_one_lost_connection_is_a_loss() -> None:
    """An established connection lost at one client is reported as lost."""
    found = figures([report(stall=20.0), report(stall=3000.0, survived=False)])
    assert (found.established_tcp, found.stall_ms) == ("lost", 3000.0)
