"""Probe reports to figures: pure.

An outage is the longest run of probes of one kind that were lost one after the other, times the
10 ms between them; the worst kind at the worst client counts. A stall is the longest time without
progress of a connection that stays open.
"""

from collections.abc import Mapping
from itertools import groupby

from pydantic import Field

from natgate.lab.probe import INTERVAL, KINDS
from natgate.model.fields import Model


class Lasted(Model):
    """How a connection that stays open fared; `stall_ms` is its longest time without progress."""

    survived: bool
    stall_ms: float


class Downloaded(Lasted):
    """How a download fared; `mbit_s` is its mean rate over the watch."""

    mbit_s: float


class Report(Model):
    """What one probe process printed: for each kind one character per tick, 1 answered, 0 lost."""

    outcomes: dict[str, str]
    errors: dict[str, int]
    late_ms: float
    stream: Lasted
    download: Downloaded


class Figures(Model):
    """What one fault cost; times in ms, the worst of all clients unless told apart."""

    outage_ms: int = Field(description="the longest run of lost probes of one kind")
    outage_by_probe: dict[str, int] = Field(description="the same for each kind")
    outage_by_client: dict[str, int] = Field(description="the same for each client")
    probes_sent: int = Field(description="by all clients")
    probes_lost: int = Field(description="unanswered after 250 ms")
    lost_by_client: dict[str, int] = Field(description="the same for each client")
    probe_errors: dict[str, int] = Field(description="probes refused at once, by error")
    probe_late_ms: float = Field(description="the most that a probe was sent too late")
    download_survived: bool = Field(description="progressed after the fault and at the end")
    stream_survived: bool = Field(description="answered after the fault and at the end")
    survived_by_client: dict[str, bool] = Field(description="whether both did, for each client")
    stall_ms: float = Field(description="the longest standstill of download or stream")
    download_stall_ms: float = Field(description="the longest time without a byte")
    stream_stall_ms: float = Field(description="the longest time without an answer")
    stall_by_client: dict[str, float] = Field(description="the longest of both, for each client")
    download_mbit_s: float = Field(
        description="mean rate of the slowest download, stalls included; 100 is sent"
    )


def longest_run(outcomes: str) -> int:
    """The longest run of lost probes."""
    return max((len(list(run)) for key, run in groupby(outcomes) if key == "0"), default=0)


def figures(reports: Mapping[str, Report]) -> Figures:
    """The figures of one fault, from the reports of all clients by name; one at least."""
    runs = {client: _runs(report) for client, report in reports.items()}
    by_client = {client: max(run.values()) for client, run in runs.items()}
    lost = {client: _lost(report) for client, report in reports.items()}
    found = reports.values()
    stalls = {client: max(r.download.stall_ms, r.stream.stall_ms) for client, r in reports.items()}
    return Figures(
        outage_ms=max(by_client.values()),
        outage_by_probe={kind: max(run[kind] for run in runs.values()) for kind in KINDS},
        outage_by_client=by_client,
        probes_sent=sum(len(outcomes) for r in found for outcomes in r.outcomes.values()),
        probes_lost=sum(lost.values()),
        lost_by_client=lost,
        probe_errors=_errors(reports),
        probe_late_ms=max(r.late_ms for r in found),
        download_survived=all(r.download.survived for r in found),
        stream_survived=all(r.stream.survived for r in found),
        survived_by_client={
            client: r.download.survived and r.stream.survived for client, r in reports.items()
        },
        stall_ms=max(stalls.values()),
        download_stall_ms=max(r.download.stall_ms for r in found),
        stream_stall_ms=max(r.stream.stall_ms for r in found),
        stall_by_client=stalls,
        download_mbit_s=min(r.download.mbit_s for r in found),
    )


def _runs(report: Report) -> dict[str, int]:
    """The longest outage of each kind at one client, in ms."""
    interval_ms = round(INTERVAL * 1000)
    return {kind: longest_run(report.outcomes[kind]) * interval_ms for kind in KINDS}


def _lost(report: Report) -> int:
    return sum(outcomes.count("0") for outcomes in report.outcomes.values())


def _errors(reports: Mapping[str, Report]) -> dict[str, int]:
    """How often each error was seen, at all clients together."""
    errors: dict[str, int] = {}
    for report in reports.values():
        for name, count in report.errors.items():
            errors[name] = errors.get(name, 0) + count
    return errors
