"""Without steering every route leads to this node."""

import asyncio

from natgate.cloud.none import NoSteering
from tests.steering_contract import NODES, ROUTES


def test_every_route_leads_here_and_none_is_moved() -> None:
    """A single node carries its gateways from the start, and nothing can take them away."""
    steering = NoSteering(NODES[0])
    assert asyncio.run(steering.read(ROUTES)) == dict.fromkeys(ROUTES, NODES[0])
    assert asyncio.run(steering.point(ROUTES, NODES[1])) == {}
    assert asyncio.run(steering.read(ROUTES)) == dict.fromkeys(ROUTES, NODES[0])
    asyncio.run(steering.offer(ROUTES, NODES[0], fit=False))
    assert asyncio.run(steering.read(ROUTES)) == dict.fromkeys(ROUTES, NODES[0])
    steering.close()
