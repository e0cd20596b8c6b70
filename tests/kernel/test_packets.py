"""Translation, seen by the far end."""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from natgate.kernel.echo import EchoSocket
from natgate.wire.icmp import EchoReply
from tests.kernel.net import (
    CLIENTS,
    FIXED,
    ONE,
    PORT,
    SECOND,
    TARGETS,
    Net,
    Packet,
    network,
    spec_of,
)

INSIDE = "10.1.0."


@pytest.fixture
def net() -> Iterator[Net]:
    """Client, node and target."""
    with network() as made:
        yield made


def good(packet: Packet, protocol: int, address: str = FIXED) -> bool:
    """Whether a packet has the fixed address and a port of natgate's range."""
    return (packet.source, packet.protocol) == (address, protocol) and 1025 <= packet.port <= 65535


def test_udp_leaves_with_the_fixed_address(net: Net) -> None:
    """Every flow has the fixed address, with a port that is not the client's own."""
    net.bring(spec_of(ONE))
    ports = set()
    for _ in range(50):
        net.send(CLIENTS[0], TARGETS[0])
        packet = net.arrival()
        assert good(packet, 17), packet
        ports.add(packet.port)
    assert len(ports) == 50
    assert net.counters()["g/one"] == 50


def test_low_and_high_ports_are_drawn_from_the_whole_range(net: Net) -> None:
    """A client's own port, even a privileged one, tells nothing about the port outside."""
    net.bring(spec_of(ONE))
    with net.client.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow:
        flow.bind((CLIENTS[0], 53))
        flow.sendto(b"x", (TARGETS[0], PORT))
    assert good(net.arrival(), 17)


def test_tcp_connects_with_the_fixed_address(net: Net) -> None:
    """A connection is made, and data flows both ways."""
    net.bring(spec_of(ONE))
    with net.target.entered():
        listener = socket.create_server((TARGETS[0], PORT))
    net.open.callback(listener.close)
    with net.client.entered():
        client = socket.create_connection((TARGETS[0], PORT), 3.0, (CLIENTS[0], 0))
    net.open.callback(client.close)
    server, (address, port) = listener.accept()
    net.open.callback(server.close)
    assert address == FIXED
    assert 1025 <= port <= 65535
    client.sendall(b"ask")
    assert server.recv(9) == b"ask"
    server.sendall(b"answer")
    assert client.recv(9) == b"answer"


def test_icmp_is_answered_through_the_node(net: Net) -> None:
    """An echo request leaves with the fixed address, and its answer finds the client."""
    net.bring(spec_of(ONE))
    with net.client.entered():
        echo = EchoSocket(IPv4Address(CLIENTS[0]))
    net.open.callback(echo.close)
    assert echo.send(IPv4Address(TARGETS[0]), 7, 1, b"token")
    assert good(net.arrival(), 1)
    replies: list[EchoReply] = []

    def answered() -> bool:
        replies.extend(echo.receive())
        return bool(replies)

    net.until(answered)
    assert (replies[0].id, replies[0].payload) == (7, b"token")


def test_the_same_client_keeps_its_address(net: Net) -> None:
    """With affinity, of two addresses a client always uses the same one for a destination; both are used."""
    net.bring(spec_of("{name: both, sources: [10.1.0.0/24], affinity: true}"))
    used = {}
    for client in CLIENTS:
        for target in TARGETS:
            sources = {net.source_of(client, target) for _ in range(5)}
            assert len(sources) == 1
            used[client, target] = sources.pop()
    assert set(used.values()) == {FIXED, SECOND}


def test_the_longest_source_mask_wins(net: Net) -> None:
    """A single host's entry is preferred to its subnet's, and half a subnet's lies between."""
    net.bring(
        spec_of(
            ONE,
            f"{{name: host, sources: [{CLIENTS[1]}/32], addresses: [{SECOND}]}}",
            f"{{name: half, sources: [10.1.0.0/25], addresses: [{FIXED}]}}",
        )
    )
    assert net.source_of(CLIENTS[0], TARGETS[0]) == FIXED
    assert net.source_of(CLIENTS[1], TARGETS[0]) == SECOND
    assert net.source_of(CLIENTS[2], TARGETS[0]) == FIXED
    counts = net.counters()
    assert (counts["g/one"], counts["g/host"], counts["g/half"]) == (1, 1, 1)


