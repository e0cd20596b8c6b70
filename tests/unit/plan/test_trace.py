"""The way of a packet, hop by hop, to the source that its target sees."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from natgate.model.trace import Packet, Trace
from natgate.plan import trace as walks
from natgate.plan.trace import predict
from natgate.wire.topology import parse_routes
from tests.gateways import every_entry
from tests.routed import DIVIDED, WORLD, at, host, names, packet, routed, walked
from tests.specs import divided_zones, replaced

SHARES = "hosts:", "carriers: {partner@node-a: node-a, partner@node-c: node-c}\nhosts:"


def way(start: str, sent: Packet, *replacements: tuple[str, str]) -> Trace:
    """The way of a packet in the small network."""
    return walked(routed(*replacements), every_entry(), start, sent)


def test_a_packet_is_followed_to_the_source_that_its_target_sees() -> None:
    """Each hop has its table, prefix and next hop, and the packet as it leaves."""
    found = way("client", packet("10.10.0.5", WORLD))
    assert names(found) == ["client", "vpc", "node-a", "vpc", "internet", "world"]
    assert [hop.verdict for hop in found.hops] == [
        "sent", "forwarded", "translated", "forwarded", "forwarded", "delivered",
    ]  # fmt: skip
    hop = at(found, "vpc")
    assert (hop.link, hop.table, hop.prefix) == ("pc", "clients", IPv4Network("0.0.0.0/0"))
    assert (hop.next_hop, hop.out) == ("10.10.0.20", "pn")
    assert at(found, "node-a").entry == "web/host"
    assert found.predicted == IPv4Address("203.0.113.3")
    assert found.possible == (IPv4Address("203.0.113.3"),)
    assert found.hops[0].link is None
    assert found.match is None


def test_several_addresses_are_all_foretold() -> None:
    """A hash chooses, which nobody outside the kernel needs to compute."""
    spec = every_entry(("hosts: [10.10.0.5], addresses: [203.0.113.3]}", "hosts: [10.10.0.5], addresses: [203.0.113.3, 203.0.113.6]}"))  # fmt: skip
    found = walked(routed(), spec, "client", packet("10.10.0.5", WORLD))
    assert found.possible == (IPv4Address("203.0.113.3"), IPv4Address("203.0.113.6"))
    assert (
        at(found, "node-a").note
        == "or 203.0.113.6: a hash over host and destination, with their ports"
    )


def test_who_connects_from_outside_is_seen_as_itself() -> None:
    """After the node the destination is the host."""
    found = way("world", packet(WORLD, "203.0.113.1", port=80))
    assert names(found)[-1] == "web"
    assert found.predicted == IPv4Address(WORLD)
    assert at(found, "node-a").after == packet(WORLD, "10.10.0.6", port=8080)


def test_a_host_inside_that_asks_the_gateway_is_seen_as_the_address() -> None:
    """Hairpin."""
    found = way("client", packet("10.10.0.5", "203.0.113.1", port=80))
    assert found.predicted == IPv4Address("203.0.113.1")
    assert at(found, "node-a").rule == "hairpin"


def test_what_nobody_takes_ends_at_the_address() -> None:
    """On a node that holds the address by VRRP, and on one that has a blackhole for it."""
    asked = packet(WORLD, "203.0.113.1", port=81)
    found = way("world", asked)
    assert found.predicted is None
    assert found.reason == "node-a: no entry of web takes tcp 81 at 203.0.113.1, so it ends here"
    assert at(found, "node-a").prefix == IPv4Network("203.0.113.1/32")
    held = ("addresses: [10.10.0.20]", "addresses: [10.10.0.20, 203.0.113.1]")
    moved = every_entry(
        ("nodes:\n", "nodes:\n  - {name: node-b, zone: a, address: 10.10.0.21}\n"),
        ("gateways:", "steering: {kind: vrrp, interface: eth0, router_id: 5, inside: [10.10.0.1]}\nheartbeat: {key_env: KEY}\ngateways:"),
    )  # fmt: skip
    found = walked(routed(held), moved, "world", asked)
    assert (at(found, "node-a").verdict, at(found, "node-a").rule) == ("dropped", "unasked")
    assert walked(routed(held), every_entry(), "world", asked).hops[-1].verdict == "delivered"


def test_an_echo_is_answered_by_the_gateway() -> None:
    """The node itself gets it."""
    found = way("world", packet(WORLD, "203.0.113.2", "icmp", None))
    assert (found.hops[-1].verdict, found.hops[-1].rule) == ("delivered", "echo reply")
    assert found.predicted == IPv4Address(WORLD)


def test_a_node_is_a_host_as_well() -> None:
    """It is reached, and it sends with its own address, which no entry translates."""
    found = way("client", packet("10.10.0.5", "10.10.0.20"))
    assert (found.hops[-1].host, found.hops[-1].verdict) == ("node-a", "delivered")
    found = way("node-a", packet("10.10.0.20", WORLD))
    assert found.predicted == IPv4Address("10.10.0.20")
    assert found.hops[0].verdict == "sent"


@pytest.mark.parametrize(
    ("start", "sent", "reason"),
    [
        ("client", packet("10.10.0.5", "198.18.0.1"), "vpc: no route to 198.18.0.1 in table clients: rule 20 says unreachable"),
        ("world", packet(WORLD, "9.9.9.9"), "vpc: no route to 9.9.9.9 in table edge: no rule is left"),
        ("client", packet("10.10.0.5", "127.0.0.5"), "vpc: a kernel takes nothing from or to 127.0.0.5"),
        ("client", packet("0.0.0.5", WORLD), "vpc: a kernel takes nothing from or to 0.0.0.5"),
        ("world", packet(WORLD, "192.0.2.7"), "internet: prohibit"),
        ("world", packet(WORLD, "10.10.0.77"), "vpc: no route to 10.10.0.77 in table nodes: no rule is left"),
    ],
)  # fmt: skip
def test_what_has_no_way_is_lost_where_its_route_is_missing(
    start: str, sent: Packet, reason: str
) -> None:
    """With the table in which one is missing."""
    topology = routed(
        ("        - {to: 0.0.0.0/0, via: 192.0.2.1, link: pi}\n", ""),
        ("        - {to: 198.18.0.0/15, type: throw}\n", "        - {to: 198.18.0.0/15, type: throw}\n"),
    )  # fmt: skip
    assert walked(topology, every_entry(), start, sent).reason == reason


def test_a_host_without_any_table_says_so() -> None:
    """There is none to be named."""
    topology = routed(
        ("    tables:\n      main: [{to: 0.0.0.0/0, via: 192.0.2.1, link: eth0}]\n", "")
    )
    found = walked(topology, every_entry(), "world", packet(WORLD, "9.9.9.9"))
    assert found.reason == "world: no route to 9.9.9.9: no rule is left"


def test_a_next_hop_that_nobody_has_and_a_host_that_does_not_forward() -> None:
    """Both are said."""
    found = way("client", packet("10.10.0.5", WORLD), ("addresses: [10.10.0.20]", "addresses: []"))
    assert found.reason == "vpc: nobody answers for 10.10.0.20 on n"
    found = way(
        "client", packet("10.10.0.5", WORLD), ("role: node\n    forwards: true", "role: node")
    )
    assert found.reason == "node-a: node-a does not forward"


def test_a_loop_is_named_where_it_closes() -> None:
    """And a way without end is given up."""
    back = ("main: [{to: 0.0.0.0/0, via: 192.0.2.1, link: eth0}]", "main: []")
    looping = (
        "        - {to: 192.0.2.9/32, link: p0}\n",
        "        - {to: 192.0.2.9/32, via: 169.254.0.1, link: eth0}\n",
    )
    edge = (
        "      edge:\n",
        "      edge:\n        - {to: 192.0.2.0/24, via: 192.0.2.1, link: pi}\n",
    )
    found = way("client", packet("10.10.0.5", WORLD), back, looping, edge)
    assert found.reason is not None
    assert "a loop: back at" in found.reason
    assert found.predicted is None


def test_a_way_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a packet is whose time to live has run out."""
    monkeypatch.setattr(walks, "MOST_HOPS", 2)
    found = way("client", packet("10.10.0.5", WORLD))
    assert found.reason == "node-a: more than 2 hops"


