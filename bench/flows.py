"""`natgate flows` against `conntrack -L` at a million flows, and at two hundred.

`python -m bench.flows` as root. The table is a namespace's own, filled by ctnetlink. netstat-nat 2a is
not in Debian 12: research/conntrack.md has it at 1.16 times the time of `conntrack -L` for the whole
table (8.9 s against 7.7 s), and at 3.8 s against 5.0-7.3 s for one host.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from tests.namespaces import namespace

from bench.natlog import room
from bench.results import save

MANY, FEW, ROUNDS = 1_000_000, 200, 5
HOST = "10.0.1.1"
NATGATE = (sys.executable, "-m", "natgate", "flows")
TARGETS = {"whole": 1.0, "one host": 0.15, "few seconds": 0.2, "megabytes": 200}
THEIRS = 8.9 / 7.7
"""netstat-nat 2a in conntrack -L: derived, not measured here."""


def run(argv: Sequence[str]) -> tuple[float, int]:
    """Seconds, and the most memory in kilobytes."""
    began = time.perf_counter()
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return time.perf_counter() - began, usage.ru_maxrss


def pair(ours: Sequence[str], theirs: Sequence[str]) -> dict[str, float]:
    """Interleaved rounds: the middle of the times, of their ratios, and the most memory."""
    rounds = [(run(ours), run(theirs)) for _ in range(ROUNDS)]
    return {
        "ours_s": round(statistics.median(o[0] for o, _ in rounds), 3),
        "theirs_s": round(statistics.median(t[0] for _, t in rounds), 3),
        "ratio": round(statistics.median(o[0] / t[0] for o, t in rounds), 3),
        "megabytes": round(max(o[1] for o, _ in rounds) / 1024),
    }


def measured(count: int) -> dict[str, Any]:
    """Both questions on a table of so many flows."""
    with namespace() as here, here.entered():
        subprocess.run(["nft", "add", "table", "ip", "nat"], check=True)
        # Not in this process, whose memory a child is born with.
        filling = f"from bench.filled import fill; fill({count})"
        subprocess.run([sys.executable, "-c", filling], check=True)
        whole = pair(NATGATE, ("conntrack", "-L"))
        host = pair((*NATGATE, "--source", HOST), ("conntrack", "-L", "-s", HOST))
        return {"flows": count, "whole": whole, "one host": host}


def main() -> None:
    """Print what was measured against what is promised."""
    with room():
        many, few = measured(MANY), measured(FEW)
    whole, host = many["whole"], many["one host"]
    longer = few["whole"]["ours_s"] - few["whole"]["theirs_s"]
    lines = (
        f"{MANY:,} flows, whole table   {whole['ratio']:.2f} of conntrack -L (<= 1.0), "
        f"about {whole['ratio'] / THEIRS:.2f} of netstat-nat 2a (<= 0.8, derived)",
        f"{MANY:,} flows, memory        {whole['megabytes']} MB (<= 200)",
        f"{MANY:,} flows, one host      {host['ratio']:.2f} of conntrack -L -s (<= 0.15)",
        f"{FEW} flows                   {longer:.2f} s more than conntrack -L (<= 0.2)",
    )
    sys.stdout.write("\n".join(lines) + "\n")
    save("flows", {"many": many, "few": few, "targets": TARGETS})


if __name__ == "__main__":
    main()
