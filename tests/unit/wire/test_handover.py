"""The tunnel and the detours as rtnetlink messages."""

import struct
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.desired import Detour, Tunnel
from natgate.wire import handover
from natgate.wire.handover import (
    EVERYWHERE,
    NEW_NEIGHBOUR,
    NEW_RULE,
    TunnelLink,
    detour_routes,
    link_address,
    parse_rule,
    parse_tunnel,
    parse_tunnel_peer,
    tunnel_peer,
)
from natgate.wire.netlink import Message

ADDRESSES = st.integers(1, 2**32 - 1).map(IPv4Address)
PEER = IPv4Address("10.0.0.2")
TUNNEL = Tunnel(local=IPv4Address("10.0.0.1"), port=4789)


@given(ADDRESSES, st.integers(1, 65535))
def test_a_tunnel_is_read_back_as_it_was_made(local: IPv4Address, port: int) -> None:
    """The kernel shows it in the form in which it was asked for."""
    tunnel = Tunnel(local=local, port=port)
    assert parse_tunnel(handover.add_tunnel(tunnel)) == TunnelLink(index=0, tunnel=tunnel)


def _changed(old: bytes, new: bytes) -> Message:
    made = handover.add_tunnel(TUNNEL)
    assert old in made.body
    return replace(made, body=made.body.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"vxlan\0", b"dummy\0"),
        (struct.pack("=I", handover.NETWORK_ID), struct.pack("=I", 7)),
        (struct.pack("=I", handover.MTU), struct.pack("=I", 1450)),
        (link_address(TUNNEL.local), bytes(6)),
    ],
)
def test_a_link_of_its_name_that_is_different_is_none_of_ours(old: bytes, new: bytes) -> None:
    """Another kind, network, MTU or address: it is made anew."""
    found = parse_tunnel(_changed(old, new))
    assert found is not None
    assert found.tunnel is None


def test_a_tunnel_that_is_down_is_made_anew() -> None:
    """A link is one that is up."""
    made = handover.add_tunnel(TUNNEL)
    down = replace(made, body=made.body[:8] + struct.pack("=I", 0) + made.body[12:])
    found = parse_tunnel(down)
    assert found is not None
    assert found.tunnel is None


def test_other_links_and_messages_are_not_the_tunnel() -> None:
    """A dump has many links, and an end."""
    assert parse_tunnel(_changed(b"ng-vx\0", b"wlan0\0")) is None
    assert parse_tunnel(Message(type=3)) is None


def test_a_link_without_an_mtu_is_not_ours() -> None:
    """Whatever is missing is not right."""
    made = handover.add_tunnel(TUNNEL)
    mtu = struct.pack("=HHI", 8, 4, handover.MTU)
    assert mtu in made.body
    found = parse_tunnel(replace(made, body=made.body.replace(mtu, b"")))
    assert found is not None
    assert found.tunnel is None


@given(ADDRESSES, st.integers(1, 99))
def test_a_peer_is_known_inside_and_outside(peer: IPv4Address, link: int) -> None:
    """Two entries, of two families; an entry of another link is none."""
    found = [parse_tunnel_peer(message, link) for message in tunnel_peer(link, peer)]
    assert [entry and entry[1] for entry in found] == [peer, peer]
    assert len({entry and entry[0] for entry in found}) == 2
    assert parse_tunnel_peer(tunnel_peer(link, peer)[0], link + 1) is None


def test_an_entry_with_another_link_address_is_wrong() -> None:
    """Packets would go to nobody."""
    inside, _ = tunnel_peer(7, PEER)
    wrong = replace(inside, body=inside.body.replace(link_address(PEER), bytes(6)))
    assert parse_tunnel_peer(wrong, 7) is None
    assert parse_tunnel_peer(Message(type=3), 7) is None
    assert inside.type == NEW_NEIGHBOUR
    assert [message.type for message in handover.get_tunnel_peers()] == [30, 30]


@given(st.integers(1, 2**32 - 1))
def test_a_rule_is_known_by_its_mark(mark: int) -> None:
    """The table has the number of the mark."""
    assert parse_rule(handover.add_rule(mark)) == mark


def test_rules_of_others_are_not_ours() -> None:
    """They carry another protocol number, or none; or lead to another table."""
    ours = handover.add_rule(5)
    protocol = struct.pack("=HHB", 5, 21, 78)
    assert protocol in ours.body
    foreign = replace(ours, body=ours.body.replace(protocol, struct.pack("=HHB", 5, 21, 3)))
    assert parse_rule(foreign) is None
    table = struct.pack("=HHI", 8, 15, 5)
    other = replace(ours, body=ours.body.replace(table, struct.pack("=HHI", 8, 15, 254)))
    assert parse_rule(other) is None
    assert parse_rule(handover.delete_rule(5)) is None
    assert (ours.type, handover.get_rules().type) == (NEW_RULE, 34)


def test_a_detour_leads_everywhere_and_names_its_peer() -> None:
    """The second route is for whoever reads it back."""
    detour = Detour(mark=9, peer=PEER, tunnelled=True)
    everywhere, named = detour_routes(detour, PEER, 4)
    assert (everywhere.destination, everywhere.table, everywhere.link) == (EVERYWHERE, 9, 4)
    assert named.destination.network_address == PEER
    assert handover.delete_tunnel(4).type == 17