def test_equal_routes_and_the_unknown_beyond_are_noted() -> None:
    """A packet that leaves what is known has the source with which it left."""
    twice = (
        "      - {to: 0.0.0.0/0, via: 169.254.0.1, link: eth0}\n        - {to: 203",
        "      - {to: 0.0.0.0/0, via: 169.254.0.1, link: eth0}\n"
        "        - {to: 0.0.0.0/0, via: 169.254.0.1, link: eth0}\n        - {to: 203",
    )
    found = way("client", packet("10.10.0.5", WORLD), twice)
    assert at(found, "node-a").note == "one of 2 equal routes"
    topology = routed(("{name: eth0, segment: n, addr", "{name: eth0, addr"))
    found = predict(
        topology, every_entry(), host(topology, "node-a"), packet("10.10.0.5", WORLD), "eth0"
    )
    assert found.hops[-1].note == walks.BEYOND
    assert found.predicted == IPv4Address("203.0.113.3")


def test_what_may_not_leave_is_dropped_by_the_rule_that_says_so() -> None:
    """A host without entry, and a source that is none of the spec's."""
    few = every_entry(("{name: all, network: true,", "{name: all, hosts: [10.10.0.1],"))
    found = walked(routed(), few, "web", packet("10.10.0.6", WORLD))
    assert (found.hops[-1].host, found.hops[-1].rule) == ("node-a", "no entry")
    assert found.reason == f"node-a: no entry translates 10.10.0.6 towards {WORLD}"
    found = way("world", packet(WORLD, "198.51.100.9"))
    assert (found.hops[-1].verdict, found.hops[-1].rule) == ("dropped", "forged source")


