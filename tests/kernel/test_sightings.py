"""A probe is seen at each point it passes, before and after its translation."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from natgate.kernel.sightings import NotSentError, Point, Sighting, observe, send_probe, watch
from natgate.model.error import RefusedError
from natgate.model.trace import Packet, Protocol
from tests.kernel.net import CLIENTS, FIXED, ONE, TARGETS, Net, network, spec_of

TOKEN = 0xA1B2C3D4


@pytest.fixture
def net() -> Iterator[Net]:
    """Client, node and target."""
    with network() as made:
        made.bring(spec_of(ONE))
        yield made


def packet(protocol: Protocol, to: str = TARGETS[0]) -> Packet:
    """A packet of a client to a target."""
    return Packet(
        protocol=protocol,
        source=IPv4Address(CLIENTS[0]),
        destination=IPv4Address(to),
        source_port=50123,
        destination_port=None if protocol == "icmp" else 7001,
    )


def seen(net: Net, what: Packet, *points: Point) -> list[Sighting]:
    """Where a probe of the client is seen."""
    client = Path(net.client.path)
    return watch(
        points,
        what,
        TOKEN,
        send=lambda: send_probe(what, TOKEN, 7, client),
    )


@pytest.mark.parametrize("protocol", ["icmp", "tcp", "udp"])
def test_a_probe_is_seen_before_and_after_translation(net: Net, protocol: Protocol) -> None:
    """In the order of its way, with the source that it has at each point; answers are left out."""
    client, node, target = (Path(n.path) for n in (net.client, net.node, net.target))
    points = (
        Point(link="eth0", namespace=target, name="target"),
        Point(link="out", namespace=node, direction="out"),
        Point(link="in", namespace=node, direction="in"),
        Point(link="in", namespace=node, direction="out"),
        Point(link="eth0", namespace=client),
    )
    found = seen(net, packet(protocol), *points)
    assert [(s.point.link, s.direction) for s in found] == [
        *(("eth0", "out"), ("in", "in"), ("out", "out"), ("eth0", "in")),
    ]
    sources = [str(s.packet.source) for s in found]
    assert sources == [CLIENTS[0], CLIENTS[0], FIXED, FIXED]
    assert found[-1].point.name == "target"
    assert [s.time_ns for s in found] == sorted(s.time_ns for s in found)
    assert {s.packet.destination for s in found} == {IPv4Address(TARGETS[0])}


def test_other_packets_are_not_seen(net: Net) -> None:
    """Only the token counts, not the addresses."""
    node = Path(net.node.path)
    asked = packet("udp")
    client = Path(net.client.path)

    def send() -> None:
        send_probe(asked, TOKEN + 1, 7, client)
        net.send(CLIENTS[0], TARGETS[0])

    assert watch([Point(link="in", namespace=node)], asked, TOKEN, send=send, seconds=0.2) == []


def test_every_probe_is_a_new_flow(net: Net) -> None:
    """A source port that is not given is drawn, so that the rules are asked anew."""
    target, client = Path(net.target.path), Path(net.client.path)
    asked = replace(packet("tcp"), source_port=None)
    point = Point(link="eth0", namespace=target, direction="in")
    first, once = observe([point], asked, client)
    second, again = observe([point], asked, client)
    assert [str(s.packet.source) for s in (*once, *again)] == [FIXED, FIXED]
    assert first.packet != second.packet
    assert first.token != second.token


def test_a_point_that_is_not_there_is_named(net: Net) -> None:
    """So is a destination to which the host has no route."""
    node = Path(net.node.path)
    with pytest.raises(RefusedError, match="cannot capture on link nothing: No such device"):
        watch([Point(link="nothing", namespace=node)], packet("udp"), TOKEN)
    with pytest.raises(
        NotSentError, match=r"cannot send to 198\.51\.100\.1: Network is unreachable"
    ):
        send_probe(packet("udp", "198.51.100.1"), TOKEN, 7, node)


def test_a_rule_of_the_sender_is_not_taken_for_a_missing_right(net: Net) -> None:
    """A kernel says EPERM of both."""
    chain = "{ type filter hook output priority 0; policy drop; }"
    net.client.run("nft add table ip own", f"nft add chain ip own o {chain}")
    with pytest.raises(NotSentError, match=r"cannot send to .*: Operation not permitted"):
        send_probe(packet("udp"), TOKEN, 7, Path(net.client.path))
