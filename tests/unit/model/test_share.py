"""Shares: ports and routes are divided, and nothing is left over or given twice."""

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from natgate.model.address import FIRST_PORT, LAST_PORT
from natgate.model.routes import Route, wanted_routes
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
from tests.specs import divided_zones, specs, two_zones

ROUTE_CARRIER = ("heartbeat:", "handover: {carrier: route}\nheartbeat:")


@given(st.integers(1, 300))
def test_the_blocks_cover_every_port_once(count: int) -> None:
    """Blocks follow each other without gap or overlap, and differ by less than the rest in size."""
    blocks = divide(count)
    assert len(blocks) == count
    assert (blocks[0].first, blocks[-1].last) == (FIRST_PORT, LAST_PORT)
    assert all(one.last + 1 == other.first for one, other in pairwise(blocks))
    sizes = [block.last - block.first + 1 for block in blocks]
    assert len(set(sizes[:-1])) <= 1
    assert sizes[0] <= sizes[-1] < sizes[0] + count


@given(specs())
def test_each_node_has_one_share_with_a_block_of_its_own(spec: Spec) -> None:
    """An active-active gateway has a share per node, at home there; else there is one for all."""
    for gateway in spec.gateways:
        shares = shares_of(spec, gateway)
        nodes = spec.nodes_of(gateway)
        if gateway.mode == "active-standby":
            (share,) = shares
            assert (share.name, share.nodes, share.block) == (gateway.name, nodes, EVERY_PORT)
            continue
        assert tuple(share.home for share in shares) == nodes
        assert [share.name for share in shares] == [f"{gateway.name}@{node}" for node in nodes]
        assert tuple(share.block for share in shares) == divide(len(nodes))
        assert all(sorted(share.nodes) == sorted(nodes) for share in shares)
    assert all_shares(spec) == tuple(s for g in spec.gateways for s in shares_of(spec, g))
    names = [share.name for share in all_shares(spec)]
    assert len(names) == len(set(names))


@given(specs())
def test_every_wanted_route_belongs_to_one_share(spec: Spec) -> None:
    """The shares of a gateway divide its routes; those of the edge belong to the first."""
    for gateway in spec.gateways:
        shares = shares_of(spec, gateway)
        divided = [route for share in shares for route in share.routes]
        assert sorted(divided) == sorted(wanted_routes(spec, gateway))
        assert len(divided) == len(set(divided))
        edge = [r for r in wanted_routes(spec, gateway) if r.table == spec.network.edge_table]
        assert set(edge) <= set(shares[0].routes)
        assert shares[0].routes[0] == edge[0]


@given(specs())
def test_a_zone_is_carried_by_its_own_node(spec: Spec) -> None:
    """A client route is at home with the first node whose zone uses the route's table."""
    for gateway in spec.gateways:
        if gateway.mode == "active-standby":
            continue
        for share in shares_of(spec, gateway):
            for route in share.routes:
                zones = {s.zone for s in spec.network.subnets if s.table == route.table}
                fitting = [n for n in spec.nodes_of(gateway) if spec.node(n).zone in zones]
                assert share.home == (fitting or spec.nodes_of(gateway))[0]


def test_source_000_is_divided_between_its_zones() -> None:
    """Zone a has the lower half of the ports and the edge, zone c the upper half."""
    spec = divided_zones()
    one, two = all_shares(spec)
    assert (one.name, one.nodes, str(one.block)) == (
        "partner@node-a",
        ("node-a", "node-c"),
        "1025-33279",
    )
    assert (two.name, two.nodes, str(two.block)) == (
        "partner@node-c",
        ("node-c", "node-a"),
        "33280-65535",
    )
    assert [route.table for route in one.routes] == ["edge", "clients-a"]
    assert [route.table for route in two.routes] == ["clients-c"]


@given(st.sets(st.integers(0, 40), max_size=20), st.randoms(use_true_random=False))
def test_blocks_that_touch_are_joined(ports: set[int], random: Random) -> None:
    """Joined blocks hold the same ports, in order, and no two of them touch."""
    blocks = [Block(first=port, last=port) for port in ports]
    random.shuffle(blocks)
    whole = joined(blocks)
    assert {port for port in range(41) if any(port in block for block in whole)} == ports
    assert all(one.last + 1 < other.first for one, other in pairwise(whole))
    assert joined(whole) == whole


@given(st.integers(1, 20))
def test_all_blocks_joined_are_every_port(count: int) -> None:
    """A node that has every block gives out every port."""
    assert joined(divide(count)) == (EVERY_PORT,)


def test_on_the_route_carrier_each_node_leads_returns_to_the_other() -> None:
    """The table of a node's own subnet leads the fixed addresses to its peer; a tunnel needs none."""
    spec = divided_zones(ROUTE_CARRIER)
    (edge,) = (r for r in wanted_routes(spec, spec.gateways[0]) if r.table == "edge")
    for node, table, peer in (("node-a", "nodes-a", "node-c"), ("node-c", "nodes-c", "node-a")):
        ((route, to),) = handed_routes(spec, node)
        assert (route, to) == (Route(table=table, destination=edge.destination), peer)
    assert handed_routes(divided_zones(), "node-a") == ()
    assert handed_routes(two_zones(), "node-a") == ()
