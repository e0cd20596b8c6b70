"""Hand-over without any agent: what two nodes do that were told contradictions, or are full."""

import os
import re
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest

from natgate.agent.keeper import Keeper
from natgate.kernel.host import HostKernel
from natgate.lab import catalogue, life, namespace, network, record
from natgate.lab.record import Lab
from natgate.lab.scene import VPC
from natgate.model.roles import Roles
from natgate.model.share import all_shares, handed_routes
from natgate.store.fake import FakeStore

from . import divided
from .capture import capture
from .conftest import Bench

pytestmark = pytest.mark.lab

A, C = "partner@node-a", "partner@node-c"
RIGHT = {A: "node-a", C: "node-c"}
PORT = 7000


@dataclass(frozen=True, slots=True)
class Pair:
    """Two nodes that hold what they are told."""

    bench: Bench
    keepers: Mapping[str, Keeper]

    def tell(self, node: str, carriers: Mapping[str, str], *handing_out: str) -> None:
        """A node holds the rules of these roles."""
        roles = Roles(carriers=carriers, handing_out=frozenset(handing_out))
        spec = divided.lab_of(self.bench).scene.spec
        with divided.inside(self.bench, node):
            kept = self.keepers[node].bring(spec, roles)
        assert kept.error is None, kept.error

    def lead(self, receiver: str) -> None:
        """The router's tables: each client to its own node, what returns to `receiver`."""
        scene = divided.lab_of(self.bench).scene
        spec = scene.spec
        routes = [
            (route, receiver if route.table == spec.network.edge_table else share.home)
            for share in all_shares(spec)
            for route in share.routes
        ]
        routes += [pair for node in spec.nodes for pair in handed_routes(spec, node.name)]
        number, port = network.tables(spec), network.ports(scene)
        lines = [
            f"route replace {route.destination} via {spec.node(node).address} "
            f"dev {port[node]} onlink table {number[route.table]}"
            for route, node in routes
        ]
        namespace.configure(divided.lab_of(self.bench).namespace(VPC), lines)


