"""How ports are given out, with real packets."""

from collections.abc import Iterator

import pytest

from natgate.model.gateway import PortRules
from natgate.model.spec import Spec
from tests.kernel.net import CLIENTS, ONE, TARGETS, Net, network, spec_of

LIMIT = 5


@pytest.fixture
def net() -> Iterator[Net]:
    """Client, node and target."""
    with network() as made:
        yield made


def limited(most: int) -> Spec:
    """One entry for all hosts, each of which may have so many flows."""
    spec = spec_of(ONE)
    gateway = spec.gateways[0].model_copy(update={"ports": PortRules(per_client=most)})
    return spec.model_copy(update={"gateways": (gateway,)})


def refused(net: Net) -> int:
    """How many packets the limit has dropped."""
    return net.counters()["client_limit"]


def test_a_host_beyond_its_limit_is_refused_and_another_is_not(net: Net) -> None:
    """Every flow beyond the limit is dropped and counted; packets of known flows go on."""
    net.bring(limited(LIMIT))
    flows = [net.udp(CLIENTS[0]) for _ in range(LIMIT)]
    for flow in flows:
        net.send(CLIENTS[0], TARGETS[0], flow)
        net.arrival()
    for _ in range(3):
        net.send(CLIENTS[0], TARGETS[0])
    net.until(lambda: refused(net) == 3)
    assert not net.packets()
    net.send(CLIENTS[0], TARGETS[0], flows[0])
    net.arrival()
    net.source_of(CLIENTS[1], TARGETS[0])
    assert refused(net) == 3


def test_a_host_whose_flows_ended_may_open_new_ones(net: Net) -> None:
    """What counts is the flows there are now."""
    net.bring(limited(LIMIT))
    for _ in range(LIMIT):
        net.source_of(CLIENTS[0], TARGETS[0])
    net.send(CLIENTS[0], TARGETS[0])
    net.until(lambda: refused(net) == 1)
    net.node.run("conntrack -D")

    def passes() -> bool:
        net.send(CLIENTS[0], TARGETS[0])
        return bool(net.packets())

    net.until(passes)


def test_a_limit_is_no_drift_and_another_one_holds_at_once(net: Net) -> None:
    """What the kernel counts for each host is not ours to repair; a new limit begins anew."""
    net.bring(limited(1))
    net.source_of(CLIENTS[0], TARGETS[0])
    with net.node.entered():
        assert net.keeper.bring(limited(1)).changes == ()
    net.send(CLIENTS[0], TARGETS[0])
    net.until(lambda: refused(net) == 1)
    net.bring(limited(2))
    for _ in range(2):
        net.source_of(CLIENTS[0], TARGETS[0])
    net.send(CLIENTS[0], TARGETS[0])
    net.until(lambda: refused(net) == 2)
    net.bring(spec_of(ONE))
    assert "client_limit" not in net.counters()
