"""A hundred thousand flows while the gateway moves back and forth: no port is given out twice at once."""

import socket
import struct
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from natgate.lab import namespace
from natgate.lab.scene import Scene
from natgate.model.gateway import Failback
from natgate.model.timeouts import Timeouts

from . import divided
from .capture import Capture, capture
from .conftest import Bench

pytestmark = pytest.mark.lab

FLOWS = 100_000
PORT = 7000
LIFE = 3
"""Seconds that nodes keep a flow without an answer: 15,000 live at once, in a block of 32,000."""

RATE = 5000
BURST = 100
FIRST_SPORT = 1024
WHERE = (("--to", "node-c"), ("--home",), ("--to", "node-a"), ("--home",))
"""Each zone moves to the other node and back, a fifth of the flows apart."""

_DATA = struct.Struct("!II")


@pytest.fixture(scope="module")
def sticky(bring_up: Callable[..., Bench], tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Both nodes at work; shares go where the operator sends them, and stay there."""
    return bring_up(divided.scene_file(tmp_path_factory.mktemp("scenes"), "vxlan", _sticky))


def _sticky(scene: Scene) -> Scene:
    stay = {
        "failback": Failback(policy="sticky"),
        "timeouts": Timeouts.model_validate({"udp": f"{LIFE}s"}),
    }
    gateways = tuple(g.model_copy(update=stay) for g in scene.spec.gateways)
    return scene.model_copy(update={"spec": scene.spec.model_copy(update={"gateways": gateways})})


@dataclass(frozen=True, slots=True)
class Seen:
    """One packet as it left a node: which flow of which client, and its port outside."""

    at: float
    node: str
    flow: tuple[int, int]
    port: int


@dataclass
class Traffic:
    """Flows of one packet each from every client, and what the nodes made of them."""

    bench: Bench
    target: str
    senders: list[socket.socket]
    captures: dict[str, Capture]
    sent: int = 0
    seen: list[Seen] = field(default_factory=list)

    def burst(self) -> None:
        """The next flows of each client, then a look at what has left the nodes."""
        for _ in range(BURST // len(self.senders)):
            for client, sender in enumerate(self.senders):
                sender.sendto(self._packet(client), (self.target, 0))
            self.sent += 1
        now = time.monotonic()
        for node, taken in self.captures.items():
            for packet in taken.packets(0):
                port = struct.unpack_from("!H", packet, 20)[0]
                client, number = _DATA.unpack_from(packet, 28)
                self.seen.append(Seen(now, node, (client, number), port))

    def _packet(self, client: int) -> bytes:
        """A packet with an IP header of our own: a socket for each flow would be slow."""
        sport = FIRST_SPORT + self.sent % (65536 - FIRST_SPORT)
        data = _DATA.pack(client, self.sent)
        udp = struct.pack("!HHHH", sport, PORT, 8 + len(data), 0) + data
        source = divided.clients(self.bench)[client].address.packed
        target = socket.inet_aton(self.target)
        total = 20 + len(udp)
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, total, 0, 0, 64, 17, 0, source, target) + udp


@pytest.fixture
def traffic(sticky: Bench) -> Iterator[Traffic]:
    """Raw senders at the clients, ears at the nodes, and somebody at the target who listens."""
    divided.move(sticky, "node-a", "--home")
    divided.settled(sticky)
    for node in sticky.lab.nodes():  # replicas live as long as the settings say
        key = "net.netfilter.nf_conntrack_udp_timeout"
        divided.at(sticky, node, "sysctl", "-q", "-w", f"{key}={LIFE}")
    expression = f"udp and dst port {PORT} and src host {divided.fixed(sticky)}"
    with ExitStack() as stack:
        with divided.inside(sticky, "target"):
            server = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        server.bind((divided.target(sticky), PORT))
        senders = []
        for client in divided.clients(sticky):
            with divided.inside(sticky, client.name):
                made = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            senders.append(stack.enter_context(made))
        captures = {
            node: stack.enter_context(capture(sticky, node, "eth0", expression, outgoing=True))
            for node in sticky.lab.nodes()
        }
        yield Traffic(sticky, divided.target(sticky), senders, captures)


def moving(bench: Bench, where: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """An operator's failover at node-a, started."""
    argv = [sys.executable, "-m", "natgate", "failover", *where]
    argv += ["--state", str(bench.lab.state("node-a"))]
    return subprocess.Popen(
        namespace.inside(bench.lab.namespace("node-a"), argv), stdout=subprocess.DEVNULL
    )


def test_no_port_is_given_out_twice_at_once(sticky: Bench, traffic: Traffic) -> None:
    """Each node gives out ports of its own block only, and none that a flow still has."""
    begun = time.monotonic()
    moves: list[subprocess.Popen[bytes]] = []
    while len(traffic.seen) < FLOWS:
        traffic.burst()
        if len(moves) < len(WHERE) and len(traffic.seen) > FLOWS * (len(moves) + 1) / 5:
            assert all(move.wait(divided.DEADLINE) == 0 for move in moves)
            moves.append(moving(sticky, WHERE[len(moves)]))
        assert time.monotonic() < begun + 60, f"only {len(traffic.seen)} flows were seen"
        ahead = begun + 2 * traffic.sent / RATE - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    assert all(move.wait(divided.DEADLINE) == 0 for move in moves)
    divided.settled(sticky)
    assert_disjoint(sticky, traffic.seen)
    divided.never_wrong(sticky)


def assert_disjoint(bench: Bench, seen: list[Seen]) -> None:
    """No port outside the block of the node that gave it out, none twice within a flow's life."""
    blocks = {node: divided.block_of(bench, node) for node in bench.lab.nodes()}
    assert [s for s in seen if s.port not in blocks[s.node]] == []
    uses: dict[int, list[Seen]] = defaultdict(list)
    for one in seen:
        uses[one.port].append(one)
    twice = [
        (first, second)
        for found in uses.values()
        for first, second in pairwise(found)
        if first.flow != second.flow and second.at - first.at < LIFE - 0.5
    ]
    assert twice == []
    by_client = {(s.flow[0], s.node) for s in seen}
    assert len(by_client) == len(blocks) * len(divided.clients(bench)), "nothing ever moved"
