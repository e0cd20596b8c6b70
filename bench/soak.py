"""False failovers under load: a healthy lab on a busy machine.

`python -m bench.soak [MINUTES] [--load LOOPS] [--mode MODE]`: the built-in scene with its probes,
downloads and streams, and so many busy loops beside it. Nothing is broken, so nothing may move.
"""

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from bench.results import save
from natgate.lab import agents, catalogue, life, namespace
from natgate.lab.demo import settle, ways_of
from natgate.lab.measure import figures
from natgate.lab.record import Lab
from natgate.lab.scene import VPC
from natgate.lab.watch import Watch

MINUTES = 30.0
LOAD = 6
LAB = "soak"
SLICE = 10.0
"""Seconds between two looks at the agents; each says which epoch it has reached."""

Seen = tuple[int, tuple[str, ...]]
"""The epoch, and the nodes that carry; a failover and its way back leave two more epochs."""


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    spin = [sys.executable, "-c", "while True: pass"]
    started = [subprocess.Popen(spin) for _ in range(loops)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


@contextmanager
def heard(lab: Lab) -> Iterator[list[str]]:
    """Collects a line for each heartbeat that crosses the lab's router, with its time."""
    port = str(lab.scene.spec.heartbeat.port)
    argv = ["tcpdump", "-i", "any", "-Q", "in", "-ttnl"]
    argv += ["udp", "src", "port", port, "and", "dst", "port", port]
    log = lab.directory / "heartbeats"
    lines: list[str] = []
    with (
        log.open("w") as output,
        subprocess.Popen(
            namespace.inside(lab.namespace(VPC), argv), stdout=output, stderr=subprocess.DEVNULL
        ) as dump,
    ):
        try:
            yield lines
        finally:
            dump.terminate()
            dump.wait()
            lines.extend(log.read_text().splitlines())


def silences(lines: list[str]) -> dict[str, float]:
    """The longest time between two heartbeats of each sender in ms; lines are tcpdump's."""
    last: dict[str, float] = {}
    longest: dict[str, float] = {}
    for line in lines:
        words = line.split()
        if "IP" not in words[:-1]:
            continue  # a last line that was cut off
        now, sender = float(words[0]), words[words.index("IP") + 1].rpartition(".")[0]
        longest[sender] = max(longest.get(sender, 0.0), (now - last.get(sender, now)) * 1000)
        last[sender] = now
    return longest


def seen(lab: Lab) -> Seen | None:
    """What the agents agree on that answer; None if none does within half a second."""
    found = agents.statuses(lab)
    if not found:
        return None
    highest = max(answer["epoch"] for answer in found.values())
    carriers = {node for answer in found.values() for node in answer["active"]}
    return highest, tuple(sorted(carriers))


def soak(lab: Lab, minutes: float) -> dict[str, Any]:
    """The figures of so many minutes in which nothing is broken."""
    ended = time.monotonic() + minutes * 60
    looks: list[Seen] = []
    unanswered = 0
    with heard(lab) as lines, Watch(lab, ways_of(lab.scene)) as watch:
        while (left := ended - time.monotonic()) > 0:
            for _ in watch.samples(min(SLICE, left)):
                pass
            look = seen(lab)
            unanswered += look is None
            looks += [look] if look else []
            sys.stderr.write(f"{max(left, 0) / 60:5.1f} min left, epoch and carriers: {look}\n")
        cost = figures(watch.stop())
    return {
        "failovers": looks[-1][0] - looks[0][0] if looks else None,
        "moves": sum(one[1] != two[1] for one, two in pairwise(looks)),
        "takeovers_logged": takeovers(lab),
        "looks_without_answer": unanswered,
        "silence_ms": {sender: round(ms, 1) for sender, ms in silences(lines).items()},
        "heartbeats": len(lines),
        **cost.model_dump(mode="json"),
    }


def takeovers(lab: Lab) -> int:
    """How often an agent wrote that it takes over, since the lab is up."""
    return sum(lab.log(node).read_text().count("taking over") for node in lab.nodes())


def main(minutes: float, load: int, mode: str) -> int:
    """Print the figures and keep them; 1 if anything moved."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the lab is taken down
    scene = catalogue.with_mode(catalogue.prepared(catalogue.DEFAULT_SCENE), mode)
    lab = life.up(LAB, scene, lambda _: None)
    try:
        settle(lab, mode)
        before = takeovers(lab)
        with busy(load):
            found = soak(lab, minutes)
        found["takeovers_logged"] -= before
    finally:
        life.take_away(LAB)
    sys.stdout.write(TEXT.format(minutes=minutes, load=load, mode=mode, **found))
    save("soak", {"minutes": minutes, "load": load, "mode": mode, **found})
    return 0 if found["failovers"] == found["moves"] == found["takeovers_logged"] == 0 else 1


TEXT = """
{mode}, {minutes:g} min with {load} busy loops, nothing broken
false failovers       {failovers} (epochs), {moves} (moves seen), {takeovers_logged} (logged); target 0
probes lost           {probes_lost} of {probes_sent}, longest outage {outage_ms} ms, latest probe {probe_late_ms} ms late
download, stream      survived: {download_survived}, {stream_survived}; stalls {download_stall_ms} ms, {stream_stall_ms} ms; {download_mbit_s} Mbit/s
heartbeat silence     longest on the wire, by sender: {silence_ms} ms, of {heartbeats} heartbeats
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.soak")
    parser.add_argument("minutes", nargs="?", type=float, default=MINUTES)
    parser.add_argument("--load", type=int, default=LOAD)
    parser.add_argument("--mode", choices=catalogue.MODES, default=catalogue.MODES[0])
    chosen = parser.parse_args()
    sys.exit(main(chosen.minutes, chosen.load, chosen.mode))
