"""Flows as ctnetlink messages."""

import struct
from ipaddress import IPv4Address

import pytest

from natgate.wire.conntrack import (
    DELETE_FLOW,
    NEW_FLOW,
    SOURCE_TRANSLATED,
    LiveFlow,
    delete_flow,
    end_flow,
    get_flows,
    get_reached,
    get_translated,
    get_untranslated,
    parse_endpoints,
    parse_flow,
    parse_live,
    parse_translated,
    touch_flow,
)
from natgate.wire.netlink import ACK, DUMP, REQUEST, Message, attribute, attributes

HEAD = struct.pack("=BBH", 2, 0, 0)
SOURCE, DESTINATION = IPv4Address("10.0.0.5"), IPv4Address("192.0.2.1")
ENDS = attribute(1, SOURCE.packed) + attribute(2, DESTINATION.packed)
TUPLE = attribute(1 | 0x8000, attribute(1 | 0x8000, ENDS))


def flow(*parts: bytes, kind: int = NEW_FLOW) -> Message:
    """A flow as the kernel shows it."""
    return Message(type=kind, body=HEAD + b"".join(parts))


def status(value: int) -> bytes:
    """A flow's status."""
    return attribute(3, struct.pack(">I", value))


def test_the_kernel_is_asked_for_untranslated_flows_only() -> None:
    """The question is a dump of IPv4 flows without the source translation bit."""
    question = get_untranslated()
    asked = attributes(question.body[4:])
    assert question.flags == REQUEST | DUMP
    assert question.body[0] == 2
    assert (asked[3], asked[26]) == (bytes(4), struct.pack(">I", SOURCE_TRANSLATED))


def test_a_flow_has_the_ends_of_its_first_packet() -> None:
    """Source and destination are those of the original direction."""
    assert parse_endpoints(flow(TUPLE, status(0x8))) == (SOURCE, DESTINATION)
    assert parse_endpoints(flow(TUPLE)) == (SOURCE, DESTINATION)


@pytest.mark.parametrize(
    "message",
    [
        flow(TUPLE, kind=3),
        flow(status(0)),
        flow(attribute(1, attribute(1, attribute(1, SOURCE.packed)))),
        flow(attribute(1, attribute(1, attribute(2, SOURCE.packed)))),
    ],
)
def test_what_is_no_untranslated_flow_is_left_out(message: Message) -> None:
    """Other messages and flows without ends are nothing."""
    assert parse_endpoints(message) is None


def test_a_flow_is_ended_by_its_tuple_and_its_id() -> None:
    """The id keeps a later flow with the same ends from being ended instead."""
    order = delete_flow(flow(TUPLE, attribute(12, b"\0\0\0\x07"), status(0)))
    named = attributes(order.body[4:])
    assert (order.type, order.flags) == (DELETE_FLOW, REQUEST | ACK)
    assert named == {1: attribute(1 | 0x8000, ENDS), 12: b"\0\0\0\x07"}
    assert 12 not in attributes(delete_flow(flow(TUPLE)).body[4:])


def test_the_far_end_sees_where_answers_go() -> None:
    """A translated flow is seen from outside as the destination of its answers."""
    seen = IPv4Address("10.10.0.85")
    reply = attribute(1, SOURCE.packed) + attribute(2, seen.packed)
    answers = attribute(2 | 0x8000, attribute(1 | 0x8000, reply))
    assert get_flows().flags == REQUEST | DUMP
    assert parse_translated(flow(TUPLE, answers, status(SOURCE_TRANSLATED))) == seen
    assert parse_translated(flow(TUPLE, answers, status(0))) is None
    assert parse_translated(flow(TUPLE, status(SOURCE_TRANSLATED))) is None
    assert parse_translated(flow(TUPLE, answers, status(SOURCE_TRANSLATED), kind=3)) is None


def reply(protocol: bytes) -> bytes:
    """The direction back, to the translated source."""
    ends = attribute(1, DESTINATION.packed) + attribute(2, bytes([10, 10, 0, 85]))
    inside = attribute(1 | 0x8000, ends) + attribute(2 | 0x8000, protocol)
    return attribute(2 | 0x8000, inside)


TIMED = attribute(7, struct.pack(">I", 90)) + attribute(12, b"wxyz")


@pytest.mark.parametrize(
    ("protocol", "port"),
    [
        (attribute(1, b"\x11") + attribute(3, b"\x04\x05"), 0x0405),
        (attribute(1, b"\x01") + attribute(4, b"\x00\x07"), 7),
        (attribute(1, b"\x2f"), 0),
    ],
)
def test_a_live_flow_has_its_translated_port_and_the_time_it_still_has(
    protocol: bytes, port: int
) -> None:
    """The port by which the far end knows it, an echo's id, or none."""
    found = parse_live(flow(TUPLE, reply(protocol), TIMED))
    assert found == LiveFlow(
        key=b"wxyz",
        left=90,
        tuple=attributes(TUPLE)[1],
        client=SOURCE.packed,
        source=bytes([10, 10, 0, 85]),
        port=port,
    )


