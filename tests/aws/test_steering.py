"""Steering by an AWS VPC passes the contract of steerings, and survives what AWS does to it."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from natgate.cloud import aws as module
from natgate.cloud.aws import AwsSteering
from natgate.model.error import HostError
from natgate.model.routes import Route
from natgate.model.steering import AwsSteering as Settings
from tests.aws.account import GROUP, Account, Scene, spec_of
from tests.steering_contract import NODES, ROUTES, Bench, TablesContract

EDGE, EVERY, SOME = ROUTES


@pytest.fixture
def scene(account: Account) -> Scene:
    """The VPC of the spec."""
    return account.build()


def make(
    account: Account, node: str = "node-a", options: str = "", deadline: float = 10.0
) -> AwsSteering:
    """A node's steering of this account."""
    spec = spec_of(options)
    assert isinstance(spec.steering, Settings)
    return AwsSteering(spec.steering, spec, node, account.client(deadline))


@pytest.fixture
def steering(account: Account, scene: Scene) -> Iterator[AwsSteering]:
    """That of the first node."""
    del scene
    with closing(make(account)) as made:
        yield made


@pytest.fixture
def bench(account: Account, scene: Scene, steering: AwsSteering) -> Bench:
    """The steering, and a foreign hand in its route tables."""
    gateway = account.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    account.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=scene.vpc)

    def lead_astray(route: Route) -> None:
        account.lead(scene.tables[route.table], str(route.destination), GatewayId=gateway)

    return Bench(steering=steering, lead_astray=lead_astray)


class TestAwsSteering(TablesContract):
    """Every test of the contract, by EC2."""
