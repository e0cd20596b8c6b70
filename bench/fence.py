"""What a claim costs at each kind of fence, and how long one waits while it is away.

Root; everything runs in a network namespace with nothing but a loopback, so the way to the fence comes
on top. Each claim is durable when it is answered, so the disk counts: /tmp, unless TMPDIR says otherwise.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fence.cluster import etcd
from tests.fence.processes import stopped
from tests.fence.witness_process import client, witness
from tests.namespaces import namespace

from bench.results import save
from natgate.model.error import FenceAwayError
from natgate.store.fence import Fence

KEY = "bench/gateway/share"
CLAIMS, AWAY = 2000, 50
TIMEOUT = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fence, running."""

    fence: Fence
    away: Callable[[], AbstractContextManager[None]]
    kill_leader: Callable[[], None] | None = None


@contextmanager
def _etcd(directory: Path, members: int) -> Iterator[Case]:
    with etcd(directory, members) as cluster:
        processes = cluster.members.values()

        def kill_leader() -> None:
            cluster.members[cluster.leader()].kill()

        yield Case(
            fence=cluster.fence(TIMEOUT),
            away=lambda: stopped(*processes),
            kill_leader=kill_leader if members > 1 else None,
        )


@contextmanager
def _witness(directory: Path) -> Iterator[Case]:
    with witness(directory) as process:
        yield Case(fence=client(timeout=TIMEOUT), away=lambda: stopped(process))


KINDS: dict[str, Callable[[Path], AbstractContextManager[Case]]] = {
    "etcd, one member": lambda directory: _etcd(directory, 1),
    "etcd, three members": lambda directory: _etcd(directory, 3),
    "witness": _witness,
}


async def _measure(case: Case) -> dict[str, float]:
    result: dict[str, float] = {}
    won: list[float] = []
    epoch = missed = 0
    while len(won) < CLAIMS:
        took, answered = await _claim(case.fence, epoch)
        won += [took] if answered else []
        missed += not answered
        epoch += answered
    result["median_ms"] = statistics.median(won)
    result["p99_ms"] = statistics.quantiles(won, n=100)[98]
    result["max_ms"] = max(won)
    result["missed"] = missed
    with case.away():
        waits = [(await _claim(case.fence, epoch))[0] for _ in range(AWAY)]
    result["away_median_ms"], result["away_max_ms"] = statistics.median(waits), max(waits)
    if case.kill_leader:
        while not (await _claim(case.fence, epoch))[1]:
            pass
        began = time.monotonic()
        case.kill_leader()
        waits = [0.0]
        while not (attempt := await _claim(case.fence, epoch + 1))[1]:
            waits.append(attempt[0])
        result["leader_killed_ms"] = (time.monotonic() - began) * 1000
        result["leader_killed_longest_wait_ms"] = max(waits)
    return result


async def _claim(fence: Fence, expected: int) -> tuple[float, bool]:
    """How many milliseconds a claim took, and whether it was answered as won."""
    began = time.monotonic()
    try:
        answer = await fence.claim(KEY, "node-a", expected)
    except FenceAwayError:
        return (time.monotonic() - began) * 1000, False
    return (time.monotonic() - began) * 1000, answer.epoch == expected + 1


def main() -> None:
    """Measure every kind, print a line for each, and keep the figures."""
    results = {}
    with namespace() as island, island.entered():
        for name, start in KINDS.items():
            with tempfile.TemporaryDirectory() as directory, start(Path(directory)) as case:
                results[name] = asyncio.run(_measure(case))
                case.fence.close()
            figures = "  ".join(f"{key} {value:.1f}" for key, value in results[name].items())
            sys.stdout.write(f"{name}: {figures}\n")
    save("fence", {"timeout_ms": TIMEOUT * 1000, "claims": CLAIMS, "fences": results})


if __name__ == "__main__":
    main()
