"""Flows are known to both nodes: as they are translated, as long as they live, and after a return."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from natgate.lab import agents, namespace

from .conftest import Bench

pytestmark = pytest.mark.lab

TARGET = "192.168.100.20"
DEADLINE = 15.0
TALK = """
import socket, sys, time
kind, port = sys.argv[1:]
family = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
with socket.socket(socket.AF_INET, family) as talk:
    talk.settimeout(5)
    talk.bind(("", int(port)))
    talk.connect(("192.168.100.20", 7))
    while sys.stdin.readline():
        talk.send(b"x")
        talk.recv(9)
        print("answered", flush=True)
"""


class Talker:
    """A client that sends a byte when told, and waits for the answer."""

    def __init__(self, bench: Bench, kind: str, port: int) -> None:
        argv = [sys.executable, "-c", TALK, kind, str(port)]
        self.process = subprocess.Popen(
            namespace.inside(bench.lab.namespace("client-a"), argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def say(self) -> bool:
        """One question; whether it was answered."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("go\n")
        return self.process.stdout.readline() == "answered\n"

    def end(self) -> None:
        """No more questions."""
        self.process.kill()
        with self.process:
            pass


@contextmanager
def talker(bench: Bench, kind: str, port: int) -> Iterator[Talker]:
    """A client that ends with the test."""
    made = Talker(bench, kind, port)
    try:
        yield made
    finally:
        made.end()


def wait(holds: Callable[[], object], what: str) -> None:
    """Return when something holds."""
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def seen_as(bench: Bench, node: str, port: int) -> str | None:
    """The port by which the far end knows the flow of a client's port, as a node has it."""
    argv = ["conntrack", "-L", "--orig-src", "10.10.0.16", "--orig-dst", TARGET]
    argv = namespace.inside(bench.lab.namespace(node), argv)
    listed = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    for line in listed.splitlines():
        if f" sport={port} " in line and "dst=10.10.0.85" in line and "[ASSURED]" in line:
            return line.rpartition("dport=")[2].split()[0]
    return None


def standby(bench: Bench) -> str:
    """The node that does not carry the gateway."""
    active = bench.active()
    return next(node for node in bench.lab.nodes() if node != active)


def test_a_connection_is_known_to_the_other_node_with_its_port(bench: Bench) -> None:
    """The replica has the same translation, and ends with the connection."""
    with talker(bench, "tcp", 50001) as talk:
        assert talk.say()
        wait(lambda: seen_as(bench, standby(bench), 50001), "no replica")
        assert seen_as(bench, standby(bench), 50001) == seen_as(bench, bench.active(), 50001)


def test_a_half_open_connection_is_not_sent(bench: Bench) -> None:
    """What only asks costs the other node nothing."""
    script = (
        "import socket\ns = socket.socket()\ns.settimeout(0.2)\ns.bind(('', 50002))\n"
        "try: s.connect(('192.168.100.99', 9))\nexcept OSError: pass\n"
    )
    argv = [sys.executable, "-c", script]
    namespace.run(namespace.inside(bench.lab.namespace("client-a"), argv))
    with talker(bench, "tcp", 50003) as talk:
        assert talk.say()
        wait(lambda: seen_as(bench, standby(bench), 50003), "what came later has arrived")
    argv = ["conntrack", "-L", "--orig-dst", "192.168.100.99"]
    listed = namespace.run(namespace.inside(bench.lab.namespace(standby(bench)), argv))
    assert "sport=50002" not in listed


def test_a_connection_outlives_two_nodes_in_turn(bench: Bench) -> None:
    """The node that returns is filled with it before it may carry it again, with the same port."""
    with talker(bench, "tcp", 50004) as talk:
        assert talk.say()
        wait(lambda: seen_as(bench, standby(bench), 50004), "no replica")
        port = seen_as(bench, bench.active(), 50004)
        for _ in range(2):
            dead = bench.active()
            bench.ok("fault", "node-dead", dead)
            wait(lambda dead=dead: bench.active() != dead, "nobody took over")  # type: ignore[misc]
            assert talk.say()
            bench.heal()
            assert seen_as(bench, dead, 50004) == port, "healthy, and not filled"
            assert talk.say()
    assert bench.packets("wrong") == {}


def test_a_live_udp_flow_keeps_its_replica(bench: Bench) -> None:
    """Its state does not change any more, and yet the other node hears that it lives."""
    with talker(bench, "udp", 50005) as talk:
        assert talk.say()
        time.sleep(2.5)  # a stream is what lasts longer than two seconds
        assert talk.say()
        wait(lambda: seen_as(bench, standby(bench), 50005), "no replica")
        end = time.monotonic() + 70  # one that is not refreshed expires within a minute
        while time.monotonic() < end:
            assert talk.say()
            assert seen_as(bench, standby(bench), 50005), "the replica has expired"
            time.sleep(0.5)


def test_conntrackd_outlives_the_agent_and_is_found_again(bench: Bench) -> None:
    """One that is killed is started anew; there is never a second one."""
    node = standby(bench)

    def daemons() -> list[int]:
        found = namespace.processes([bench.lab.namespace(node)])
        return [pid for pid, argv in found.items() if argv and argv[0] == "conntrackd"]

    before = daemons()
    assert len(before) == 1
    bench.ok("fault", "agent-killed", node)
    assert daemons() == before
    bench.heal()
    assert daemons() == before
    namespace.run(["kill", "-KILL", str(before[0])])
    wait(lambda: len(daemons()) == 1 and daemons() != before, "conntrackd was not started again")
    agents.wait_healthy(bench.lab, bench.lab.nodes())