def test_the_more_specific_destination_wins(net: Net) -> None:
    """A single destination's entry is preferred to its prefix's, and both to everywhere."""
    everywhere, prefix, host = ONE, "203.0.113.20/31", f"{TARGETS[1]}/32"
    net.bring(
        spec_of(
            everywhere,
            f"{{name: pre, sources: [10.1.0.0/24], destinations: [{prefix}], addresses: [{SECOND}]}}",
            f"{{name: host, sources: [10.1.0.0/24], destinations: [{host}], addresses: [{FIXED}]}}",
        )
    )
    assert [net.source_of(CLIENTS[0], target) for target in TARGETS] == [SECOND, FIXED, FIXED]
    counts = net.counters()
    assert (counts["g/one"], counts["g/pre"], counts["g/host"]) == (1, 1, 1)


def test_a_shorter_mask_is_tried_where_the_longer_one_has_no_destination(net: Net) -> None:
    """A host's entry for one destination leaves the others to its subnet's entry."""
    only = f"{{name: only, sources: [{CLIENTS[0]}/32], destinations: [{TARGETS[1]}/32], addresses: [{SECOND}]}}"
    net.bring(spec_of(ONE, only))
    assert [net.source_of(CLIENTS[0], target) for target in TARGETS[:2]] == [FIXED, SECOND]


def test_a_host_without_an_entry_is_dropped_and_counted(net: Net) -> None:
    """What no entry translates does not leave, and the counter says how often."""
    net.bring(spec_of(f"{{name: one, sources: [10.1.0.0/24], destinations: [{TARGETS[0]}/32]}}"))
    for _ in range(5):
        net.send(CLIENTS[0], TARGETS[1])
    net.until(lambda: net.counters()["no_entry"] == 5)
    assert net.source_of(CLIENTS[0], TARGETS[0]) in {FIXED, SECOND}
    assert not any(packet.source.startswith(INSIDE) for packet in net.seen)


def test_a_changed_entry_applies_to_new_flows_at_once(net: Net) -> None:
    """A new flow follows the new spec, a running one keeps its address as long as it exists."""
    net.bring(spec_of(ONE))
    running = net.udp(CLIENTS[0])
    net.send(CLIENTS[0], TARGETS[0], running)
    assert net.arrival().source == FIXED
    net.bring(spec_of(ONE.replace(FIXED, SECOND)))
    assert net.source_of(CLIENTS[0], TARGETS[0]) == SECOND
    net.send(CLIENTS[0], TARGETS[0], running)
    assert net.arrival().source == FIXED


def test_an_untranslated_flow_is_found_and_ended(net: Net) -> None:
    """A flow that began before the rules is translated from its next packet on."""
    net.node.run(
        "nft add table ip other",
        "nft add chain ip other c { type filter hook forward priority 0 ; }",
        "nft add rule ip other c ct state new counter",
        "sysctl -qw net.ipv4.ip_forward=1",
    )
    stale = net.udp(CLIENTS[0])
    net.send(CLIENTS[0], TARGETS[0], stale)
    assert net.arrival().source == CLIENTS[0]
    net.bring(spec_of(ONE))
    net.send(CLIENTS[0], TARGETS[0], stale)
    assert good(net.arrival(), 17)
    with net.node.entered():
        spec = spec_of(ONE)
        inside = tuple(s.cidr for s in spec.network.subnets if s.kind == "client")
        assert net.kernel.end_untranslated(inside, spec.network.ranges) == 0


def test_flows_of_an_address_that_is_gone_are_ended(net: Net) -> None:
    """A running flow does not go on with an address that the spec no longer has."""
    net.bring(spec_of(ONE))
    running = net.udp(CLIENTS[0])
    net.send(CLIENTS[0], TARGETS[0], running)
    assert net.arrival().source == FIXED
    spec = spec_of("{name: one, sources: [10.1.0.0/24]}")
    gateway = spec.gateways[0].model_copy(update={"addresses": spec.gateways[0].addresses[1:]})
    net.bring(spec.model_copy(update={"gateways": (gateway,)}))
    net.send(CLIENTS[0], TARGETS[0], running)
    assert net.arrival().source == SECOND


def test_a_stray_packet_to_a_fixed_address_ends_at_the_node(net: Net) -> None:
    """What belongs to no flow does not circle between node and network."""
    net.bring(spec_of(ONE))
    with net.target.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stray:
        stray.sendto(b"x", (FIXED, 4711))
    assert net.source_of(CLIENTS[0], TARGETS[0]) == FIXED
    assert len(net.seen) == 1
