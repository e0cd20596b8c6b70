"""Steering in memory passes the contract of steerings, and can be disturbed."""

import asyncio

import pytest

from natgate.cloud.fake import FakeSteering
from natgate.model.error import HostError
from tests.steering_contract import NODES, ROUTES, Bench, TablesContract


@pytest.fixture
def steering() -> FakeSteering:
    """Without routes."""
    return FakeSteering()


@pytest.fixture
def bench(steering: FakeSteering) -> Bench:
    """The steering with something foreign."""

    def lead_astray(route: object) -> None:
        steering.targets.update({r: "blackhole" for r in ROUTES if r == route})

    return Bench(steering=steering, lead_astray=lead_astray)


class TestFakeSteering(TablesContract):
    """Every test of the contract."""


def test_refused_routes_are_named_and_the_others_moved(steering: FakeSteering) -> None:
    """Each route is attempted, whatever becomes of the others."""
    steering.forbidden = {ROUTES[1]}
    assert asyncio.run(steering.point(ROUTES, NODES[0])) == {ROUTES[1]: "refused"}
    assert list(asyncio.run(steering.read(ROUTES)).values()) == [NODES[0], None, NODES[0]]


def test_what_is_offered_is_remembered(steering: FakeSteering) -> None:
    """A test can see for which routes a node stood ready last."""
    asyncio.run(steering.offer(ROUTES, NODES[0], fit=True))
    asyncio.run(steering.offer(ROUTES[:1], NODES[0], fit=False))
    assert steering.offered == dict.fromkeys(ROUTES, True) | {ROUTES[0]: False}


def test_a_steering_that_is_away_does_nothing(steering: FakeSteering) -> None:
    """It cannot be read, and every move fails."""
    steering.away = True
    with pytest.raises(HostError, match="cannot be read"):
        asyncio.run(steering.read(ROUTES))
    assert asyncio.run(steering.point(ROUTES, NODES[0])).keys() == set(ROUTES)
    assert steering.targets == {}
    with pytest.raises(HostError, match="nobody listens"):
        asyncio.run(steering.offer(ROUTES, NODES[0], fit=True))
    steering.close()
    assert steering.closed
