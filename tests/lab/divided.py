"""Labs whose nodes all forward at once: made, settled, used and looked into."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, Literal

from natgate.kernel.echo import EchoSocket
from natgate.lab import agents, catalogue, namespace, network, record
from natgate.lab.record import Lab
from natgate.lab.scene import VPC, Client, Scene
from natgate.model.share import Block, Share, all_shares
from natgate.wire.icmp import EchoReply
from tests.namespaces import Namespace

from .conftest import Bench

Carrier = Literal["vxlan", "route"]

ECHO, HTTP, DOWNLOAD, CLOSED = 7, 80, 9000, 4711
LONG = 4000
"""Bytes of a packet that is cut into three fragments."""

SECONDS = 5.0
DEADLINE = 10.0

_FLOW = re.compile(
    r"^(?P<protocol>\w+) +\d+ \d+ .*?src=(?P<client>\S+) dst=(?P<target>\S+) "
    r"(?:sport=(?P<sport>\d+) dport=(?P<dport>\d+)|type=\d+ code=\d+ id=(?P<id>\d+)) .*?"
    r"src=\S+ dst=(?P<outside>\S+) "
    r"(?:sport=\d+ dport=(?P<port>\d+)|type=\d+ code=\d+ id=(?P<reply>\d+))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One entry of conntrack: `port` is the one outside, or the id of an echo."""

    protocol: str
    client: str
    sport: int
    target: str
    dport: int
    outside: str
    port: int


def scene_file(
    directory: Path, carrier: Carrier, change: Callable[[Scene], Scene] = lambda scene: scene
) -> str:
    """The built-in scene with both nodes at work, as a file."""
    scene = catalogue.with_mode(catalogue.prepared(catalogue.DEFAULT_SCENE), "active-active")
    handover = scene.spec.handover.model_copy(update={"carrier": carrier})
    scene = scene.model_copy(update={"spec": scene.spec.model_copy(update={"handover": handover})})
    path = directory / f"{carrier}.yaml"
    path.write_text(catalogue.as_yaml(change(scene)))
    return str(path)


def lab_of(bench: Bench) -> Lab:
    """The lab of a bench, read once: to read its scene takes longer than many a packet."""
    return _found(bench.name)


@cache
def _found(name: str) -> Lab:
    return record.find(name)


@contextmanager
def inside(bench: Bench, host: str) -> Iterator[None]:
    """This thread is at a host meanwhile; sockets made there stay there."""
    path = namespace.NETNS / lab_of(bench).namespace(host)
    with path.open("rb") as opened, Namespace(opened.fileno()).entered():
        yield


def at(bench: Bench, host: str, *argv: str) -> str:
    """The output of a program on a host, which must succeed."""
    return namespace.run(namespace.inside(lab_of(bench).namespace(host), argv))


def until(missing: Callable[[], str | None]) -> None:
    """Wait until nothing is missing; fail with the sentence after the deadline."""
    deadline = time.monotonic() + DEADLINE
    while sentence := missing():
        assert time.monotonic() < deadline, sentence
        time.sleep(0.02)


def target(bench: Bench) -> str:
    """The address of the one target."""
    return str(lab_of(bench).scene.targets[0].address)


def fixed(bench: Bench) -> str:
    """The one fixed address."""
    return str(lab_of(bench).scene.spec.gateways[0].addresses[0].address)


def clients(bench: Bench) -> tuple[Client, ...]:
    """One client for each zone."""
    return lab_of(bench).scene.clients


def home_of(bench: Bench, client: Client) -> str:
    """The node in a client's own zone."""
    zones = {s.name: s.zone for s in lab_of(bench).scene.spec.network.subnets}
    return next(n.name for n in lab_of(bench).scene.spec.nodes if n.zone == zones[client.subnet])


def block_of(bench: Bench, node: str) -> Block:
    """The ports that a node gives out when all is well."""
    return next(share.block for share in all_shares(lab_of(bench).scene.spec) if share.home == node)


