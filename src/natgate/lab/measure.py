"""Probe reports to figures: pure.

An outage is the longest run of probes of one kind that were lost one after the other, times the
10 ms between them; the worst kind at the worst client counts.
"""

from collections.abc import Iterable
from itertools import groupby

from natgate.lab.probe import INTERVAL, KINDS
from natgate.model.spec import Model


class Established(Model):
    """How an established TCP connection fared; `stall_ms` is its longest time without an answer."""

    survived: bool
    stall_ms: float


class Report(Model):
    """What one probe process printed: for each kind one character per tick, 1 answered, 0 lost."""

    outcomes: dict[str, str]
    errors: dict[str, int]
    late_ms: float
    established: Established


class Figures(Model):
    """What one fault cost; times in ms, the worst of all clients."""

    outage_ms: int
    outage_by_probe: dict[str, int]
    probes_sent: int
    probes_lost: int
    probe_errors: dict[str, int]
    probe_late_ms: float
    established_tcp: str
    stall_ms: float


def longest_run(outcomes: str) -> int:
    """The longest run of lost probes."""
    return max((len(list(run)) for key, run in groupby(outcomes) if key == "0"), default=0)


def figures(reports: Iterable[Report]) -> Figures:
    """The figures of one fault, from the reports of all clients."""
    found = list(reports)
    by_kind = {
        kind: max((longest_run(r.outcomes[kind]) for r in found), default=0) for kind in KINDS
    }
    errors: dict[str, int] = {}
    for report in found:
        for name, count in report.errors.items():
            errors[name] = errors.get(name, 0) + count
    interval_ms = round(INTERVAL * 1000)
    every = [outcomes for report in found for outcomes in report.outcomes.values()]
    return Figures(
        outage_ms=max(by_kind.values()) * interval_ms,
        outage_by_probe={kind: run * interval_ms for kind, run in by_kind.items()},
        probes_sent=sum(map(len, every)),
        probes_lost=sum(outcomes.count("0") for outcomes in every),
        probe_errors=errors,
        probe_late_ms=max((report.late_ms for report in found), default=0.0),
        established_tcp="survived" if all(r.established.survived for r in found) else "lost",
        stall_ms=max((report.established.stall_ms for report in found), default=0.0),
    )
