"""Flows that a dead node takes with it: how many of those it held are missing on the survivor.

`python -m bench.replication [RUNS] [--rate N] [--seconds S] [--mode MODE]`: a client opens N
connections a second through a node, whose link is cut in the middle of it. The kernels of both
nodes are then compared, flow by flow, with the translated port.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from bench.results import save
from natgate.lab import agents, catalogue, life, namespace
from natgate.lab.carriers import carriers
from natgate.lab.demo import settle, ways_of
from natgate.lab.namespace import inside, run
from natgate.lab.record import Lab
from natgate.lab.scene import Path, subnet_of
from natgate.model.error import BugError, HostError

RUNS = 3
RATE = 4000.0
SECONDS = 3.0
LAB = "replication"
PORT = 9100
TARGET = 2
"""Missing flows of 10,000."""

AFTER = 1.0
"""Seconds after the take-over in which the survivor may still take in what it was sent."""

Flow = tuple[str, ...]
"""Source, destination, source port, destination port."""


@contextmanager
def program(lab: Lab, host: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """One end of the connections, until it is killed."""
    argv = inside(lab.namespace(host), [sys.executable, "-m", "bench.connections", *arguments])
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, text=True, stdin=pipe, stdout=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> Any:  # noqa: ANN401 (whatever it says)
    """The next line of a program."""
    return json.loads((process.stdout and process.stdout.readline()) or "null")


def stop(client: subprocess.Popen[str]) -> dict[str, Any]:
    """Tell the client to open no more; how many it has opened, in what time."""
    if client.stdin:
        client.stdin.write("\n")
        client.stdin.flush()
    opened: dict[str, Any] = said(client)
    return opened


def flows(lab: Lab, node: str) -> dict[Flow, tuple[str, bool]]:
    """The connections in a node's kernel: the translated port of each, and whether it is assured."""
    argv = ["conntrack", "-L", "-p", "tcp", "--orig-port-dst", str(PORT)]
    found = {}
    for line in run(inside(lab.namespace(node), argv)).splitlines():
        pairs = [word.partition("=")[::2] for word in line.split() if "=" in word]
        original = dict(reversed(pairs[:4]))
        reply = dict(pairs[4:8])
        flow: Flow = (original["src"], original["dst"], original["sport"], original["dport"])
        found[flow] = reply["dport"], "[ASSURED]" in line
    return found


def carrier(lab: Lab, way: Path) -> str:
    """The node through which a client's packets go."""
    subnet = subnet_of(lab.scene, way.client.address)
    node = carriers(lab, [way])[subnet.table] if subnet else None
    if node is None:
        raise HostError(f"no node carries {way.client.name}")
    return node


def once(lab: Lab, rate: float, seconds: float) -> dict[str, Any]:
    """One cut, and what was missing after it."""
    way = ways_of(lab.scene)[0]
    node = carrier(lab, way)
    address = str(way.target.address)
    with ExitStack() as stack:
        server = stack.enter_context(program(lab, way.target.name, "serve", str(PORT)))
        if said(server) != "ready":
            raise HostError(f"the server on {way.target.name} did not start")
        opener = program(lab, way.client.name, "open", address, str(PORT), str(rate))
        client = stack.enter_context(opener)
        time.sleep(seconds)
        began = time.monotonic()
        namespace.configure(lab.namespace(node), ["link set eth0 down"])
        agents.wait(lambda: f"{node} still carries" if carrier(lab, way) == node else None)
        moved = time.monotonic() - began
        opened = stop(client)
        time.sleep(AFTER)
        survivor = carrier(lab, way)
        dead, alive = flows(lab, node), flows(lab, survivor)
    return {
        "node": node,
        "survivor": survivor,
        "moved_ms": round(moved * 1000),
        "rate": round(opened["opened"] / opened["seconds"]),
        **compare(dead, alive),
    }


def compare(
    dead: dict[Flow, tuple[str, bool]], alive: dict[Flow, tuple[str, bool]]
) -> dict[str, Any]:
    """How many assured flows of the dead node are missing on the survivor, or differ there."""
    held = {flow: port for flow, (port, assured) in dead.items() if assured}
    if not held:
        raise BugError("no connection was established through the node that was cut")
    missing = sum(flow not in alive for flow in held)
    differing = sum(flow in alive and alive[flow][0] != port for flow, port in held.items())
    return {
        "flows": len(held),
        "half_open": len(dead) - len(held),
        "missing": missing,
        "differing": differing,
        "of_10000": round((missing + differing) * 10_000 / len(held), 2),
    }


def main(runs: int, rate: float, seconds: float, mode: str) -> int:
    """Print the figures and keep them; 1 if more was missing than promised."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the lab is taken down
    scene = catalogue.with_mode(catalogue.prepared(catalogue.DEFAULT_SCENE), mode)
    found = []
    sys.stdout.write("flows   a second  missing  other port  of 10,000  half-open  moved\n")
    for _ in range(runs):
        lab = life.up(LAB, scene, lambda _: None)
        try:
            settle(lab, mode)
            row = once(lab, rate, seconds)
        finally:
            life.take_away(LAB)
        found.append(row)
        sys.stdout.write(ROW.format(**row))
    kept = all(row["of_10000"] <= TARGET for row in found)
    if all(row["missing"] == row["flows"] for row in found):
        sys.stdout.write("No flow was on the survivor: flows are not replicated here.\n")
    sys.stdout.write(f"Target: at most {TARGET} of 10,000. {'Kept' if kept else 'Missed'}.\n")
    save("replication", {"mode": mode, "rate": rate, "seconds": seconds, "runs": found})
    return 0 if kept else 1


ROW = "{flows:6} {rate:9} {missing:8} {differing:11} {of_10000:10} {half_open:10} {moved_ms:4} ms\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.replication")
    parser.add_argument("runs", nargs="?", type=int, default=RUNS)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--mode", choices=catalogue.MODES, default=catalogue.MODES[0])
    chosen = parser.parse_args()
    sys.exit(main(chosen.runs, chosen.rate, chosen.seconds, chosen.mode))
