"""Two nodes on one segment, each with a real conntrackd, and their agents' replication alone."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from natgate.agent.keeper import Keeper
from natgate.agent.main import pairing_of
from natgate.agent.replication import Replication
from natgate.kernel import flows
from natgate.kernel.conntrackd import Conntrackd
from natgate.kernel.host import HostKernel
from natgate.model.spec import Spec
from natgate.model.timeouts import Timeouts
from natgate.model.view import NO_SYNC, NodeView, SyncView
from natgate.plan import state as known
from natgate.plan.setup import setup_of
from natgate.store.fake import FakeStore
from natgate.wire.config import parse_spec
from natgate.wire.conntrack import LiveFlow
from tests.namespaces import Namespace, namespace

CLIENT, TARGET, FIXED = "10.1.0.10", "203.0.113.20", "10.1.200.5"
PORT = 7000
NAMES = ("node-a", "node-b")
DEADLINE = 15.0
EVERY_PORT = [(frozenset([socket.inet_aton(FIXED)]), 1025, 65535)]

SPEC = parse_spec(
    """\
apiVersion: natgate/v1
network:
  name: net
  ranges: [10.1.0.0/16]
  zones: [a]
  subnets:
    - {name: clients, zone: a, cidr: 10.1.0.0/24}
    - {name: fixed, cidr: 10.1.200.0/28, kind: address}
nodes:
  - {name: node-a, zone: a, address: 203.0.113.1, sync_address: 192.0.2.1}
  - {name: node-b, zone: a, address: 203.0.113.2, sync_address: 192.0.2.2}
gateways:
  - name: g
    addresses: [{address: 10.1.200.5}]
    snat: [{name: one, sources: [10.1.0.0/24]}]
heartbeat: {key_env: NATGATE_KEY}
"""
)


SHORT = SPEC.model_copy(
    update={
        "gateways": (
            SPEC.gateways[0].model_copy(
                update={"timeouts": Timeouts.model_validate({"tcp": "12s", "udp": "4s"})}
            ),
        )
    }
)
"""The same with short idle time-outs."""


def until(true: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
    """Wait until something becomes true; it must, in time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)


@dataclass
class Node:
    """One node: `run` is the work of its agent, which may end and begin again."""

    name: str
    space: Namespace
    directory: Path
    rig: "Rig"
    run: "Run | None" = None
    started: list[Conntrackd] = field(default_factory=list)

    def up(self) -> "Run":
        """Its agent begins."""
        self.run = Run(self)
        return self.run

    def down(self) -> None:
        """Its agent ends; conntrackd goes on."""
        run, self.run = self.run, None
        if run is not None:
            run.end()

    def die(self) -> None:
        """Everything ends, and nothing is left in its kernel."""
        self.end()
        self.forget()

    def end(self) -> None:
        """Nothing of it is left, nor a child that nobody waits for."""
        self.down()
        self.daemon.remove()
        until(lambda: not any(daemon.lives() for daemon in self.started), "ended")

    def forget(self) -> None:
        """Its kernel has no flows."""
        self.space.run("conntrack -F")

    @property
    def daemon(self) -> Conntrackd:
        """Its conntrackd, as any other process finds it."""
        return Conntrackd(self.directory)

    @property
    def view(self) -> SyncView:
        """What it says of itself; nothing without an agent."""
        return self.run.replication.view() if self.run is not None else NO_SYNC

    def filled(self) -> bool:
        """Whether it holds all flows, as far as it knows."""
        return bool(self.view.session) and not self.view.empty

    def flows(self) -> list[LiveFlow]:
        """The translated flows in its kernel."""
        with self.space.entered():
            return flows.translated(EVERY_PORT)

    def ports(self) -> set[int]:
        """The translated ports of these flows."""
        return {flow.port for flow in self.flows()}


