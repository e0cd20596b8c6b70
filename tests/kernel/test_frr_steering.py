"""Steering by BGP passes the contract of steerings, with real daemons on two nodes and a router."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import TypeVar

import pytest

from natgate.cloud.frr import FrrSteering
from natgate.cloud.interface import Target
from natgate.lab import routing
from natgate.lab.network import GATEWAY
from natgate.model.error import HostError
from natgate.model.routes import Route
from natgate.model.spec import Spec
from natgate.model.steering import FrrSteering as Settings
from natgate.wire.config import parse_spec
from tests.namespaces import Namespace, execute, namespace
from tests.steering_contract import NODES, ROUTES, Bench, SteeringContract

SPEC = """\
apiVersion: natgate/v1
network:
  name: main
  ranges: [10.10.0.0/24]
  zones: [a]
  subnets:
    - {name: clients, zone: a, cidr: 10.10.0.0/28}
    - {name: fixed, cidr: 10.10.0.80/28, kind: address}
nodes:
  - {name: a, zone: a, address: 10.0.0.1}
  - {name: b, zone: a, address: 10.0.0.2}
gateways:
  - name: g
    addresses: [{address: 10.10.0.85}]
    snat: [{name: e, sources: [10.10.0.0/28], destinations: [0.0.0.0/0, 192.0.2.0/24]}]
