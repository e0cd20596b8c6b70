"""Routes, links, addresses and classifiers as rtnetlink messages."""

import struct
from ipaddress import IPv4Address, IPv4Network
from socket import AF_INET, AF_INET6

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.wire import rtnetlink
from natgate.wire.netlink import Message, attribute, attributes
from natgate.wire.rtnetlink import BLACKHOLE, KernelRoute, Link

PREFIXES = st.builds(
    lambda address, length: IPv4Network((address, length), strict=False),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)
ROUTES = st.builds(
    KernelRoute,
    destination=PREFIXES,
    table=st.integers(1, 2**32 - 1),
    type=st.sampled_from([rtnetlink.UNICAST, BLACKHOLE]),
    protocol=st.integers(0, 255),
    gateway=st.none() | st.builds(IPv4Address, st.integers(0, 2**32 - 1)),
    link=st.none() | st.integers(1, 2**31 - 1),
)
TC = struct.Struct("=BxxxiIII")


@given(ROUTES)
def test_a_route_is_read_back_as_it_was_written(route: KernelRoute) -> None:
    """Destination, table of any number, type, protocol and next hop come out as they went in."""
    assert rtnetlink.parse_route(rtnetlink.replace_route(route)) == route
    assert rtnetlink.delete_route(route).body == rtnetlink.replace_route(route).body


def test_a_route_without_attributes_is_the_default_route() -> None:
    """The kernel leaves out an empty destination, and small tables may stand in the header."""
    body = struct.pack("=8BI", AF_INET, 0, 0, 0, 254, 3, 0, 1, 0)
    route = rtnetlink.parse_route(Message(type=rtnetlink.NEW_ROUTE, body=body))
    assert route == KernelRoute(destination=IPv4Network("0.0.0.0/0"), table=254, protocol=3)


@pytest.mark.parametrize(
    "parse",
    [
        rtnetlink.parse_route,
        rtnetlink.parse_link,
        rtnetlink.parse_address,
        rtnetlink.parse_clsact,
        rtnetlink.parse_guard_program,
    ],
)
def test_other_messages_are_nothing(parse: object) -> None:
    """Each reader leaves out the messages that are not its own."""
    assert callable(parse)
    assert parse(Message(type=3, body=bytes(40))) is None


def test_routes_of_other_families_are_nothing() -> None:
    """An IPv6 route is left out."""
    body = struct.pack("=8BI", AF_INET6, *[0] * 8)
    assert rtnetlink.parse_route(Message(type=rtnetlink.NEW_ROUTE, body=body)) is None


def test_a_link_tells_its_index_its_name_and_its_kind() -> None:
    """Links are known by index and by name; a tunnel's packets have no Ethernet header."""
    body = struct.pack("=BxHiII", 0, 1, 3, 0x1, 0) + attribute(3, b"eth0\0")
    assert rtnetlink.parse_link(Message(type=rtnetlink.NEW_LINK, body=body)) == Link(
        index=3, name="eth0", loopback=False, ethernet=True
    )
    body = struct.pack("=BxHiII", 0, 65534, 4, 0x1, 0) + attribute(3, b"wg0\0")
    assert rtnetlink.parse_link(Message(type=rtnetlink.NEW_LINK, body=body)) == Link(
        index=4, name="wg0", loopback=False, ethernet=False
    )
    body = struct.pack("=BxHiII", 0, 772, 1, 0x9, 0) + attribute(3, b"lo\0")
    assert rtnetlink.parse_link(Message(type=rtnetlink.NEW_LINK, body=body)) == Link(
        index=1, name="lo", loopback=True, ethernet=True
    )


def test_a_local_address_is_preferred_to_the_one_of_the_far_end() -> None:
    """On a point-to-point link the local address counts; what is no IPv4 address is nothing."""
    head, local, far = (
        bytes(8),
        attribute(2, bytes([10, 0, 0, 1])),
        attribute(1, bytes([10, 0, 0, 2])),
    )

    def parse(body: bytes) -> IPv4Address | None:
        return rtnetlink.parse_address(Message(type=rtnetlink.NEW_ADDRESS, body=head + body))

    assert parse(far + local) == IPv4Address("10.0.0.1")
    assert parse(far) == IPv4Address("10.0.0.2")
    assert parse(b"") is None
    assert parse(attribute(1, bytes(16))) is None


