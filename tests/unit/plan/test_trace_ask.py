"""What is asked, in hosts and packets; and what cannot be asked."""

from ipaddress import IPv4Address

import pytest

from natgate.model.error import RefusedError
from natgate.model.topology import Topology
from natgate.plan.trace_ask import address_of, foretell, foretell_here
from natgate.plan.trace_route import MADE_HERE
from tests.gateways import every_entry
from tests.routed import WORLD, at, packet, routed

RESOLVER = (
    "{name: r, address: 10.10.0.6, endpoint: 10.10.0.6, forwards: [{zone: far, to: 192.0.2.9}]}"
)
NAMES = (
    "hosts:",
    f"names: {{resolver: {RESOLVER}, answers: {{192.0.2.9: {{a.far: 192.0.2.9}}}}}}\nhosts:",
)


def node_only() -> Topology:
    """What a node knows: itself."""
    topology = routed(("{name: eth0, segment: n, addr", "{name: eth0, addr"))
    node = topology.host("node-a")
    assert node is not None
    return topology.model_copy(update={"hosts": (node,)})


@pytest.mark.parametrize(("start", "to"), [("client", "world"), ("10.10.0.5", WORLD)])
def test_hosts_are_named_or_written_as_addresses(start: str, to: str) -> None:
    """Both say the same."""
    trace, sent = foretell(routed(), every_entry(), start, to, ("tcp", 443))
    assert sent == packet("10.10.0.5", WORLD)
    assert trace.predicted == IPv4Address("203.0.113.3")


def test_a_name_brings_its_question() -> None:
    """The question is the resolver's own flow."""
    trace, sent = foretell(routed(NAMES), every_entry(), "client", "a.far", ("udp", 53))
    assert sent.destination == IPv4Address(WORLD)
    assert trace.query is not None
    assert trace.query.predicted == IPv4Address("203.0.113.1")


@pytest.mark.parametrize(
    ("start", "to", "said"),
    [
        ("nobody", WORLD, "there is no host nobody; there are client, web"),
        ("10.10.0.9", WORLD, r"there is no host 10\.10\.0\.9"),
        ("client", "nobody", "nobody is neither an address nor one of client, web"),
        ("client", "fe80::1", "fe80::1 is IPv6"),
        ("client", "world", "world has no address"),
        ("world", WORLD, "world has no address, so it sends nothing"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_can(start: str, to: str, said: str) -> None:
    """In one sentence."""
    topology = routed(("addresses: [192.0.2.9]", "addresses: []"))
    with pytest.raises(RefusedError, match=said):
        foretell(topology, every_entry(), start, to, ("tcp", 443))


def test_a_node_that_the_routes_call_otherwise_is_refused() -> None:
    """Else it would be foretold to forward everything as it came."""
    topology = routed(("name: node-a", "name: gw-1"))
    with pytest.raises(RefusedError, match="node node-a in the spec, and host gw-1 in the routes"):
        foretell(topology, every_entry(), "client", WORLD, ("tcp", 443))


@pytest.mark.parametrize("to", ["", "192.0.2.9/32", "a_b"])
def test_what_is_no_name_is_not_asked_of_a_resolver(to: str) -> None:
    """A mistyped address is not said to lie in no zone."""
    with pytest.raises(RefusedError, match="is neither an address nor one of client"):
        foretell(routed(NAMES), every_entry(), "client", to, ("tcp", 443))


def test_a_node_follows_what_comes_in_from_an_address() -> None:
    """By the link by which that address is reached; or what it sends itself."""
    trace, sent, link = foretell_here(node_only(), every_entry(), "10.10.0.5", WORLD, ("tcp", 443))
    assert (link, sent) == ("eth0", packet("10.10.0.5", WORLD))
    assert trace.predicted == IPv4Address("203.0.113.3")
    trace, _, link = foretell_here(node_only(), every_entry(), "10.10.0.20", WORLD, ("tcp", 443))
    assert link == MADE_HERE
    assert at(trace, "node-a").verdict == "sent"


@pytest.mark.parametrize(
    ("start", "to", "said"),
    [
        ("client", WORLD, "write the address of client"),
        ("10.10.0.5", "world", "write the address of world"),
        ("10.10.0.5", WORLD, r"node-a has no route to 10\.10\.0\.5"),
    ],
)
def test_a_node_knows_addresses_only(start: str, to: str, said: str) -> None:
    """And those that it has a route to."""
    topology = node_only()
    node = topology.hosts[0].model_copy(update={"tables": {}})
    blind = topology.model_copy(update={"hosts": (node,)})
    with pytest.raises(RefusedError, match=said):
        foretell_here(blind, every_entry(), start, to, ("tcp", 443))


def test_an_address_is_none_if_it_is_a_name() -> None:
    """IPv6 is refused above."""
    assert address_of("10.0.0.1") == IPv4Address("10.0.0.1")
    assert address_of("host") is None
