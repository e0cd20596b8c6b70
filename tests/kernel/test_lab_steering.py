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
from tests.namespaces import execute
from tests.steering_contract import NODES, ROUTES, Bench, SteeringContract

TABLES = {"edge": 100, "a": 101, "c": 4711}


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


@pytest.fixture
def bench(router: str) -> Iterator[Bench]:
    """The steering, and a foreign hand in its router."""

    def lead_astray(route: Route) -> None:
        table = ("table", str(TABLES[route.table]))
        execute("ip", "-n", router, "route", "replace", str(route.destination), "dev", "n0", *table)

    with closing(LabSteering(Settings(kind="lab", router=router, tables=TABLES))) as steering:
        yield Bench(steering=steering, lead_astray=lead_astray)


class TestLabSteering(SteeringContract):
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


def test_outside_a_lab_there_is_no_router() -> None:
    """A spec for a lab says so where it is applied elsewhere."""
    with pytest.raises(RefusedError, match="works inside a lab only"):
        LabSteering(Settings(kind="lab"))
    with pytest.raises(HostError, match="no network namespace at /run/netns/gone"):
        LabSteering(Settings(kind="lab", router="gone"))