def test_an_address_is_read_back_as_it_was_added() -> None:
    """It is local, has no prefix around it, and is made exclusively."""
    address = IPv4Address("10.0.0.1")
    message = rtnetlink.add_address(7, address)
    assert rtnetlink.parse_address_link(message) == (address, 7)
    assert message.body[:3] == bytes([2, 32, 0])
    assert message.flags == 0x605


def test_questions_are_dumps() -> None:
    """Everything that is looked up is asked for as a whole."""
    questions = (
        rtnetlink.get_routes(),
        rtnetlink.get_links(),
        rtnetlink.get_addresses(),
        rtnetlink.get_qdiscs(),
        rtnetlink.get_filters(3),
        rtnetlink.get_filters(3, egress=False),
    )
    assert all(question.flags == 0x301 for question in questions)
    assert questions[4].body != questions[5].body


def test_the_hooks_are_clsact() -> None:
    """The hooks are made exclusively, taken away by the same name, and carry the drop count."""
    made, gone = rtnetlink.add_clsact(3), rtnetlink.delete_clsact(3)
    assert TC.unpack_from(made.body) == TC.unpack_from(gone.body)
    counts = attribute(7, attribute(3, struct.pack("=5I", 1, 2, 9, 4, 5)))
    assert rtnetlink.parse_clsact(Message(type=rtnetlink.NEW_QDISC, body=made.body + counts)) == (
        3,
        9,
    )
    assert rtnetlink.parse_clsact(Message(type=rtnetlink.NEW_QDISC, body=made.body)) == (3, 0)
    other = Message(type=rtnetlink.NEW_QDISC, body=gone.body + attribute(1, b"fq\0"))
    assert rtnetlink.parse_clsact(other) is None


@given(st.binary(max_size=16).map(lambda b: b * 8))
def test_the_guard_is_read_back_as_it_was_written(program: bytes) -> None:
    """A program put into the guard's place is found there again."""
    message = rtnetlink.replace_guard(3, program)
    assert rtnetlink.parse_guard_program(message) == program
    assert rtnetlink.is_filter(message)


def test_only_the_guards_own_place_counts() -> None:
    """Another handle or another preference is a foreign classifier; one in our place is not ours."""
    message = rtnetlink.replace_guard(3, bytes(8))
    _, link, handle, parent, info = TC.unpack_from(message.body)
    rest = message.body[TC.size :]

    def at(handle: int, info: int, rest: bytes) -> bytes | None:
        body = TC.pack(0, link, handle, parent, info) + rest
        return rtnetlink.parse_guard_program(Message(type=rtnetlink.NEW_FILTER, body=body))

    assert at(handle, info, rest) == bytes(8)
    assert at(handle + 1, info, rest) is None
    assert at(handle, info + (1 << 16), rest) is None
    assert at(handle, info, b"") == b""
    held = attributes(attributes(rest)[2])
    plain = attribute(2, attribute(5, held[5]))
    assert at(handle, info, plain) == b""
    assert rtnetlink.delete_guard(3).body[: TC.size] == message.body[: TC.size]


def test_the_head_of_a_chain_is_no_classifier() -> None:
    """The kernel also lists entries without a handle, which do nothing."""
    head = TC.pack(0, 3, 0, 0, 0)
    assert not rtnetlink.is_filter(Message(type=rtnetlink.NEW_FILTER, body=head))
    assert not rtnetlink.is_filter(Message(type=rtnetlink.NEW_QDISC, body=TC.pack(0, 3, 1, 0, 0)))


def test_messages_are_numbered_in_order() -> None:
    """Each answer can be told from the others."""
    numbered = rtnetlink.sequence([rtnetlink.get_links(), rtnetlink.get_routes()], 7)
    assert [message.sequence for message in numbered] == [7, 8]
    assert numbered[0].body == rtnetlink.get_links().body


def test_a_local_address_is_told_with_its_link() -> None:
    """So that a daemon can be bound to the link that has it."""
    address = IPv4Address("10.0.0.1")
    head = struct.pack("=4BI", 2, 32, 0, 0, 7)
    body = head + attribute(2, address.packed)
    message = Message(type=rtnetlink.NEW_ADDRESS, body=body)
    assert rtnetlink.parse_address_link(message) == (address, 7)
    assert rtnetlink.parse_address_link(Message(type=3)) is None
