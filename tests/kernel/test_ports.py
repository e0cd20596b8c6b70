"""How ports are given out, with real packets."""

from collections.abc import Iterator

import pytest

from natgate.model.gateway import PortRules
from natgate.model.portblocks import all_assigned
from natgate.model.spec import Spec
from tests.kernel.net import CLIENTS, FIXED, ONE, SECOND, TARGETS, Net, network, spec_of

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


def blocks(size: int) -> Spec:
    """Two hosts with blocks of so many ports of one address, and a third beside them."""
    return spec_of(
        f"{{name: own, hosts: [{CLIENTS[0]}, {CLIENTS[1]}], addresses: [{FIXED}], block_size: {size}}}",
        f"{{name: rest, hosts: [{CLIENTS[2]}], addresses: [{SECOND}]}}",
    )


def test_each_host_stays_in_its_block_and_fills_no_other(net: Net) -> None:
    """64 flows are its block; the next ones are refused, and the other host does not notice."""
    spec = blocks(64)
    net.bring(spec)
    with net.node.entered():
        assert net.keeper.bring(spec).changes == ()
    mine = {str(each.host): each.block for each in all_assigned(spec)}
    seen: dict[str, set[int]] = {}
    for host, flows in ((CLIENTS[0], 90), (CLIENTS[1], 20)):
        for _ in range(flows):
            net.send(host, TARGETS[0])
        net.until(lambda: bool(net.packets() or net.seen))
        found = {packet.port for packet in net.seen + net.packets()}
        seen[host] = found - set().union(*seen.values())
    first, second = mine[CLIENTS[0]], mine[CLIENTS[1]]
    assert {packet.source for packet in net.seen} == {FIXED}
    assert seen[CLIENTS[0]] <= set(range(first.first, first.last + 1))
    assert len(seen[CLIENTS[0]]) > 48
    assert seen[CLIENTS[1]] <= set(range(second.first, second.last + 1))
    assert len(seen[CLIENTS[1]]) == 20


def test_a_packet_without_ports_leaves_with_the_address_of_the_block(net: Net) -> None:
    """And a host beside the blocks with its own."""
    net.bring(blocks(512))
    net.client.run(f"ping -c1 -W2 -I {CLIENTS[0]} {TARGETS[0]}")
    assert net.arrival().source == FIXED
    assert net.source_of(CLIENTS[2], TARGETS[0]) == SECOND