steering: {kind: frr, routers: [169.254.0.1]}
heartbeat: {key_env: NATGATE_KEY}
"""
NAMES = dict(zip("ab", NODES, strict=True))
DEADLINE = 20.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """A router `r` and two nodes, each with FRR in a directory of its own."""

    directory: Path
    hosts: Mapping[str, Namespace]
    spec: Spec

    def settings(self) -> Settings:
        """Where the nodes' daemons are."""
        return Settings(
            kind="frr", routers=(IPv4Address(GATEWAY),), vty_dir=f"{self.directory}/{{node}}"
        )

    def steering(self, node: str) -> FrrSteering:
        """The plug-in of one node, as its agent makes it."""
        return FrrSteering(self.settings(), self.spec, node)

    def vtysh(self, host: str, *commands: str) -> str:
        """What an operator types."""
        each = [argument for command in commands for argument in ("-c", command)]
        return execute("vtysh", "--vty_socket", str(self.directory / host), *each)

    def configure(self, host: str, *commands: str) -> None:
        """The same, in the configuration mode."""
        self.vtysh(host, "configure terminal", *commands)

    def start(self, host: str) -> None:
        """Start what does not run of a host's daemons."""
        place = self.directory / host
        for daemon in routing.DAEMONS:
            if self._pid(host, daemon) is None:
                with self.hosts[host].entered():
                    execute(*routing.command(place, daemon))

    def stop(self, host: str, daemon: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End a daemon, and wait until it is gone."""
        pid = self._pid(host, daemon)
        if pid is not None:
            os.kill(pid, number)
            until(lambda: not Path(f"/proc/{pid}").exists())

    def _pid(self, host: str, daemon: str) -> int | None:
        path = self.directory / host / f"{daemon}.pid"
        pid = int(path.read_text()) if path.exists() else 0
        return pid if pid and Path(f"/proc/{pid}").exists() else None


def until(true: Callable[[], bool]) -> None:
    """Wait for a condition; it must come true in 20 s."""
    deadline = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    """The daemons run for all tests of this file."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="natgate-frr-"))
        stack.callback(shutil.rmtree, directory)
        directory.chmod(0o711)
        hosts = {name: stack.enter_context(namespace()) for name in ("r", *NAMES)}
        made = Net(directory=directory, hosts=hosts, spec=parse_spec(SPEC))
        hosts["r"].run("sysctl -q net.ipv4.ip_forward=1")
        for name, address in NAMES.items():
            hosts["r"].run(
                f"ip link add n{name} type veth peer name eth0 netns {hosts[name].path}",
                f"ip link set n{name} up",
                f"ip address add {GATEWAY}/32 dev n{name}",
                f"ip route add {address}/32 dev n{name} src {GATEWAY}",
            )
            hosts[name].run(
                f"ip address add {address}/32 dev eth0",
                "ip link set eth0 up",
                f"ip route add default via {GATEWAY} dev eth0 onlink",
            )
        for name in hosts:
            place = directory / name
            place.mkdir()
            shutil.chown(place, routing.USER, routing.USER)
            router = routing.router_configuration(map(str, NODES))
            text = router if name == "r" else routing.node_configuration(str(NAMES[name]))
            (place / "frr.conf").write_text(text)
            for daemon in routing.DAEMONS:
                stack.callback(made.stop, name, daemon)
            made.start(name)
        yield made


class Agents:
    """The plug-ins of both nodes as one steering: a node is led to by its own agent.

    What is read must be the same on both, as soon as the routers have told both.
    """

    def __init__(self, net: Net) -> None:
        self.by_node = {address: net.steering(name) for name, address in NAMES.items()}

    async def read(self, routes: Sequence[Route]) -> Mapping[Route, Target | None]:
        """What both say."""
        for _ in range(200):
            first, second = [await one.read(routes) for one in self.by_node.values()]
            if first == second:
                break
            await asyncio.sleep(0.01)
        assert first == second
        return first

    async def point(self, routes: Sequence[Route], node: IPv4Address) -> Mapping[Route, str]:
        """By the node's own agent."""
        return await self.by_node[node].point(routes, node)

    async def refused(self, routes: Sequence[Route]) -> Mapping[Route, str]:
        """By the first."""
        return await self.by_node[NODES[0]].refused(routes)

    async def offer(
        self, routes: Sequence[Route], node: IPv4Address, *, fit: bool | None
    ) -> str | None:
        """By the node's own agent."""
        return await self.by_node[node].offer(routes, node, fit=fit)

    async def withdraw(self) -> None:
        """From both."""
        for one in self.by_node.values():
            await one.withdraw()

    def close(self) -> None:
        """Both."""
        for one in self.by_node.values():
            one.close()


def sync(work: Awaitable[T]) -> T:
    """Run one call."""

    async def run() -> T:
        return await work

    return asyncio.run(run())


@pytest.fixture
def agents(net: Net) -> Iterator[Agents]:
    """Plug-ins that have settled sessions, and nothing announced before or after."""
    made = Agents(net)

    def settled() -> bool:
        answers = [sync(made.offer(ROUTES, node, fit=None)) for node in NODES]
        return answers == [None, None]

    until(settled)
    yield made
    sync(made.withdraw())
    until(lambda: _nothing_told(made))
    made.close()


PREFIXES = [route.destination for route in ROUTES]


def _nothing_told(agents: Agents) -> bool:
    """Neither node holds a path that the other once announced."""
    found = [sync(one.read(ROUTES)) for one in agents.by_node.values()]
    return found == [dict.fromkeys(ROUTES)] * 2


@pytest.fixture
def bench(net: Net, agents: Agents) -> Iterator[Bench]:
    """Both plug-ins, and a router that announces a prefix itself."""
    instance, family = f"router bgp {routing.ROUTER_AS}", "address-family ipv4 unicast"
    own = "no bgp network import-check"
    astray: list[str] = []

    def lead_astray(route: Route) -> None:
        astray.append(f"network {route.destination}")
        net.configure("r", instance, own, family, astray[-1])
        until(lambda: isinstance(sync(agents.read([route]))[route], str))

    yield Bench(steering=agents, lead_astray=lead_astray)
    sync(agents.withdraw())
    for statement in astray:
        net.configure("r", instance, family, f"no {statement}")


class TestFrrSteering(SteeringContract):
    """Every test of the contract, over BGP."""


def test_a_node_announces_itself_only(agents: Agents) -> None:
    """No agent can lead a route to another node, nor offer it."""
    first = agents.by_node[NODES[0]]
    failed = sync(first.point(ROUTES, NODES[1]))
    assert failed == dict.fromkeys(ROUTES, "10.0.0.1 can announce itself only")
    assert sync(first.offer(ROUTES, NODES[1], fit=True)) is None
    assert sync(agents.read(ROUTES)) == dict.fromkeys(ROUTES)


def test_removing_takes_away_only_what_natgate_made(net: Net, agents: Agents) -> None:
    """The operator's own statements and route maps are those of before."""
    family = ("router bgp 65010", "address-family ipv4 unicast")
    net.configure("a", "route-map mine permit 10", "set metric 5")
    net.configure("a", *family, "network 203.0.113.0/24 route-map mine")
    try:
        before = net.vtysh("a", "show running-config")
        sync(agents.offer(ROUTES, NODES[0], fit=True))
        sync(agents.point(ROUTES, NODES[0]))
        assert "natgate-" in net.vtysh("a", "show running-config")
        sync(agents.withdraw())
        assert net.vtysh("a", "show running-config") == before
    finally:
        net.configure("a", *family, "no network 203.0.113.0/24")
        net.configure("a", "no route-map mine")


def test_what_others_announce_is_not_touched(net: Net, agents: Agents) -> None:
    """A statement of the operator for a prefix of a gateway is named, not overwritten."""
    statement = ("router bgp 65010", "address-family ipv4 unicast")
    net.configure("a", *statement, f"network {PREFIXES[0]}")
    fresh = net.steering("a")
    try:
        assert list(sync(fresh.refused(ROUTES))) == [ROUTES[0]]
        assert "did not make" in (sync(fresh.offer(ROUTES, NODES[0], fit=True)) or "")
        assert "did not make" in sync(fresh.point(ROUTES, NODES[0]))[ROUTES[0]]
    finally:
        fresh.close()
        net.configure("a", *statement, f"no network {PREFIXES[0]}")
    del agents


def test_an_unfit_node_is_left_by_the_routers_if_another_stands_in(agents: Agents) -> None:
    """Alone it stays; with another that waits the routers act by themselves, and none is active."""
    sync(agents.point(ROUTES, NODES[0]))
    sync(agents.offer(ROUTES, NODES[0], fit=False))
    assert sync(agents.read(ROUTES)) == dict.fromkeys(ROUTES, NODES[0])
    sync(agents.offer(ROUTES, NODES[1], fit=True))
    until(lambda: sync(agents.read(ROUTES)) == dict.fromkeys(ROUTES))
    sync(agents.offer(ROUTES, NODES[0], fit=True))
    assert sync(agents.read(ROUTES)) == dict.fromkeys(ROUTES)
    assert sync(agents.point(ROUTES, NODES[1])) == {}
    assert sync(agents.read(ROUTES)) == dict.fromkeys(ROUTES, NODES[1])


def test_an_active_node_that_was_unfit_for_a_moment_is_active_again(agents: Agents) -> None:
    """Nobody took over meanwhile, so nothing has changed."""
    sync(agents.point(ROUTES, NODES[0]))
    for fit in (False, True):
        sync(agents.offer(ROUTES, NODES[0], fit=fit))
        assert sync(agents.read(ROUTES)) == dict.fromkeys(ROUTES, NODES[0])
    sync(agents.offer(ROUTES, NODES[1], fit=True))
    assert sync(agents.read(ROUTES)) == dict.fromkeys(ROUTES, NODES[0])


def test_two_that_take_over_at_once_end_with_one(agents: Agents) -> None:
    """The routers choose between equal claims, and the other waits again."""

    async def both() -> None:
        await asyncio.gather(*(agents.point(ROUTES, node) for node in NODES))

    asyncio.run(both())
    for _ in range(3):
        for node in NODES:
            sync(agents.offer(ROUTES, node, fit=True))
    (holder,) = set(sync(agents.read(ROUTES)).values())
    (other,) = set(NODES) - {holder}
    assert isinstance(holder, IPv4Address)
    steering = agents.by_node[other]
    sync(agents.by_node[holder].withdraw())
    until(lambda: sync(steering.read(ROUTES)) == dict.fromkeys(ROUTES))


def test_a_restarted_agent_finds_what_it_announced(net: Net, agents: Agents) -> None:
    """It changes nothing that is right, and takes away what its new spec does not have."""
    sync(agents.point(ROUTES, NODES[0]))
    before = net.vtysh("a", "show running-config")
    fresh = net.steering("a")
    assert sync(fresh.read(ROUTES)) == dict.fromkeys(ROUTES, NODES[0])
    assert sync(fresh.point(ROUTES, NODES[0])) == {}
    assert sync(fresh.offer(ROUTES, NODES[0], fit=None)) is None
    fresh.close()
    assert net.vtysh("a", "show running-config") == before
    less = parse_spec(SPEC.replace("[0.0.0.0/0, 192.0.2.0/24]", "[0.0.0.0/0]"))
    fresh = FrrSteering(net.settings(), less, "a")
    assert sync(fresh.read(ROUTES[:2])) == dict.fromkeys(ROUTES[:2], NODES[0])
    fresh.close()
    assert "network 192.0.2.0/24" not in net.vtysh("a", "show running-config")


def test_routers_that_do_not_follow_are_an_error(net: Net, agents: Agents) -> None:
    """Where a router prefers another for reasons of its own, the take-over fails and is undone."""
    policy = (f"router bgp {routing.ROUTER_AS}", "address-family ipv4 unicast")
    net.configure("r", "route-map dear permit 10", "set local-preference 500", "exit")
    net.configure("r", *policy, "neighbor 10.0.0.1 route-map dear in")
    try:
        sync(agents.point(ROUTES, NODES[0]))
        failed = sync(agents.point(ROUTES, NODES[1]))
        assert failed == dict.fromkeys(
            ROUTES, "the routers do not follow within 1 s: they still lead it to 10.0.0.1"
        )
        assert sync(agents.read(ROUTES)) == dict.fromkeys(ROUTES, NODES[0])
    finally:
        net.configure("r", *policy, "no neighbor 10.0.0.1 route-map dear in")
        net.configure("r", "no route-map dear permit 10")


def test_a_missing_setting_is_named(net: Net, agents: Agents) -> None:
    """With FRR's default a prefix that the node has no route to is not announced."""
    net.configure("b", "router bgp 65010", "bgp network import-check")
    try:
        reason = sync(agents.offer(ROUTES, NODES[1], fit=True)) or ""
        assert "it needs no bgp network import-check" in reason
    finally:
        net.configure("b", "router bgp 65010", "no bgp network import-check")


def test_a_bgpd_that_is_killed_makes_its_node_unfit(net: Net, agents: Agents) -> None:
    """Neither can be said who is active, nor can this node carry; it comes back as one that waits."""
    sync(agents.offer(ROUTES, NODES[1], fit=True))
    sync(agents.point(ROUTES, NODES[0]))
    first, second = (agents.by_node[node] for node in NODES)
    net.stop("a", "bgpd", signal.SIGKILL)
    with pytest.raises(HostError, match="bgpd"):
        sync(first.read(ROUTES))
    assert "bgpd must run" in (sync(first.offer(ROUTES, NODES[0], fit=True)) or "")
    assert "bgpd must run" in sync(first.point(ROUTES, NODES[0]))[ROUTES[0]]
    until(lambda: sync(second.read(ROUTES)) == dict.fromkeys(ROUTES))
    assert sync(second.point(ROUTES, NODES[1])) == {}
    net.start("a")
    until(lambda: sync(first.offer(ROUTES, NODES[0], fit=True)) is None)
    assert sync(agents.read(ROUTES)) == dict.fromkeys(ROUTES, NODES[1])


def test_a_session_that_comes_back_relieves_nobody(net: Net, agents: Agents) -> None:
    """A node that was cut off returns with its old claim, and finds that it was relieved."""
    sync(agents.point(ROUTES, NODES[0]))
    sync(agents.offer(ROUTES, NODES[1], fit=True))
    first, second = (agents.by_node[node] for node in NODES)
    net.hosts["a"].run("ip link set eth0 down")
    until(lambda: sync(second.read(ROUTES)) == dict.fromkeys(ROUTES))
    assert sync(second.point(ROUTES, NODES[1])) == {}
    until(lambda: "is down" in (sync(first.offer(ROUTES, NODES[0], fit=True)) or ""))
    with pytest.raises(HostError, match=r"session to 169\.254\.0\.1 is down"):
        sync(first.read(ROUTES))
    net.hosts["a"].run("ip link set eth0 up", f"ip route add default via {GATEWAY} dev eth0 onlink")
    until(lambda: sync(first.offer(ROUTES, NODES[0], fit=True)) is None)
    assert sync(agents.read(ROUTES)) == dict.fromkeys(ROUTES, NODES[1])