class Run:
    """An agent's replication on a thread of its own, inside the node's namespace."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._loop = asyncio.new_event_loop()
        made: Future[Replication] = Future()
        self._thread = threading.Thread(target=self._live, args=(made,), daemon=True)
        self._thread.start()
        self.replication = made.result(timeout=DEADLINE)

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something done by the agent."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=DEADLINE)

    def end(self) -> None:
        """The agent ends as on SIGTERM."""
        self.do(self.replication.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=DEADLINE)
        self._loop.close()

    def moved(self) -> None:
        """The decision saw shares change hands."""

        async def tell() -> None:
            self.replication.moved()

        self.do(tell())

    def _live(self, made: "Future[Replication]") -> None:
        with self._node.space.entered():
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(self._begin(made))
            self._loop.run_forever()

    async def _begin(self, made: "Future[Replication]") -> None:
        node = self._node
        daemon = Conntrackd(node.directory)
        node.started.append(daemon)
        try:
            made.set_result(
                Replication(
                    spec=node.rig.spec,
                    me=node.name,
                    daemon=daemon,
                    pairing=lambda spec, me, peer: pairing_of(spec, me, peer, daemon.directory),
                    state=lambda: node.rig.state(node),
                )
            )
        except BaseException as error:
            made.set_exception(error)
            raise


@dataclass
class Rig:
    """A client, a target and two nodes; routes lead through one of the nodes."""

    client: Namespace
    target: Namespace
    open: ExitStack
    spec: Spec = SPEC
    nodes: dict[str, Node] = field(default_factory=dict)
    active: str = NAMES[0]

    @property
    def a(self) -> Node:
        """The first node."""
        return self.nodes[NAMES[0]]

    @property
    def b(self) -> Node:
        """The second node."""
        return self.nodes[NAMES[1]]

    def state(self, node: Node) -> known.State:
        """What a decision on that node would know: every agent that runs speaks."""
        now = time.monotonic()
        state = known.begin(setup_of(self.spec, node.name), now)
        peers = {
            other.name: known.PeerState(heard=now, view=NodeView(sync=other.view))
            for other in self.nodes.values()
            if other is not node and other.run is not None
        }
        shares = {
            share.name: known.ShareState(holders=dict.fromkeys(share.routes, self.active))
            for share in state.setup.shares
        }
        return replace(state, started=now - 60, peers=peers, shares=shares)

    def through(self, node: Node) -> None:
        """Both directions lead through that node."""
        self.active = node.name
        last = NAMES.index(node.name) + 1
        self.client.run(f"ip route replace default via 10.1.0.{last}")
        self.target.run(f"ip route replace {FIXED} via 203.0.113.{last}")

    def listen(self) -> socket.socket:
        """A TCP socket of the target."""
        with self.target.entered():
            made = socket.create_server((TARGET, PORT), backlog=256)
        self.open.callback(made.close)
        return made

    def connect(self, server: socket.socket) -> "Connection":
        """A TCP connection of the client to the target."""
        with self.client.entered():
            ours = socket.create_connection((TARGET, PORT), timeout=DEADLINE)
        self.open.callback(ours.close)
        theirs, (_, port) = server.accept()
        self.open.callback(theirs.close)
        theirs.settimeout(DEADLINE)
        return Connection(ours, theirs, port)

    def stream(self) -> "Connection":
        """A UDP flow of the client, with the socket of the target that answers."""
        with self.target.entered():
            theirs = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        theirs.bind((TARGET, 0))
        with self.client.entered():
            ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for each in (theirs, ours):
            self.open.callback(each.close)
            each.settimeout(DEADLINE)
        ours.connect(theirs.getsockname())
        ours.send(b"x")
        _, (_, port) = theirs.recvfrom(1)
        theirs.connect((FIXED, port))
        theirs.send(b"x")
        ours.recv(1)
        return Connection(ours, theirs, port)


@dataclass(frozen=True, slots=True)
class Connection:
    """Both ends of a flow, and the port that the target sees."""

    ours: socket.socket
    theirs: socket.socket
    port: int

    def works(self) -> bool:
        """Whether bytes go there and back."""
        self.ours.send(b"x")
        there = self.theirs.recv(1)
        self.theirs.send(b"y")
        return (there, self.ours.recv(1)) == (b"x", b"y")


@contextmanager
def rig(directory: Path, spec: Spec = SPEC) -> Iterator[Rig]:
    """The four machines; the nodes have their rules and no agents yet."""
    with ExitStack() as stack:
        segment, client, target = (stack.enter_context(namespace()) for _ in range(3))
        segment.run("ip link add name switch type bridge", "ip link set switch up")
        _attach(segment, client, "c", f"{CLIENT}/24")
        _attach(segment, target, "t", f"{TARGET}/24")
        made = Rig(client=client, target=target, open=stack, spec=spec)
        for last, name in enumerate(NAMES, 1):
            space = stack.enter_context(namespace())
            addresses = (f"203.0.113.{last}/24", f"10.1.0.{last}/24", f"192.0.2.{last}/24")
            _attach(segment, space, name, *addresses)
            made.nodes[name] = node = Node(name, space, directory / name, made)
            stack.callback(node.end)
            with space.entered(), closing(HostKernel()) as kernel:
                kept = Keeper(node=name, kernel=kernel, store=FakeStore()).bring(spec)
            assert kept.error is None, kept.error
        made.through(made.a)
        yield made


def _attach(segment: Namespace, host: Namespace, port: str, *addresses: str) -> None:
    segment.run(
        f"ip link add name {port} type veth peer name eth0 netns {host.path}",
        f"ip link set dev {port} master switch up",
    )
    host.run(*(f"ip address add {each} dev eth0" for each in addresses), "ip link set eth0 up")
