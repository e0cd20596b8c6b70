"""What one node carries of a gateway."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from natgate.model.address import FIRST_PORT, LAST_PORT
from natgate.model.routes import wanted_routes
from natgate.model.share import (
    EVERY_PORT,
    Block,
    all_shares,
    divide,
    handed_routes,
    joined,
    shares_of,
)
from natgate.model.spec import Spec
from natgate.wire.config import parse_spec
from tests.effort import FEW
from tests.specs import spec_with, specs, two_zones

DIVIDED = (
    ("- name: partner\n", "- name: partner\n    mode: active-active\n"),
    ("heartbeat: {", "steering: {kind: lab}\nheartbeat: {"),
)


@given(st.integers(1, 60))
def test_every_port_lies_in_exactly_one_block(count: int) -> None:
    """Blocks follow each other without a gap, and are of one size but for the last."""
    blocks = divide(count)
    assert (blocks[0].first, blocks[-1].last) == (FIRST_PORT, LAST_PORT)
    assert all(b.last + 1 == after.first for b, after in pairwise(blocks))
    sizes = {b.last - b.first for b in blocks[:-1]}
    assert len(sizes) <= 1
    assert joined(blocks) == (EVERY_PORT,)


def test_blocks_are_joined_where_they_touch() -> None:
    """In any order; a gap stays a gap."""
    one, two, four = Block(first=1, last=9), Block(first=10, last=19), Block(first=30, last=39)
    assert joined([four, two, one]) == (Block(first=1, last=19), four)
    assert str(four) == "30-39"
    assert 30 in four
    assert 29 not in four


def test_an_active_standby_gateway_is_one_share() -> None:
    """All routes and all ports, in the order of its nodes."""
    spec = two_zones()
    (share,) = shares_of(spec, spec.gateways[0])
    assert (share.name, share.home, share.block) == ("partner", "node-a", EVERY_PORT)
    assert share.routes == wanted_routes(spec, spec.gateways[0])


def test_in_active_active_each_node_carries_its_own_zone() -> None:
    """The first share has the edge route as well; each node is the home of its own."""
    spec = parse_spec(spec_with(*DIVIDED))
    first, second = all_shares(spec)
    assert [str(r) for r in first.routes] == [
        "10.10.0.80/28 in edge",
        "192.168.100.0/24 in clients-a",
    ]
    assert [str(r) for r in second.routes] == ["192.168.100.0/24 in clients-c"]
    assert (first.nodes, second.nodes) == (("node-a", "node-c"), ("node-c", "node-a"))
    assert (first.name, second.name) == ("partner@node-a", "partner@node-c")


@FEW
@given(specs())
def test_every_route_belongs_to_one_share(spec: Spec) -> None:
    """Nothing is carried twice, and nothing by nobody."""
    for gateway in spec.gateways:
        shares = shares_of(spec, gateway)
        routes = [route for share in shares for route in share.routes]
        assert sorted(routes) == sorted(wanted_routes(spec, gateway))
        assert joined(share.block for share in shares) == (EVERY_PORT,)
        assert all(set(share.nodes) == set(spec.nodes_of(gateway)) for share in shares)


def test_on_the_route_carrier_a_node_hands_over_by_its_own_table() -> None:
    """What it may not keep goes to the other node; with a tunnel no route is needed."""
    spec = parse_spec(spec_with(*DIVIDED))
    assert handed_routes(spec, "node-a") == ()
    text = spec_with(*DIVIDED, ("steering: {", "handover: {carrier: route}\nsteering: {"))
    ((route, peer),) = handed_routes(parse_spec(text), "node-a")
    assert (str(route), peer) == ("10.10.0.80/28 in nodes-a", "node-c")
