"""What the rules of one node make of a packet, before and after routing."""

from ipaddress import IPv4Address

from natgate.model.trace import Packet
from natgate.plan.handover import TUNNEL
from natgate.plan.trace_node import NodeRules
from tests.gateways import every_entry
from tests.routed import WORLD, packet
from tests.specs import divided_zones

FIXED = "10.10.0.85"


def rules(*replacements: tuple[str, str]) -> NodeRules:
    """Those of the node with every kind of entry."""
    return NodeRules(every_entry(*replacements), "node-a", {})


def left(node: NodeRules, sent: Packet, *, made_here: bool = False) -> tuple[str | None, str, bool]:
    """The rule, the source after it, and whether it is dropped."""
    arrived = node.made(sent) if made_here else node.arriving(sent, "eth0")
    found = node.leaving(sent, arrived, made_here=made_here)
    return found.rule, str(found.packet.source), found.dropped


def test_own_addresses_and_entries_give_the_source() -> None:
    """An own address keeps the host's port, an SNAT entry draws one."""
    node = rules()
    assert left(node, packet("10.10.0.8", WORLD)) == ("web/one", "203.0.113.5", False)
    assert left(node, packet("10.10.0.7", WORLD)) == ("web/every", "203.0.113.4", False)
    assert left(node, packet("10.10.0.1", WORLD)) == ("web/all", "203.0.113.1", False)


def test_what_stays_inside_or_comes_from_the_node_is_not_translated() -> None:
    """Nor is what neither comes from inside nor goes where an entry leads."""
    node = rules()
    assert left(node, packet("10.10.0.1", "10.10.0.33")) == (None, "10.10.0.1", False)
    assert left(node, packet("10.10.0.20", "198.51.100.9"), made_here=True) == (
        None,
        "10.10.0.20",
        False,
    )
    assert left(node, packet("192.0.2.7", WORLD)) == (None, "192.0.2.7", False)
    assert left(node, packet("192.0.2.7", "198.51.100.9")) == ("forged source", "192.0.2.7", True)


def test_a_node_gets_no_entry_for_what_it_sends_to_an_address_itself() -> None:
    """Rules before routing see only what comes in."""
    made = rules().made(packet("10.10.0.20", "203.0.113.1", port=80))
    assert made.packet.destination == IPv4Address("203.0.113.1")
    assert made.answer.destination is None


def test_where_every_destination_is_named_a_host_is_reached_from_outside_all_the_same() -> None:
    """An entry for 0.0.0.0/0 means what lies outside of the network."""
    node = rules(
        ("{name: all, network: true,", "{name: all, network: true, destinations: [0.0.0.0/0],")
    )
    assert left(node, packet(WORLD, "203.0.113.1", port=80)) == ("web/http", WORLD, False)
    assert left(node, packet("192.0.2.7", "198.51.100.9")) == ("forged source", "192.0.2.7", True)
    assert left(node, packet("10.10.0.1", "203.0.113.1", port=80)) == (
        "hairpin",
        "203.0.113.1",
        False,
    )


def test_blocks_and_hashes_are_noted() -> None:
    """Affinity leaves the ports out of the hash."""
    two = ("{name: subnet, subnets: [clients-b], addresses: [203.0.113.2]}",
           "{name: subnet, subnets: [clients-b], affinity: true, addresses: [203.0.113.2, 203.0.113.6]}")  # fmt: skip
    node = rules(two)
    sent = packet("10.10.0.33", WORLD)
    found = node.leaving(sent, node.arriving(sent, "eth0"), made_here=False)
    assert found.note == "or 203.0.113.6: a hash over host and destination"
    block = ("{name: near, sources: [10.10.0.4/30], destinations: [198.51.100.0/24], addresses: [203.0.113.6]}",
             "{name: near, sources: [10.10.0.4/30], destinations: [198.51.100.0/24], addresses: [203.0.113.6], block_size: 1000}")  # fmt: skip
    node = rules(block)
    sent = packet("10.10.0.6", "198.51.100.9")
    found = node.leaving(sent, node.arriving(sent, "eth0"), made_here=False)
    assert found.note == "ports 3025-4024"


def test_addresses_of_gateways_are_known() -> None:
    """By which it is said that nobody asked."""
    node = rules()
    gateway = node.unasked(IPv4Address("203.0.113.1"))
    assert gateway is not None
    assert gateway.name == "web"
    assert node.unasked(IPv4Address(WORLD)) is None
    assert node.divided_gateway("web/all") is None
    assert not node.holds_addresses


def test_ports_say_whose_a_packet_is() -> None:
    """Of an echo's answer it is the id; a request, and what came by the tunnel, stays."""
    node = NodeRules(divided_zones(), "node-a", {})
    far = "192.168.100.20"
    assert node.arriving(packet(far, FIXED, port=60000), "eth0").handed_to == "node-c"
    assert node.arriving(packet(far, FIXED, port=60000), TUNNEL).handed_to is None
    assert node.arriving(packet(far, FIXED, port=2000), "eth0").handed_to is None
    assert node.arriving(packet(far, FIXED, port=80), "eth0").handed_to is None
    echo = Packet(
        protocol="icmp",
        source=IPv4Address(far),
        destination=IPv4Address(FIXED),
        source_port=60000,
    )
    assert node.arriving(echo, "eth0").handed_to is None
    handed = node.arriving(echo, "eth0", reply=True)
    assert handed.note == "handed over to node-c, whose echo id 60000 is"
    assert node.leaving(echo, handed, made_here=False).packet == echo
    assert node.echo(echo).destination == IPv4Address("10.10.0.20")
    moved = NodeRules(divided_zones(), "node-a", {"partner@node-c": "node-a"})
    assert moved.arriving(echo, "eth0", reply=True).handed_to is None


def test_a_node_that_gives_out_no_ports_translates_nothing() -> None:
    """Another node has taken its share over."""
    node = NodeRules(divided_zones(), "node-a", {"partner@node-a": "node-c"})
    sent = packet("10.10.0.5", "192.168.100.20")
    assert left(node, sent) == ("no_block", "10.10.0.5", True)
    assert left(NodeRules(divided_zones(), "node-a", {}), sent)[1] == FIXED
