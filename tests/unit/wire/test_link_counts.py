"""What links count."""

import struct
from ipaddress import IPv4Address

from natgate.model.counts import LinkCounts
from natgate.wire.link_counts import get_way, parse_link_counts
from natgate.wire.netlink import ACK, REQUEST, Message, attribute, attributes

STATS = attribute(3, b"eth0\0") + attribute(23, struct.pack("=8Q", *range(1, 9)))


def link(body: bytes, *, kind: int = 16, flags: int = 1) -> Message:
    """A link as the kernel shows it."""
    return Message(type=kind, body=struct.pack("=BxHiII", 0, 1, 5, flags, 0) + body)


def test_a_link_has_counts_for_both_directions() -> None:
    """Received first; errors are between bytes and drops."""
    assert parse_link_counts(link(STATS)) == LinkCounts(
        index=5, name="eth0", packets=(1, 2), bytes=(3, 4), dropped=(7, 8)
    )


def test_the_loopback_and_other_messages_are_left_out() -> None:
    """So is a link without counts."""
    assert parse_link_counts(link(STATS, flags=0x9)) is None
    assert parse_link_counts(link(STATS, kind=3)) is None
    assert parse_link_counts(link(b"")) is None


def test_the_way_to_an_address_is_asked_for() -> None:
    """One address, of IPv4, with an acknowledgement behind the answer."""
    question = get_way(IPv4Address("192.0.2.1"))
    assert question.flags == REQUEST | ACK
    assert question.body[:2] == bytes([2, 32])
    assert attributes(question.body[12:])[1] == bytes([192, 0, 2, 1])