# What the tables say


def disagreement(bench: Bench, carriers: dict[str, str] | None = None) -> str | None:
    """Where a status, the router's tables or the port maps say another thing than wanted.

    `carriers`: the node of each share, its home unless told; only the nodes named there are asked.
    These scenes have no fence, so that nobody gives out the ports of another node's block.
    """
    shares = all_shares(lab_of(bench).scene.spec)
    wanted = carriers or {share.name: share.home for share in shares}
    asked = set(wanted.values())
    answers = agents.statuses(lab_of(bench))
    for node in sorted(asked):
        if node not in answers:
            return f"{node} does not answer"
        said = {s["name"]: s for g in answers[node]["gateways"] for s in g["shares"]}
        for name, carrier in wanted.items():
            if said[name]["carrier"] != carrier:
                return f"{node} says that {said[name]['carrier']} carries {name}, not {carrier}"
            if said[name]["hands_out_here"] != (carrier == node == said[name]["home"]):
                return f"{node} gives out ports of {name}: {said[name]['hands_out_here']}"
        if problem := _maps_differ(bench, node, shares, wanted):
            return problem
    return _routes_differ(bench, shares, wanted)


def _routes_differ(bench: Bench, shares: Sequence[Share], wanted: dict[str, str]) -> str | None:
    spec = lab_of(bench).scene.spec
    numbers = network.tables(spec)
    argv = ["ip", "-n", lab_of(bench).namespace(VPC), "-j", "route", "show", "table", "all"]
    held = {
        (str(route.get("table")), IPv4Network(route["dst"])): route["gateway"]
        for route in json.loads(namespace.run(argv))
        if "gateway" in route and route["dst"] != "default" and "." in route["dst"]
    }
    for share in shares:
        address = str(spec.node(wanted[share.name]).address)
        for route in share.routes:
            found = held.get((str(numbers[route.table]), route.destination))
            if found != address:
                return f"the router leads {route} to {found}, not to {address}"
    return None


def _maps_differ(
    bench: Bench, node: str, shares: Sequence[Share], wanted: dict[str, str]
) -> str | None:
    elsewhere = {
        (share.block.first, share.block.last) for share in shares if wanted[share.name] != node
    }
    for name in ("ports", "ids"):
        gateway = lab_of(bench).scene.spec.gateways[0].name
        listing = _nft(bench, node, "map", "ip", "natgate", f"{name}.{gateway}")
        elements = next(item["map"] for item in listing if "map" in item).get("elem", [])
        found = {tuple(key["range"]) for key, _ in elements}
        if found != elsewhere:
            return f"{node} hands over {sorted(found)} by map {name}, not {sorted(elsewhere)}"
    return None


def settled(bench: Bench, carriers: dict[str, str] | None = None) -> None:
    """Wait until the status of each node, the router's tables and the port maps agree."""
    until(lambda: disagreement(bench, carriers))


def move(bench: Bench, node: str, *where: str) -> list[dict[str, Any]]:
    """What `natgate failover` at a node has moved."""
    argv = (sys.executable, "-m", "natgate", "failover", "--json", *where)
    said = at(bench, node, *argv, "--state", str(lab_of(bench).state(node)))
    moved: list[dict[str, Any]] = json.loads(said)
    return moved


def all_with(bench: Bench, node: str) -> dict[str, str]:
    """Every share carried by one node."""
    return {share.name: node for share in all_shares(lab_of(bench).scene.spec)}


# What the kernels count