@pytest.fixture(scope="module", params=["vxlan", "route"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[Pair]:
    """The built-in scene with nobody to decide: the nodes know what the test tells them."""
    path = divided.scene_file(tmp_path_factory.mktemp("scenes"), request.param)
    scene = catalogue.prepared(path)
    lab = Lab(name=f"p{os.getpid()}-{worker_id}-{request.param}"[:21], scene=scene)
    record.claim(lab)
    with ExitStack() as stack:
        stack.callback(life.take_away, lab.name)
        record.write(lab)
        life.build(lab)
        life.serve(lab)
        bench = Bench(name=lab.name)
        keepers = {}
        for node in lab.nodes():
            with divided.inside(bench, node):
                kernel = stack.enter_context(closing(HostKernel()))
            keepers[node] = Keeper(node=node, kernel=kernel, store=FakeStore())
        yield Pair(bench, keepers)


def agree(pair: Pair) -> None:
    """Both nodes are told the same, and the tables fit."""
    pair.tell("node-a", RIGHT, A)
    pair.tell("node-c", RIGHT, C)
    pair.lead("node-a")
    divided.until(lambda: _not_working(pair.bench))


def _not_working(bench: Bench) -> str | None:
    for client in divided.clients(bench):
        if bench.fetch(client.name, divided.target(bench)) is None:
            return f"{client.name} does not reach the target"
    return None


@pytest.mark.parametrize("receiver", ["node-a", "node-c"])
def test_trap_4_nodes_that_disagree_do_not_hand_to_and_fro(pair: Pair, receiver: str) -> None:
    """Each node takes every port for the other's: a return crosses once, and then comes to rest."""
    agree(pair)
    bench, nodes = pair.bench, pair.bench.lab.nodes()
    pair.tell("node-a", dict.fromkeys(RIGHT, "node-c"))
    pair.tell("node-c", dict.fromkeys(RIGHT, "node-a"))
    pair.lead(receiver)
    other = next(node for node in nodes if node != receiver)
    returns = f"udp and src port {PORT} and dst host {divided.fixed(bench)}"
    tunnelled = bench.lab.scene.spec.handover.carrier == "vxlan"
    link = "ng-vx" if tunnelled else "eth0"
    ports = (1025, 33279, 33280, 65535)
    sent = 2 * len(ports)
    before = {node: divided.counter(bench, node, "handed_over") for node in nodes}
    with ExitStack() as stack:
        seen = {node: stack.enter_context(capture(bench, node, link, returns)) for node in nodes}
        expired = stack.enter_context(capture(bench, "vpn", "eth0", "icmp[0] = 11"))
        with divided.inside(bench, "target"):
            server = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        server.bind((divided.target(bench), PORT))
        for port in (*ports, *ports):
            server.sendto(b"x", (divided.fixed(bench), port))
        # What comes round again would be among these, or have come before the last of them.
        arrived = [struct.unpack_from("!H", p, 22)[0] for p in seen[other].packets(sent)]
        assert sorted(arrived) == sorted((*ports, *ports))
        assert seen[other].packets(0) == []
        assert len(seen[receiver].packets(0)) == (0 if tunnelled else sent)
        assert expired.packets(0) == []
    after = {node: divided.counter(bench, node, "handed_over") for node in nodes}
    assert after[receiver] - before[receiver] == sent
    assert after[other] == before[other]


def test_trap_4_a_node_that_is_handed_its_own_keeps_it(pair: Pair) -> None:
    """A node that takes its block for another's still answers its clients by what it is handed."""
    agree(pair)
    bench = pair.bench
    pair.tell("node-c", dict.fromkeys(RIGHT, "node-a"), C)
    before = divided.counter(bench, "node-c", "handed_over")
    with divided.udp(bench, "client-c") as flow:
        divided.echoed(flow, b"x", (divided.target(bench), divided.ECHO))
    with divided.tcp(bench, "client-c") as connection:
        divided.echoed(connection, b"t" * 100_000)
    assert divided.counter(bench, "node-c", "handed_over") == before


def test_trap_10_a_full_block_drops_new_flows_and_nothing_else(pair: Pair) -> None:
    """Every port towards one destination is taken: old flows, other destinations and nodes go on."""
    agree(pair)
    bench = pair.bench
    there = (divided.target(bench), PORT)
    block = divided.block_of(bench, "node-a")
    size = block.last - block.first + 1
    with ExitStack() as stack:
        server = stack.enter_context(divided.udp(bench, "target"))
        server.bind(there)
        old = stack.enter_context(divided.udp(bench, "client-a"))
        old.bind(("", FIRST_SPORT - 1))
        old.sendto(b"old", there)
        _, before = server.recvfrom(64)
        failed = insert_failures(bench, "node-a")
        unfailed = insert_failures(bench, "node-c")
        seen = fill(bench, server, "client-a")
        assert {address for address, _ in seen} == {divided.fixed(bench)}
        ports = [port for _, port in seen]
        assert [port for port in ports if port not in block] == []
        assert len(set(ports)) == len(ports)
        assert size * 0.99 <= len(ports) + 1 <= size
        assert insert_failures(bench, "node-a") - failed >= SPORTS - len(ports)
        old.sendto(b"old", there)
        data, again = server.recvfrom(64)
        assert (data, again) == (b"old", before)
        server.sendto(b"answer", again)
        assert old.recv(64) == b"answer"
        divided.everything_works(bench)
        with divided.udp(bench, "client-c") as other:
            other.sendto(b"new", there)
            data, (address, port) = server.recvfrom(64)
        assert (data, address) == (b"new", divided.fixed(bench))
        assert port in divided.block_of(bench, "node-c")
        assert insert_failures(bench, "node-c") == unfailed


FIRST_SPORT, SPORTS = 2000, 63_000
"""More flows than a block has ports: the second half can have none."""


def fill(bench: Bench, server: socket.socket, client: str) -> list[tuple[str, int]]:
    """Send one packet of each of many flows; the sources that the server has seen."""
    source = next(c.address.packed for c in divided.clients(bench) if c.name == client)
    address = divided.target(bench)
    target = socket.inet_aton(address)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 29, 0, 0, 64, 17, 0, source, target)
    seen = []
    server.settimeout(0)
    with divided.inside(bench, client):
        sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with sender:
        for sport in range(FIRST_SPORT, FIRST_SPORT + SPORTS):
            udp = struct.pack("!HHHH", sport, PORT, 9, 0) + b"x"
            sender.sendto(head + udp, (address, 0))
            if sport % 50 == 0:
                seen += received(server)
    seen += received(server)
    server.settimeout(divided.SECONDS)
    return seen


def received(server: socket.socket) -> list[tuple[str, int]]:
    """The sources of what waits at a socket."""
    found: list[tuple[str, int]] = []
    while True:
        try:
            found.append(server.recvfrom(64)[1])
        except BlockingIOError:
            return found


def insert_failures(bench: Bench, node: str) -> int:
    """Flows that conntrack could not keep, as an operator reads it."""
    said = divided.at(bench, node, "conntrack", "-S")
    return sum(map(int, re.findall(r"\binsert_failed=(\d+)", said)))
