"""The tunnel and the detours as rtnetlink messages."""

import struct
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.desired import Detour, Tunnel
from natgate.wire import handover
from natgate.wire.handover import TunnelLink
from natgate.wire.netlink import Message, attribute
from natgate.wire.rtnetlink import NEW_LINK, UNICAST, parse_route, replace_route

ADDRESSES = st.builds(IPv4Address, st.integers(0, 2**32 - 1))
TUNNELS = st.builds(Tunnel, local=ADDRESSES, port=st.integers(1, 65535))
MARKS = st.integers(1, 2**32 - 1)
PEER, OTHER = IPv4Address("10.10.0.52"), IPv4Address("10.10.0.53")
TUNNEL = Tunnel(local=IPv4Address("10.10.0.20"), port=4789)
BODY = handover.add_tunnel(TUNNEL).body


def as_listed(body: bytes, index: int = 7) -> Message:
    """The kernel's listing of a link has the form in which it was made, with its index."""
    return Message(type=NEW_LINK, body=body[:4] + struct.pack("=i", index) + body[8:])


@given(TUNNELS, st.integers(1, 2**31 - 1))
def test_a_tunnel_is_read_back_as_it_was_made(tunnel: Tunnel, index: int) -> None:
    """Its own address and port come out as they went in, and it is switched on."""
    listed = as_listed(handover.add_tunnel(tunnel).body, index)
    assert handover.parse_tunnel(listed) == TunnelLink(index=index, tunnel=tunnel)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"vxlan\0", b"dummy\0"),
        (attribute(1, struct.pack("=I", 0x4E47)), attribute(1, struct.pack("=I", 5))),
        (attribute(4, TUNNEL.local.packed), attribute(40, TUNNEL.local.packed)),
        (struct.pack("=I", handover.MTU), struct.pack("=I", 1450)),
        (attribute(4, struct.pack("=I", handover.MTU)), attribute(44, struct.pack("=I", 9216))),
        (handover.link_address(TUNNEL.local), handover.link_address(PEER)),
        (BODY[8:12], struct.pack("=I", 0)),
    ],
)
def test_a_tunnel_that_is_not_as_it_should_be_is_made_anew(old: bytes, new: bytes) -> None:
    """Another kind, number, address or MTU under the name, or a link that is off, is none of ours."""
    assert old in BODY
    assert handover.parse_tunnel(as_listed(BODY.replace(old, new, 1))) == TunnelLink(
        index=7, tunnel=None
    )


def test_other_links_are_no_tunnel() -> None:
    """A link of another name, one without a name, and other messages are left out."""
    assert handover.parse_tunnel(as_listed(BODY.replace(b"ng-vx", b"ng-vy"))) is None
    assert handover.parse_tunnel(as_listed(BODY[:16])) is None
    assert handover.parse_tunnel(Message(type=3, body=BODY)) is None
    named = BODY[:16] + attribute(3, b"ng-vx\0")
    assert handover.parse_tunnel(as_listed(named)) == TunnelLink(index=7, tunnel=None)


def test_a_link_is_deleted_by_its_index() -> None:
    """The message names the link by number."""
    message = handover.delete_tunnel(7)
    assert (message.type, struct.unpack("=BxHiII", message.body)[2]) == (17, 7)


@given(ADDRESSES, st.integers(1, 2**31 - 1))
def test_a_peer_is_read_back_inside_and_outside(peer: IPv4Address, link: int) -> None:
    """One entry says who the peer is inside the tunnel, one where it is outside."""
    inside, outside = handover.tunnel_peer(link, peer)
    assert handover.parse_tunnel_peer(inside, link) == (2, peer)
    assert handover.parse_tunnel_peer(outside, link) == (7, peer)
    assert handover.parse_tunnel_peer(inside, link + 1) is None


def test_wrong_neighbours_are_no_peers() -> None:
    """One that was learnt, has no address, or another link-layer address, does not count."""
    inside, _ = handover.tunnel_peer(7, PEER)
    learnt = inside.body[:8] + struct.pack("=H", 2) + inside.body[10:]
    wrong = inside.body.replace(handover.link_address(PEER), handover.link_address(OTHER))
    for body in (learnt, inside.body[:12], wrong):
        assert handover.parse_tunnel_peer(replace(inside, body=body), 7) is None
    assert handover.parse_tunnel_peer(replace(inside, type=29), 7) is None
    assert [m.type for m in handover.get_tunnel_peers()] == [handover.GET_NEIGHBOUR] * 2


@given(MARKS)
def test_a_rule_is_read_back_by_its_mark(mark: int) -> None:
    """The rule leads what carries the mark to the table of that number."""
    rule = handover.add_rule(mark)
    assert handover.parse_rule(rule) == mark
    assert handover.delete_rule(mark).body == rule.body


def test_rules_of_others_are_left_out() -> None:
    """A rule with another protocol number, table or no mark is none of natgate's."""
    rule = handover.add_rule(5)
    foreign = rule.body.replace(attribute(21, bytes([78])), attribute(21, bytes([3])))
    other = rule.body.replace(
        attribute(15, struct.pack("=I", 5)), attribute(15, struct.pack("=I", 6))
    )
    unmarked = rule.body.replace(
        attribute(10, struct.pack("=I", 5)), attribute(11, struct.pack("=I", 5))
    )
    for body in (foreign, other, unmarked):
        assert body != rule.body
        assert handover.parse_rule(replace(rule, body=body)) is None
    assert handover.parse_rule(replace(rule, type=33)) is None
    assert handover.get_rules().type == handover.GET_RULE


@given(mark=MARKS, peer=ADDRESSES, via=ADDRESSES, tunnelled=st.booleans())
def test_a_detour_leads_everything_to_its_peer(
    mark: int, peer: IPv4Address, via: IPv4Address, *, tunnelled: bool
) -> None:
    """Its table has a default route, and a route that names the peer to a later reader."""
    detour = Detour(mark=mark, peer=peer, tunnelled=tunnelled)
    default, named = handover.detour_routes(detour, via, 7)
    assert (default.destination, named.destination) == (handover.EVERYWHERE, IPv4Network(peer))
    for route in (default, named):
        assert (route.table, route.gateway, route.link, route.type) == (mark, via, 7, UNICAST)
        assert parse_route(replace_route(route)) == route
