"""What every `Steering` does: tests that the one in memory and the lab's both pass.

The children's fixture `bench` has the steering, the node addresses it can lead to, and a way to put
something foreign into a route.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from natgate.cloud.interface import Steering
from natgate.model.routes import Route

NODES = (IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"))
ROUTES = (
    Route(table="edge", destination=IPv4Network("10.10.0.80/28")),
    Route(table="a", destination=IPv4Network("0.0.0.0/0")),
    Route(table="c", destination=IPv4Network("192.0.2.0/24")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One steering under test."""

    steering: Steering
    lead_astray: Callable[[Route], None]


def spec_text(steering: str) -> str:
    """A spec that wants `ROUTES`, with a steering."""
    return f"""\
apiVersion: natgate/v1
network:
  name: net
  ranges: [10.10.0.0/16]
  zones: [a, c]
  subnets:
    - {{name: a, zone: a, cidr: 10.10.1.0/24}}
    - {{name: c, zone: c, cidr: 10.10.2.0/24}}
    - {{name: fixed, cidr: 10.10.0.80/28, kind: address}}
nodes:
  - {{name: node-a, zone: a, address: 10.0.0.1}}
  - {{name: node-c, zone: c, address: 10.0.0.2}}
gateways:
  - name: g
    addresses: [{{address: 10.10.0.85}}]
    snat:
      - {{name: every, subnets: [a]}}
      - {{name: some, subnets: [c], destinations: [192.0.2.0/24]}}
steering: {steering}
"""


class SteeringContract:
    """A class of tests; its children say which steering by the fixture `bench`."""

    def test_a_route_that_does_not_exist_leads_nowhere(self, bench: Bench) -> None:
        """What was never made is None, and reading makes nothing."""
        for _ in range(2):
            assert asyncio.run(bench.steering.read(ROUTES)) == dict.fromkeys(ROUTES)

    def test_every_route_is_led_to_the_node(self, bench: Bench) -> None:
        """Missing routes are made, others are moved, and doing it again changes nothing."""
        for node in (*NODES, NODES[1]):
            assert asyncio.run(bench.steering.point(ROUTES, node)) == {}
            assert asyncio.run(bench.steering.read(ROUTES)) == dict.fromkeys(ROUTES, node)

    def test_only_the_named_routes_are_moved(self, bench: Bench) -> None:
        """A route that is not asked for stays, and no routes are no work."""
        asyncio.run(bench.steering.point(ROUTES, NODES[0]))
        asyncio.run(bench.steering.point(ROUTES[:1], NODES[1]))
        assert asyncio.run(bench.steering.point([], NODES[1])) == {}
        found = asyncio.run(bench.steering.read(ROUTES))
        assert list(found.values()) == [NODES[1], NODES[0], NODES[0]]
        assert asyncio.run(bench.steering.read(ROUTES[1:2])) == {ROUTES[1]: NODES[0]}

    def test_what_is_no_node_is_told_by_its_text(self, bench: Bench) -> None:
        """A route that leads to something else is neither a node nor nothing."""
        bench.lead_astray(ROUTES[0])
        target = asyncio.run(bench.steering.read(ROUTES))[ROUTES[0]]
        assert isinstance(target, str)
        assert target

    def test_what_a_node_offers_leads_nothing_astray(self, bench: Bench) -> None:
        """A node that offers itself, also again, takes nothing from the active one."""
        asyncio.run(bench.steering.offer(ROUTES, NODES[0], fit=True))
        asyncio.run(bench.steering.point(ROUTES, NODES[0]))
        asyncio.run(bench.steering.offer(ROUTES, NODES[0], fit=True))
        assert asyncio.run(bench.steering.read(ROUTES)) == dict.fromkeys(ROUTES, NODES[0])

    def test_closing_leaves_the_routes(self, bench: Bench) -> None:
        """What was moved stays moved."""
        asyncio.run(bench.steering.point(ROUTES, NODES[0]))
        bench.steering.close()


class TablesContract(SteeringContract):
    """The same, where natgate writes into route tables that others write into as well."""

    def test_what_somebody_else_made_is_left(self, bench: Bench) -> None:
        """A foreign route is named and stays; the others are moved all the same."""
        asyncio.run(bench.steering.point(ROUTES, NODES[0]))
        bench.lead_astray(ROUTES[1])
        assert asyncio.run(bench.steering.point(ROUTES, NODES[1])).keys() == {ROUTES[1]}
        first, foreign, last = asyncio.run(bench.steering.read(ROUTES)).values()
        assert (first, last) == (NODES[1], NODES[1])
        assert isinstance(foreign, str)
