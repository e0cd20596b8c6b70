"""Steering by keepalived: two nodes on one segment, each with a real daemon."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeVar

import pytest

from natgate.cloud.interface import Target
from natgate.cloud.vrrp import VrrpSteering, end_keepalived, keepalived_of
from natgate.model.error import RefusedError
from natgate.model.routes import Route
from natgate.model.spec import Spec
from natgate.wire.config import parse_spec
from tests.namespaces import Namespace, execute, namespace
from tests.steering_contract import NODES, ROUTES, Bench, SteeringContract

SPEC = """
apiVersion: natgate/v1
network:
  name: flat
  ranges: [10.0.0.0/24]
  zones: [a]
  subnets:
    - {name: hosts, zone: a, cidr: 10.0.0.128/25}
    - {name: nodes, zone: a, cidr: 10.0.0.0/28, kind: node}
    - {name: fixed, cidr: 10.0.0.16/28, kind: address}
nodes:
  - {name: node-1, zone: a, address: 10.0.0.1}
  - {name: node-2, zone: a, address: 10.0.0.2}
gateways:
  - name: out
    addresses: [{address: 10.0.0.20}]
    snat: [{name: all, sources: [10.0.0.128/25]}]
steering: {kind: vrrp, interface: eth0, router_id: 51, inside: [10.0.0.254]}
heartbeat: {key_env: KEY}
"""
ADDRESSES = {"10.0.0.20/32", "10.0.0.254/32"}
T = TypeVar("T")


@dataclass(slots=True)
class Node:
    """A node's namespace, state directory and steering."""

    name: str
    space: Namespace
    state: Path
    steering: VrrpSteering

    @property
    def address(self) -> IPv4Address:
        """The node's own address."""
        return NODES[int(self.name[-1]) - 1]

    def do(self, work: Callable[[VrrpSteering], Coroutine[Any, Any, T]]) -> T:
        """Something with the steering, where the node is."""
        with self.space.entered():
            return asyncio.run(work(self.steering))

    def active(self) -> Target | None:
        """Whom this node takes for active."""
        return self.do(lambda steering: steering.read(ROUTES[:1]))[ROUTES[0]]

    def take(self) -> Mapping[Route, str]:
        """What becomes of leading everything here."""
        return self.do(lambda steering: steering.point(ROUTES, self.address))

    def offer(self, *, ready: bool) -> None:
        """Take part, or step down."""
        self.do(lambda steering: steering.offer(ROUTES, NODES[0], fit=ready))

    def held(self) -> set[str]:
        """The addresses of the gateway that are on this node's link."""
        words = self.space.run("ip -4 -brief address show dev eth0").split()
        return ADDRESSES & set(words)

    def pids(self) -> list[int]:
        """The processes of this node's keepalived."""
        return keepalived_of(self.state).pids()

    def kill(self) -> None:
        """End keepalived so that it cannot say farewell."""
        kill(self.state)

    def restart(self, spec: Spec) -> None:
        """A new agent with that spec."""
        self.steering.close()
        with self.space.entered():
            self.steering = VrrpSteering(spec, self.name, self.state)


def until(holds: Callable[[], bool], what: str, within: float = 5.0) -> float:
    """Wait until something holds; the seconds that it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + within, what
        time.sleep(0.005)
    return time.monotonic() - began


def kill(state: Path) -> None:
    """End every process of the keepalived of a state directory."""
    daemon = keepalived_of(state)
    for pid in daemon.pids():
        os.kill(pid, signal.SIGKILL)
    until(lambda: not daemon.pids(), "keepalived is still there")


def link(segment: Namespace, number: int, space: Namespace) -> None:
    """A host's link to the segment, with its address."""
    with segment.entered():
        peer = ("peer", "name", "eth0", "netns", space.path)
        execute("ip", "link", "add", f"p{number}", "type", "veth", *peer)
    segment.run(f"ip link set p{number} master br0 up")
    space.run(f"ip address add 10.0.0.{number}/24 dev eth0", "ip link set eth0 up")


@pytest.fixture
def segment() -> Iterator[Namespace]:
    """A segment without hosts."""
    with namespace() as made:
        made.run("ip link add br0 type bridge", "ip link set br0 up")
        yield made


