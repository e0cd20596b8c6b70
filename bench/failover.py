"""Outages of the lab's faults: `natgate lab demo --json` again and again, beside the targets.

`python -m bench.failover [RUNS]`; 5 runs take about ten minutes.
"""

import json
import statistics
import subprocess
import sys
from collections import defaultdict
from typing import Any

from bench.results import save

RUNS = 5
TARGETS = {
    "node-dead": 200,
    "rules-deleted": 30,
    "ruleset-flushed": 30,
    "forwarding-off": 30,
    "upstream-dead": 300,
    "agent-stopped": 0,
    "agent-killed": 0,
    "heartbeats-lost": 0,
}
"""Milliseconds; the longest run of lost 10 ms probes."""


def run() -> list[dict[str, Any]]:
    """The faults of one demo."""
    argv = [sys.executable, "-m", "natgate", "lab", "demo", "--json", "--name", "bench"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
    return list(json.loads(done.stdout)["faults"])


def main(runs: int) -> int:
    """Print median and worst of each fault; 1 if a source was wrong in any run."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for _ in range(runs):
        for fault in run():
            found[fault["kind"], fault["ownership"]].append(fault)
    rows = [summary(kind, ownership, faults) for (kind, ownership), faults in found.items()]
    sys.stdout.write(f"\n{'fault':20} {'owned':6} median  worst  target ms   wrong sources\n")
    for row in rows:
        mark = "" if row["worst_ms"] <= row["target_ms"] else "   missed"
        sys.stdout.write(
            f"{row['kind']:20} {row['ownership']:6} {row['median_ms']:6.0f} {row['worst_ms']:6} "
            f"{row['target_ms']:7} {row['wrong_sources']:15}{mark}\n"
        )
    save(
        "failover",
        {"runs": runs, "rows": rows, "faults": [f for each in found.values() for f in each]},
    )
    return 1 if any(row["wrong_sources"] for row in rows) else 0


def summary(kind: str, ownership: str, faults: list[dict[str, Any]]) -> dict[str, Any]:
    """Median and worst outage of one fault over all runs."""
    outages = [fault["outage_ms"] for fault in faults]
    return {
        "kind": kind,
        "ownership": ownership,
        "median_ms": statistics.median(outages),
        "worst_ms": max(outages),
        "target_ms": TARGETS[kind],
        "wrong_sources": sum(fault["wrong_source_packets"] for fault in faults),
    }


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else RUNS))