def _nft(bench: Bench, node: str, *what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(at(bench, node, "nft", "-j", "list", *what))[
        "nftables"
    ]
    return found


def counter(bench: Bench, node: str, name: str) -> int:
    """Packets of a named counter of a node."""
    listing = _nft(bench, node, "counter", "ip", "natgate", name)
    return int(next(item["counter"] for item in listing if "counter" in item)["packets"])


def flows(bench: Bench, node: str) -> list[Flow]:
    """The translated flows that a node knows."""
    listing = at(bench, node, "conntrack", "-L", "-d", target(bench))
    return [flow for flow in map(_flow, listing.splitlines()) if flow is not None]


def _flow(line: str) -> Flow | None:
    found = _FLOW.match(line)
    if found is None:
        return None
    return Flow(
        protocol=found["protocol"],
        client=found["client"],
        sport=int(found["sport"] or found["id"]),
        target=found["target"],
        dport=int(found["dport"] or 0),
        outside=found["outside"],
        port=int(found["port"] or found["reply"]),
    )


# What clients do


@contextmanager
def udp(bench: Bench, client: str) -> Iterator[socket.socket]:
    """A client's UDP socket."""
    with inside(bench, client):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with made:
        made.settimeout(SECONDS)
        yield made


@contextmanager
def tcp(bench: Bench, client: str, port: int = ECHO) -> Iterator[socket.socket]:
    """A client's connection to the target."""
    with inside(bench, client):
        made = socket.create_connection((target(bench), port), SECONDS)
    with made:
        yield made


def echoed(flow: socket.socket, data: bytes, to: tuple[str, int] | None = None) -> None:
    """Data goes to the far end and comes back as it was."""
    if to is None:
        flow.sendall(data)
    else:
        flow.sendto(data, to)
    back = b""
    while len(back) < len(data):
        piece = flow.recv(65536)
        assert piece, "the far end has closed"
        back += piece
    assert back == data


def ping(bench: Bench, client: str, *, size: int = 56, count: int = 1) -> None:
    """Every echo is answered."""
    argv = ("ping", "-nq", f"-c{count}", "-i0.05", f"-w{SECONDS:.0f}", f"-s{size}")
    assert f"{count} received" in at(bench, client, *argv, target(bench))


def everything_works(bench: Bench) -> None:
    """TCP, UDP, echoes and fragments of every client go there and back, with the fixed address."""
    for client in clients(bench):
        assert bench.fetch(client.name, target(bench)) == f"ok: source={fixed(bench)}\n"
        with tcp(bench, client.name) as connection:
            echoed(connection, b"t" * 100_000)
        with udp(bench, client.name) as flow:
            echoed(flow, b"u", (target(bench), ECHO))
            echoed(flow, b"v" * LONG, (target(bench), ECHO))
        ping(bench, client.name)
        ping(bench, client.name, size=LONG)
    never_wrong(bench)


def never_wrong(bench: Bench) -> None:
    """The target has seen the fixed address, and no other one."""
    assert bench.packets("wrong") == {}
    assert set(bench.packets("admitted")) == {fixed(bench)}


def echo(bench: Bench, client: str, identifier: int) -> None:
    """One echo with an id of our choice is answered with that id."""
    address = next(c.address for c in clients(bench) if c.name == client)
    with inside(bench, client):
        opened = EchoSocket(address)
    with closing(opened):
        assert opened.send(IPv4Address(target(bench)), identifier, 1, b"token")
        answers: list[EchoReply] = []

        def missing() -> str | None:
            answers.extend(opened.receive())
            return None if answers else "the echo is not answered"

        until(missing)
    assert (answers[0].id, answers[0].payload) == (identifier, b"token")


def dying(bench: Bench, client: str, protocol: str, *, ttl: int) -> None:
    """A client sends one packet that does not live long enough to reach the target."""
    kinds = {"udp": ("-2", "-p", "7"), "tcp": ("-S", "-p", "80"), "icmp": ("-1",)}
    argv = ("hping3", "-q", "-c", "1", "-t", str(ttl), *kinds[protocol], target(bench))
    subprocess.run(
        namespace.inside(lab_of(bench).namespace(client), argv),
        capture_output=True,
        check=False,
        timeout=SECONDS,
    )


def port_of(bench: Bench, host: str) -> str:
    """The far end of a host's link."""
    return network.ports(lab_of(bench).scene)[host]