@pytest.fixture
def nodes(segment: Namespace, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    """Two nodes; neither has offered to carry the gateway."""
    made = []
    with ExitStack() as stack:
        for number in (1, 2):
            name, space = f"node-{number}", stack.enter_context(namespace())
            link(segment, number, space)
            state = tmp_path / name
            state.mkdir()
            stack.callback(kill, state)
            with space.entered():
                steering = VrrpSteering(parse_spec(SPEC), name, state)
            made.append(Node(name, space, state, steering))
            stack.callback(lambda node: node.steering.close(), made[-1])
        yield made[0], made[1]


@dataclass(slots=True)
class Pair:
    """A `Steering` that speaks to each node's own, as the agents together do."""

    nodes: tuple[Node, Node]

    async def read(self, routes: Sequence[Route]) -> Mapping[Route, Target | None]:
        """As the first node sees it."""
        with self.nodes[0].space.entered():
            return await self.nodes[0].steering.read(routes)

    async def point(self, routes: Sequence[Route], node: IPv4Address) -> Mapping[Route, str]:
        """Told to the node that is to be active."""
        chosen = self.nodes[NODES.index(node)]
        with chosen.space.entered():
            return await chosen.steering.point(routes, node)

    async def refused(self, routes: Sequence[Route]) -> Mapping[Route, str]:
        """Asked of the first."""
        return await self.nodes[0].steering.refused(routes)

    async def offer(
        self, routes: Sequence[Route], node: IPv4Address, *, fit: bool | None
    ) -> str | None:
        """Told to both."""
        for each in self.nodes:
            await each.steering.offer(routes, node, fit=fit)
        return None

    async def withdraw(self) -> None:
        """Told to both."""
        for node in self.nodes:
            await node.steering.withdraw()

    def close(self) -> None:
        """Close both."""
        for node in self.nodes:
            node.steering.close()


@pytest.fixture
def bench(nodes: tuple[Node, Node]) -> Bench:
    """Both nodes as one steering."""
    return Bench(steering=Pair(nodes), lead_astray=lambda _: None)


class TestVrrpSteering(SteeringContract):
    """Every test of the contract, but for what needs routes that move one by one."""

    def test_only_the_named_routes_are_moved(self, bench: Bench) -> None:
        """No routes are no work; any one of them takes all along, since the addresses move."""
        asyncio.run(bench.steering.point(ROUTES[:1], NODES[0]))
        assert asyncio.run(bench.steering.point([], NODES[1])) == {}
        assert asyncio.run(bench.steering.read(ROUTES)) == dict.fromkeys(ROUTES, NODES[0])

    def test_what_is_no_node_is_told_by_its_text(self, bench: Bench) -> None:
        """Who is no node of the spec is not heard, so that the addresses lead to a node or nowhere."""
        assert set(asyncio.run(bench.steering.read(ROUTES)).values()) == {None}


def test_a_node_takes_addresses_for_itself_only(nodes: tuple[Node, Node]) -> None:
    """Leading the routes to another node is refused with a sentence."""
    failed = nodes[0].do(lambda steering: steering.point(ROUTES, NODES[1]))
    assert failed == dict.fromkeys(ROUTES, "only 10.0.0.2 itself can take the addresses")


def test_all_addresses_are_on_the_active_node_and_nowhere_else(nodes: tuple[Node, Node]) -> None:
    """The inside and the fixed address move together, and both nodes see who has them."""
    for active, other in (nodes, nodes[::-1], nodes):
        assert active.take() == {}
        until(lambda node=active: node.held() == ADDRESSES, "an address is missing")  # type: ignore[misc]
        until(lambda node=other: not node.held(), "an address is on both nodes")  # type: ignore[misc]
        assert active.active() == other.active() == active.address


def test_priorities_do_not_climb_for_ever(nodes: tuple[Node, Node]) -> None:
    """Who took over gives its raised priority up once the other is silent, and stays active."""
    for round_ in range(4):
        active, other = nodes if round_ % 2 else nodes[::-1]
        assert active.take() == {}
        until(lambda: settled(nodes, active), "a priority is still raised")  # noqa: B023
        assert active.held() == ADDRESSES
        assert not other.held()


def settled(nodes: tuple[Node, Node], active: Node) -> bool:
    """Whether both nodes, looking again, have the priority of all."""
    assert {node.active() for node in nodes} == {active.address}
    return {(node.state / "vrrp" / "rank").read_text() for node in nodes} == {"0\n"}


def test_a_node_that_steps_down_is_followed_at_once(nodes: tuple[Node, Node]) -> None:
    """The other one takes over by itself, in less than a missed advert takes."""
    first, second = nodes
    second.offer(ready=True)
    first.take()
    first.offer(ready=False)
    assert until(lambda: second.held() == ADDRESSES, "nobody follows") < 0.15
    until(lambda: not first.held(), "the addresses are still there")
    assert first.active() == second.active() == second.address


def test_a_dead_node_is_followed_without_an_agent(nodes: tuple[Node, Node]) -> None:
    """When adverts stop, the addresses move; the node that returns does not take them back."""
    first, second = nodes
    first.offer(ready=True)
    first.take()
    second.offer(ready=True)
    first.kill()
    assert until(lambda: second.held() == ADDRESSES, "nobody follows") < 0.5
    assert first.active() == second.address, "it was started again, and listens"
    assert first.held() == set()
    until(lambda: len(first.pids()) == 2, "keepalived is not whole")
    for _ in range(3):
        assert first.active() == second.active() == second.address


def test_a_daemon_that_ends_is_started_again_at_once(nodes: tuple[Node, Node]) -> None:
    """The agent is told of the end and need not look; the addresses are put right as well."""
    node = nodes[0]
    node.take()

    async def lose(steering: VrrpSteering) -> list[int]:
        await steering.read(ROUTES)
        before = node.pids()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(5):
            while len(node.pids()) < 2 or set(node.pids()) & set(before):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return before

    assert len(node.do(lose)) == 2
    until(lambda: node.held() == ADDRESSES, "it is active no more")


def test_a_new_agent_adopts_what_runs(nodes: tuple[Node, Node]) -> None:
    """With the same spec nothing is touched; with another one keepalived reads it, and stays active."""
    node = nodes[0]
    node.take()
    until(lambda: len(node.pids()) == 2, "keepalived is not whole")
    before = node.pids()
    node.restart(parse_spec(SPEC))
    assert (node.pids(), node.active(), node.held()) == (before, node.address, ADDRESSES)
    more = SPEC.replace("{address: 10.0.0.20}", "{address: 10.0.0.20}, {address: 10.0.0.21}")
    node.restart(parse_spec(more))
    shown = "ip -4 -brief address show dev eth0"
    until(lambda: "10.0.0.21/32" in node.space.run(shown), "the new address is missing")
    assert node.pids()[:1] == before[:1]
    assert node.held() == ADDRESSES


def test_ending_leaves_nothing(nodes: tuple[Node, Node]) -> None:
    """No process, no address and no file is left, and ending again is no mistake."""
    node = nodes[0]
    node.take()
    node.steering.close()
    for _ in range(2):
        end_keepalived(node.state)
        assert node.pids() == []
        assert node.held() == set()
        assert list(node.state.iterdir()) == []


def test_a_link_or_program_that_is_missing_is_named(
    nodes: tuple[Node, Node], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that cannot do it says so when the spec is applied."""
    other = SPEC.replace("interface: eth0", "interface: eth7")
    with nodes[0].space.entered(), pytest.raises(RefusedError, match="has no link eth7"):
        VrrpSteering(parse_spec(other), "node-1", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with nodes[0].space.entered(), pytest.raises(RefusedError, match="apt-get install keepalived"):
        VrrpSteering(parse_spec(SPEC), "node-1", tmp_path)


def test_a_stranger_is_not_heard(nodes: tuple[Node, Node], segment: Namespace) -> None:
    """An advert of the highest priority from an address that is no peer changes nothing."""
    first, _ = nodes
    first.take()
    with namespace() as stranger:
        link(segment, 9, stranger)
        advert = bytes.fromhex("3133fe010005") + bytes(2) + IPv4Address("10.0.0.254").packed
        with stranger.entered():
            import socket  # noqa: PLC0415

            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
        with closing(raw):
            raw.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
            for _ in range(20):
                raw.sendto(advert, ("10.0.0.1", 0))
                assert first.active() == first.address
                assert first.held() == ADDRESSES
