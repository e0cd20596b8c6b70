"""Steering by a router that is a network namespace passes the contract of steerings."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address, IPv4Network

import pytest

from natgate.cloud.lab import LabSteering
from natgate.model.error import HostError, RefusedError
from natgate.model.routes import Route
from natgate.model.steering import LabSteering as Settings
from natgate.wire.config import parse_spec
from tests.namespaces import execute
from tests.steering_contract import NODES, ROUTES, Bench, TablesContract, spec_text

TABLES = {"edge": 100, "a": 101, "c": 4711}
SPEC = parse_spec(spec_text("{kind: lab}"))


@pytest.fixture
def router() -> Iterator[str]:
    """A router with a link to each node, in a namespace that has a name."""
    name = f"natgate-test-{os.getpid()}"
    execute("ip", "netns", "add", name)
    try:
        execute("ip", "-n", name, "link", "set", "lo", "up")
        for index, node in enumerate(NODES):
            link = ("ip", "-n", name, "link", "add", f"n{index}", "type", "veth", "peer")
            execute(*link, "name", f"p{index}")
            for end in (f"n{index}", f"p{index}"):
                execute("ip", "-n", name, "link", "set", end, "up")
            execute("ip", "-n", name, "route", "add", f"{node}/32", "dev", f"n{index}")
        yield name
    finally:
        execute("ip", "netns", "delete", name)


def make(router: str, node: str = "node-a") -> LabSteering:
    """A node's steering of this router."""
    return LabSteering(Settings(kind="lab", router=router, tables=TABLES), SPEC, node)


@pytest.fixture
def bench(router: str) -> Iterator[Bench]:
    """The steering, and a foreign hand in its router."""

    def lead_astray(route: Route) -> None:
        table = ("table", str(TABLES[route.table]))
        execute("ip", "-n", router, "route", "replace", str(route.destination), "dev", "n0", *table)

    with closing(make(router)) as steering:
        yield Bench(steering=steering, lead_astray=lead_astray)


class TestLabSteering(TablesContract):
    """Every test of the contract, over netlink."""

    def test_a_node_without_a_link_is_named(self, bench: Bench) -> None:
        """Where the router cannot reach the node, each route says so and none is moved."""
        asyncio.run(bench.steering.point(ROUTES, NODES[0]))
        stranger = IPv4Address("10.0.0.9")
        failed = asyncio.run(bench.steering.point(ROUTES, stranger))
        assert failed == dict.fromkeys(ROUTES, "the router has no link to 10.0.0.9")
        assert set(asyncio.run(bench.steering.read(ROUTES)).values()) == {NODES[0]}

    def test_an_unknown_route_table_is_refused(self, bench: Bench) -> None:
        """A table that the lab did not make cannot be read."""
        route = Route(table="x", destination=IPv4Network("0.0.0.0/0"))
        with pytest.raises(HostError, match="no route table x"):
            asyncio.run(bench.steering.read([route]))


OLD = Route(table="c", destination=IPv4Network("198.51.100.0/24"))
EVERY = Route(table="a", destination=IPv4Network("0.0.0.0/0"))


def shown(router: str) -> str:
    """All routes of the router that lead to a node by its address."""
    lines = execute("ip", "-n", router, "route", "show", "table", "all").splitlines()
    return "\n".join(line for line in lines if " via " in line)


def test_withdrawing_takes_away_what_leads_here_and_is_natgates(router: str) -> None:
    """Routes to the other node stay, and so does one that somebody else has led to this node."""
    hand = ("192.0.2.0/24", "via", "10.0.0.1", "dev", "n0", "onlink", "table", str(TABLES["c"]))
    with closing(make(router)) as steering:
        asyncio.run(steering.point([ROUTES[0]], NODES[1]))
        asyncio.run(steering.point([EVERY], NODES[0]))
        execute("ip", "-n", router, "route", "add", *hand)
        asyncio.run(steering.withdraw())
        found = asyncio.run(steering.read(ROUTES))
    assert found == {ROUTES[0]: NODES[1], EVERY: None, ROUTES[2]: NODES[0]}


def test_a_route_of_an_earlier_spec_goes_with_it(router: str) -> None:
    """What leads here and is no longer wanted is taken away once the node offers itself."""
    with closing(make(router)) as before:
        asyncio.run(before.point([*ROUTES, OLD], NODES[0]))
        asyncio.run(before.point([OLD], NODES[1]))
    for node, left in (("node-a", NODES[1]), ("node-c", None)):
        with closing(make(router, node)) as steering:
            asyncio.run(steering.offer(ROUTES, NODES[0], fit=True))
            assert asyncio.run(steering.read([*ROUTES, OLD])) == {
                **dict.fromkeys(ROUTES, NODES[0]),
                OLD: left,
            }


def test_the_route_that_counts_is_read_and_one_behind_it_is_not(router: str) -> None:
    """Of two routes for one destination the kernel uses that of the lower metric."""
    behind = ("0.0.0.0/0", "dev", "n0", "metric", "100", "table", str(TABLES["a"]))
    with closing(make(router)) as steering:
        asyncio.run(steering.point([EVERY], NODES[1]))
        execute("ip", "-n", router, "route", "add", *behind)
        assert asyncio.run(steering.read([EVERY])) == {EVERY: NODES[1]}
        asyncio.run(steering.point([EVERY], NODES[0]))
        assert asyncio.run(steering.read([EVERY])) == {EVERY: NODES[0]}
        execute("ip", "-n", router, "route", "delete", "default", "metric", "0", "table", "101")
        assert asyncio.run(steering.point([EVERY], NODES[0])).keys() == {EVERY}
    assert shown(router) == ""


def test_outside_a_lab_there_is_no_router() -> None:
    """A spec for a lab says so where it is applied elsewhere."""
    with pytest.raises(RefusedError, match="works inside a lab only"):
        LabSteering(Settings(kind="lab"), SPEC, "node-a")
    with pytest.raises(HostError, match="no network namespace at /run/netns/gone"):
        LabSteering(Settings(kind="lab", router="gone"), SPEC, "node-a")
