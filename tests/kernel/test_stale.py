"""Flows that keep their translation when entries change: named, and ended if asked."""

from collections.abc import Iterator

import pytest

from natgate.model.flow import Flow
from tests.kernel.net import CLIENTS, FIXED, PORT, SECOND, TARGETS, Net, network, spec_of


@pytest.fixture
def net() -> Iterator[Net]:
    """Client, node and target."""
    with network() as made:
        yield made


def entry(name: str, host: str, address: str) -> str:
    """One host, one address."""
    return f"{{name: {name}, hosts: [{host}], addresses: [{address}]}}"


BEFORE = spec_of(entry("one", CLIENTS[0], FIXED), entry("two", CLIENTS[1], FIXED))
AFTER = spec_of(entry("one", CLIENTS[0], SECOND), entry("two", CLIENTS[1], FIXED))


def test_a_change_touches_only_the_flows_that_it_must(net: Net) -> None:
    """The flow goes on as it was and is named; asked for, it ends, and the other one does not."""
    net.bring(BEFORE)
    flows = {host: net.udp(host) for host in CLIENTS[:2]}
    before = {}
    for host, flow in flows.items():
        net.send(host, TARGETS[0], flow)
        before[host] = net.arrival()
    assert {packet.source for packet in before.values()} == {FIXED}
    with net.node.entered():
        assert net.keeper.stale(BEFORE, None) == ()
        (planned,) = net.keeper.stale(AFTER, BEFORE)
    assert str(planned) == (
        f"udp {CLIENTS[0]} to {TARGETS[0]}:{PORT} leaves as {FIXED}, a new one leaves as "
        f"{SECOND} (g/one)"
    )
    net.bring(AFTER)
    for host, flow in flows.items():
        net.send(host, TARGETS[0], flow)
        assert net.arrival() == before[host]
    with net.node.entered():
        assert net.keeper.end_stale(AFTER, BEFORE) == 1
        assert net.keeper.stale(AFTER, BEFORE) == ()
    for host, flow in flows.items():
        net.send(host, TARGETS[0], flow)
    net.until(lambda: len(net.packets() + net.seen[4:]) >= 2)
    assert {packet.source for packet in net.seen[4:]} == {FIXED, SECOND}
    assert before[CLIENTS[1]] in net.seen[4:]


def test_a_flow_is_read_whole(net: Net) -> None:
    """Its ends, its protocol, and who is seen and reached; what has ended meanwhile counts as ended."""
    net.bring(BEFORE)
    net.client.run(f"ping -c1 -W2 -I {CLIENTS[0]} {TARGETS[1]}")
    with net.node.entered():
        found = {each.protocol: each for each in net.kernel.flows()}
    echo: Flow = found["icmp"]
    assert (str(echo.source), str(echo.destination), echo.port) == (CLIENTS[0], TARGETS[1], None)
    assert (str(echo.seen), str(echo.reached)) == (FIXED, TARGETS[1])
    net.node.run("conntrack -F")
    with net.node.entered():
        assert net.kernel.end([echo]) == 1
