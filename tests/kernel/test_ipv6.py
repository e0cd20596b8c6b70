"""No IPv6 packet is forwarded by a node, with real ones: nothing would translate it."""

import socket
from collections.abc import Callable, Iterator

import pytest

from natgate.plan.compile import FORWARDING6
from tests.kernel.net import CLIENTS, FIXED, ONE, TARGETS, Net, network, spec_of

HOST, NODE_IN, NODE_OUT, FAR = "fd00:1::10", "fd00:1::1", "2001:db8:f::1", "2001:db8:f::20"
PORT = 7001
_ALL_IPV6, _UDP = 0x86DD, 17


@pytest.fixture
def net() -> Iterator[Net]:
    """Client, node and target with IPv6 beside IPv4; the node is an IPv6 router before natgate."""
    with network() as made:
        made.node.run(
            f"ip address add {NODE_IN}/64 dev in nodad",
            f"ip address add {NODE_OUT}/64 dev out nodad",
            "sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.in.force_forwarding=1",
        )
        made.client.run(
            f"ip address add {HOST}/64 dev eth0 nodad", f"ip route add default via {NODE_IN}"
        )
        made.target.run(
            f"ip address add {FAR}/64 dev eth0 nodad", f"ip route add default via {NODE_OUT}"
        )
        yield made


@pytest.fixture
def arrivals(net: Net) -> Callable[[], list[bytes]]:
    """Sends from inside, and says what of it the far end has seen: nothing is under way then.

    Each hop has answered an echo that was sent after it, on the same link.
    """
    with net.target.entered():
        seen = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_IPV6))
    net.open.callback(seen.close)
    seen.setblocking(False)

    def send() -> list[bytes]:
        with net.client.entered(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as flow:
            for _ in range(5):
                flow.sendto(b"x", (FAR, PORT))
        assert "1 received" in net.client.run(f"ping -c1 -W3 {NODE_IN}")
        assert "1 received" in net.node.run(f"ping -c1 -W3 {FAR}")
        found: list[bytes] = []
        while True:
            try:
                data = seen.recv(2048)
            except BlockingIOError:
                return [packet for packet in found if packet[6] == _UDP]
            found.append(data)

    return send


def test_a_node_forwards_no_ipv6(net: Net, arrivals: Callable[[], list[bytes]]) -> None:
    """It did before natgate, with the host's own address; now nothing arrives, and IPv4 goes on."""
    sources = {packet[8:24] for packet in arrivals()}
    assert sources == {socket.inet_pton(socket.AF_INET6, HOST)}
    net.bring(spec_of(ONE))
    assert arrivals() == []
    assert net.source_of(CLIENTS[0], TARGETS[0]) == FIXED
    with net.node.entered():
        assert net.keeper.bring(spec_of(ONE)).changes == ()


@pytest.mark.parametrize(
    "setting",
    ["all.forwarding=1", "in.force_forwarding=1 net.ipv6.conf.out.force_forwarding=1"],
)
def test_forwarding_that_is_switched_on_is_switched_off(
    net: Net, arrivals: Callable[[], list[bytes]], setting: str
) -> None:
    """For all links or for single ones: it is drift, and is put right."""
    net.bring(spec_of(ONE))
    net.node.run(f"sysctl -qw net.ipv6.conf.{setting}")
    assert len(arrivals()) == 5
    net.bring(spec_of(ONE))
    assert arrivals() == []


def test_removing_makes_the_node_a_router_again(
    net: Net, arrivals: Callable[[], list[bytes]]
) -> None:
    """Every link is as it was, also one that did not forward while the others did."""
    net.node.run("sysctl -qw net.ipv6.conf.out.forwarding=0")
    with net.node.entered():
        before = net.kernel.observe().sysctls
        net.keeper.bring(spec_of(ONE))
        assert net.kernel.observe().sysctls[FORWARDING6] == "0"
        net.keeper.remove()
        assert net.kernel.observe().sysctls == before
    assert len(arrivals()) == 5