def test_an_entry_that_leads_to_a_host_without_route_is_named() -> None:
    """The packet is lost after it was given the host's address."""
    text = (
        "        - {to: 0.0.0.0/0, via: 169.254.0.1, link: eth0}\n        - {to: 203",
        "        - {to: 10.10.0.6/32, type: unreachable}\n        - {to: 203",
    )
    found = way("world", packet(WORLD, "203.0.113.1", port=80), text)
    assert (found.hops[-1].host, found.hops[-1].entry) == ("node-a", "web/http")
    assert found.hops[-1].verdict == "dropped"


def divided(*replacements: tuple[str, str]) -> Trace:
    """The client's way through node-c, whose returns come to node-a."""
    topology = parse_routes(replaced(DIVIDED, *replacements))
    return walked(topology, divided_zones(), "client", packet("10.10.0.33", "192.168.100.20"))


def test_returns_of_a_shared_address_are_followed_to_the_node_that_knows_the_flow() -> None:
    """The note says which ports it gives out, and who hands over what comes back."""
    for each in (divided(), divided(SHARES)):
        assert each.predicted == IPv4Address("10.10.0.85")
        assert at(each, "node-c").note == "ports 33280-65535; returns handed over by node-a"
    icmp = walked(
        parse_routes(DIVIDED),
        divided_zones(),
        "client",
        packet("10.10.0.33", "192.168.100.20", "icmp", None),
    )
    assert at(icmp, "node-c").note == "ports 33280-65535; returns handed over by node-a"


def test_returns_may_come_straight_back_or_be_lost() -> None:
    """Both are said before anybody sends a packet."""
    straight = (
        ("{name: eth0, segment: outside}", "{name: eth0, segment: outside, addresses: [10.10.0.53]}"),
        ("via: 10.10.0.20, link: eth0}]", "via: 10.10.0.53, link: eth0}]"),
    )  # fmt: skip
    assert at(divided(*straight), "node-c").note == "ports 33280-65535; returns come straight back"
    lost = divided(("hand: [{to: 0.0.0.0/0, via: 10.10.0.52, link: ng-vx}]", "hand: []"))
    assert at(lost, "node-c").note == (
        "ports 33280-65535; returns handed over by node-a, and are lost: blackhole"
    )


def test_a_return_to_a_node_that_does_not_know_the_flow_is_lost() -> None:
    """As where the routes lead to a node that takes no part in the gateway."""
    spec = divided_zones(
        ("nodes:\n", "nodes:\n  - {name: node-x, zone: a, address: 10.10.0.21}\n"),
        ("    addresses:\n", "    nodes: [node-a, node-c]\n    addresses:\n"),
        ("heartbeat:", "replication: {kind: none}\nheartbeat:"),
    )
    topology = parse_routes(replaced(DIVIDED, ("name: node-a", "name: node-x")))
    found = walked(topology, spec, "client", packet("10.10.0.33", "192.168.100.20"))
    assert at(found, "node-c").note == (
        "ports 33280-65535; returns handed over by node-x, and are lost: node-x does not know this "
        "flow of node-c"
    )


def test_a_packet_to_the_ports_of_another_node_is_handed_over() -> None:
    """Nobody asked for it, so that it ends there."""
    topology = parse_routes(DIVIDED)
    found = walked(
        topology, divided_zones(), "target", packet("192.168.100.20", "10.10.0.85", port=60000)
    )
    assert names(found) == ["target", "node-a", "node-c"]
    assert at(found, "node-a").note == "handed over to node-c, whose port 60000 is"
    assert at(found, "node-a").table == "hand"
    assert found.hops[-1].verdict == "dropped"