def test_a_flow_without_a_timeout_is_no_live_one() -> None:
    """Nor is any other message."""
    assert parse_live(flow(TUPLE, reply(b""))) is None
    assert parse_live(flow(TUPLE, kind=DELETE_FLOW)) is None


def test_touching_a_flow_changes_nothing_of_it() -> None:
    """An empty mark under an empty mask leaves the mark as it is; nothing is created."""
    message = touch_flow(attributes(TUPLE)[1])
    found = attributes(message.body[4:])
    assert (message.type, message.flags) == (NEW_FLOW, REQUEST)
    assert (found[1], found[8], found[21]) == (attributes(TUPLE)[1], bytes(4), bytes(4))
    asked = attributes(get_translated().body[4:])
    assert asked[3] == asked[26] == struct.pack(">I", SOURCE_TRANSLATED)


def test_the_kernel_looks_through_the_flows_of_one_protocol() -> None:
    """By number, in the first direction; the flag is in the machine's own byte order."""
    asked = attributes(get_translated(17).body[4:])
    assert attributes(attributes(asked[1])[2]) == {1: b"\x11"}
    assert attributes(asked[25]) == {1: struct.pack("=I", 8)}
    assert asked[3] == asked[26] == struct.pack(">I", SOURCE_TRANSLATED)


def test_a_flow_from_outside_is_that_of_the_host_it_reaches() -> None:
    """What the far end sees of it is the address and the port that it asked."""
    asked = attribute(1, DESTINATION.packed) + attribute(2, bytes([203, 0, 113, 1]))
    answered = attribute(1, SOURCE.packed) + attribute(2, DESTINATION.packed)
    ports = attribute(2 | 0x8000, attribute(1, b"\x06") + attribute(3, (80).to_bytes(2)))
    first = attribute(1 | 0x8000, attribute(1 | 0x8000, asked) + ports)
    back = attribute(2 | 0x8000, attribute(1 | 0x8000, answered))
    found = parse_live(
        flow(first, back, status(0x2E), attribute(7, bytes(4)), attribute(12, b"key!"))
    )
    assert found is not None
    assert (found.client, found.source, found.port) == (SOURCE.packed, bytes([203, 0, 113, 1]), 80)


def test_the_kernel_is_asked_for_flows_from_outside() -> None:
    """Those whose destination alone is translated; a hairpin is among the others."""
    asked = attributes(get_reached().body[4:])
    assert (asked[3], asked[26]) == (struct.pack(">I", 0x20), struct.pack(">I", 0x30))


def half(source: IPv4Address, destination: IPv4Address, protocol: bytes) -> bytes:
    """One direction of a flow."""
    ends = attribute(1, source.packed) + attribute(2, destination.packed)
    return attribute(1 | 0x8000, ends) + attribute(2 | 0x8000, protocol)


def test_a_flow_is_read_with_both_its_ends() -> None:
    """Ports are those of its first packet and of who is reached; others have none."""
    seen, host = IPv4Address("203.0.113.3"), IPv4Address("10.0.0.9")
    ports = attribute(1, b"\x06") + attribute(2, b"\x9c\x40") + attribute(3, b"\x01\xbb")
    back = attribute(1, b"\x06") + attribute(2, b"\x1f\x90") + attribute(3, b"\x04\x01")
    original, key = half(SOURCE, DESTINATION, ports), b"\0\0\0\x07"
    message = flow(
        attribute(1 | 0x8000, original),
        attribute(2 | 0x8000, half(host, seen, back)),
        attribute(12, key),
    )
    found = parse_flow(message)
    assert found is not None
    assert (found.source, found.destination, found.protocol, found.port) == (
        SOURCE,
        DESTINATION,
        "tcp",
        443,
    )
    assert (found.seen, found.reached, found.reached_port) == (seen, host, 8080)
    order = end_flow(found)
    named = attributes(order.body[4:])
    assert (order.type, order.flags) == (DELETE_FLOW, REQUEST | ACK)
    assert named == {1: original, 12: key}
    bare = half(SOURCE, DESTINATION, attribute(1, b"\x2f"))
    gre = parse_flow(
        flow(attribute(1 | 0x8000, bare), attribute(2 | 0x8000, bare), attribute(12, key))
    )
    assert gre is not None
    assert (gre.protocol, gre.port) == ("47", None)
    assert parse_flow(flow(TUPLE, kind=DELETE_FLOW)) is None
    assert parse_flow(flow(TUPLE)) is None
