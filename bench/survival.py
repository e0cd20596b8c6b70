"""What survives which fault, and what it costs: every fault in both modes, again and again.

`python -m bench.survival [RUNS] [--mode MODE] [--fault KIND]`; both options may be repeated. One
lab for each mode stays up for all runs; 20 runs of everything take about half an hour.
"""

import argparse
import signal
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Generator, Iterable
from typing import Any

from bench.results import save
from natgate.lab import catalogue, faults, life
from natgate.lab.demo import Break, Round, rounds, show
from natgate.lab.events import Event, Outcome
from natgate.lab.record import Lab
from natgate.model.error import HostError

RUNS = 20
LAB = "bench"
STALL_TARGET = 700
OUTAGE_TARGETS = {
    "node-dead": 200,
    "rules-deleted": 30,
    "ruleset-flushed": 30,
    "forwarding-off": 30,
    "upstream-dead": 300,
    "agent-stopped": 0,
    "agent-killed": 0,
    "heartbeats-lost": 0,
}
"""Milliseconds; an outage is the longest run of lost 10 ms probes."""

Cell = tuple[str, str]
"""A mode, and a fault with what makes it special."""

Found = dict[Cell, list[Outcome | str]]
"""What each run of a cell gave: an outcome, or why there is none."""


def label(planned: Break, ownership: str) -> str:
    """A fault with a mark where ownership is off, or where the node carries no returns."""
    return planned.fault.kind + "*" * (ownership == "off") + "+" * (not planned.returns)


class Progress:
    """Says on stderr what was done, and how long the rest will take."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.began = time.monotonic()

    def __call__(self, cell: Cell, outcome: Outcome | str) -> None:
        """One more is done."""
        self.done += 1
        each = (time.monotonic() - self.began) / self.done
        left = each * (self.total - self.done) / 60
        said = outcome if isinstance(outcome, str) else _said(outcome)
        sys.stderr.write(
            f"{self.done:4} of {self.total}, {left:4.1f} min left   {' '.join(cell)}: {said}\n"
        )


def _said(outcome: Outcome) -> str:
    lost = [
        what
        for what, survived in (
            ("download", outcome.download_survived),
            ("stream", outcome.stream_survived),
        )
        if not survived
    ]
    fate = f"lost {' and '.join(lost)}" if lost else f"stall {outcome.stall_ms:.0f} ms"
    return f"outage {outcome.outage_ms} ms, {fate}"


def ended(story: Generator[Event, None, Outcome]) -> Outcome:
    """What a fault came to; its events pass unseen."""
    while True:
        try:
            next(story)
        except StopIteration as stop:
            outcome: Outcome = stop.value
            return outcome


def repeat(planned: Round, runs: int, found: Found, progress: Progress) -> None:
    """Every fault of a round so many times, in one lab, or in a new one after a failure."""
    lab: Lab | None = None
    try:
        for _ in range(runs):
            for each in planned.breaks:
                lab = lab or life.up(LAB, planned.scene, lambda _: None)
                cell = (planned.mode, label(each, planned.scene.spec.host.ownership))
                outcome: Outcome | str
                try:
                    outcome = ended(show(lab, planned.mode, each))
                except HostError as error:
                    outcome = f"failed: {error}"
                    life.take_away(LAB)
                    lab = None
                found[cell].append(outcome)
                progress(cell, outcome)
    finally:
        if lab is not None:
            life.take_away(LAB)


def summary(cell: Cell, runs: list[Outcome | str]) -> dict[str, Any]:
    """One cell of the matrix: what survived of how many runs, and the median and worst costs."""
    kept = [run for run in runs if isinstance(run, Outcome)]
    mode, fault = cell
    target = OUTAGE_TARGETS[fault.rstrip("*+")]
    row: dict[str, Any] = {"mode": mode, "fault": fault, "runs": len(runs)}
    row["download_survived"] = sum(run.download_survived for run in kept)
    row["stream_survived"] = sum(run.stream_survived for run in kept)
    row["wrong_sources"] = sum(run.wrong_source_packets for run in kept)
    row["failed"] = len(runs) - len(kept)
    lived = [run for run in kept if run.download_survived and run.stream_survived]
    row["stall_ms"] = spread([run.stall_ms for run in lived])
    row["outage_ms"] = spread([float(run.outage_ms) for run in kept])
    row["slowest_mbit_s"] = min((run.download_mbit_s for run in kept), default=0.0)
    row["outage_target_ms"] = target
    row["kept"] = (
        row["download_survived"] == row["stream_survived"] == len(runs)
        and row["stall_ms"]["worst"] <= STALL_TARGET
        and row["outage_ms"]["worst"] <= target
        and not row["wrong_sources"]
    )
    return row


def spread(values: list[float]) -> dict[str, float]:
    """Median and worst; 0 where nothing was measured."""
    return {"median": statistics.median(values or [0.0]), "worst": max(values, default=0.0)}


def report(rows: Iterable[dict[str, Any]]) -> None:
    """The matrix as text."""
    out = sys.stdout.write
    shown = ""
    for row in rows:
        if row["mode"] != shown:
            shown = row["mode"]
            out(f"\n{shown}\n")
            out("fault             download  stream    stall ms      outage ms       wrong\n")
            out("                  survived  survived  med. worst    med. worst      sources\n")
        stall, outage = row["stall_ms"], row["outage_ms"]
        of = row["runs"]
        out(
            f"{row['fault']:17} {row['download_survived']:3} of {of:<3}"
            f"{row['stream_survived']:3} of {of:<3}"
            f"{stall['median']:5.0f} {stall['worst']:5.0f}   {outage['median']:5.0f} "
            f"{outage['worst']:5.0f} <={row['outage_target_ms']:4} {row['wrong_sources']:6}"
            f"{'' if row['kept'] else '   missed'}\n"
        )
    out(NOTES)


NOTES = f"""
Stall: the longest time in which a 100 Mbit/s download or an echoed stream stood still, target
{STALL_TARGET} ms, of what survived; outage: the longest run of lost 10 ms probes, with its target; both at the worst client.
*  ownership off, as on a kernel before 6.9
+  of a node that carries its own zone, but not the returns
"""


def main(runs: int, modes: list[str], kinds: list[str]) -> int:
    """Print the matrix and keep it; 1 if a connection was lost or a source was wrong."""
    scene = catalogue.prepared(catalogue.DEFAULT_SCENE)
    planned = rounds(scene, kinds or list(faults.OF_ONE_NODE), modes)
    progress = Progress(runs * sum(len(each.breaks) for each in planned))
    found: Found = defaultdict(list)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the lab is taken down
    for each in planned:
        repeat(each, runs, found, progress)
    rows = [summary(cell, outcomes) for cell, outcomes in found.items()]
    report(rows)
    every = [
        run if isinstance(run, str) else run.model_dump(mode="json")
        for outcomes in found.values()
        for run in outcomes
    ]
    save("survival", {"runs": runs, "rows": rows, "outcomes": every})
    whole = all(row["download_survived"] == row["stream_survived"] == runs for row in rows)
    return 0 if whole and not any(row["wrong_sources"] for row in rows) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.survival")
    parser.add_argument("runs", nargs="?", type=int, default=RUNS)
    parser.add_argument("--mode", action="append", choices=catalogue.MODES, default=[])
    parser.add_argument("--fault", action="append", choices=tuple(faults.FAULTS), default=[])
    chosen = parser.parse_args()
    sys.exit(main(chosen.runs, chosen.mode, chosen.fault))
