"""The flow of a packet is asked for, and described."""

from dataclasses import replace
from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from natgate.model.open_flow import DESTINATION_TRANSLATED, SOURCE_TRANSLATED, OpenFlow
from natgate.model.trace import Packet
from natgate.wire.flow_of_packet import described, parse_captured, questions
from natgate.wire.netlink import Message, attributes
from natgate.wire.probe import Probe, Seen, parse_packet, render_probe

HOST, FIXED, FAR = (IPv4Address(a) for a in ("10.1.0.1", "10.1.200.5", "203.0.113.9"))
PACKET = Packet(protocol="udp", source=HOST, destination=FAR, source_port=5000, destination_port=53)
ECHO = replace(PACKET, protocol="icmp", destination_port=None)
FLOW = OpenFlow(
    family=2,
    protocol=17,
    status=SOURCE_TRANSLATED,
    id=1,
    source=int(HOST),
    source_port=5000,
    destination=int(FAR),
    destination_port=53,
    reply_source=int(FAR),
    reply_source_port=53,
    reply_destination=int(FIXED),
    reply_destination_port=40000,
)


def asked(message: Message) -> tuple[bytes, bytes, dict[int, bytes]]:
    """Source and destination of a question, and what it says of the protocol."""
    side = attributes(attributes(message.body[4:])[1])
    pair = attributes(side[1])
    return pair[1], pair[2], attributes(side[2])


def test_a_packet_is_asked_for_as_it_is_and_turned_round() -> None:
    """The one finds what came in, the other what was translated."""
    first, second = map(asked, questions(Seen(packet=PACKET)))
    assert first[:2] == (HOST.packed, FAR.packed)
    assert second[:2] == (FAR.packed, HOST.packed)
    assert first[2] == {1: b"\x11", 2: b"\x13\x88", 3: b"\x00\x35"}
    assert second[2] == {1: b"\x11", 2: b"\x00\x35", 3: b"\x13\x88"}


def test_an_echo_is_asked_for_by_its_id() -> None:
    """Turned round, a request is a reply, and a reply a request."""
    for reply, types in ((False, (8, 0)), (True, (0, 8))):
        found = [asked(m)[2] for m in questions(Seen(packet=ECHO, reply=reply))]
        assert [each[5][0] for each in found] == list(types)
        assert {each[4] for each in found} == {b"\x13\x88"}
    nothing = replace(PACKET, source_port=None, destination_port=None)
    assert asked(questions(Seen(packet=nothing))[0])[2] == {1: b"\x11", 2: bytes(2), 3: bytes(2)}
    assert asked(questions(Seen(packet=replace(ECHO, source_port=None)))[0])[2][4] == bytes(2)


def test_an_error_stands_for_the_packet_that_it_complains_about() -> None:
    """Other messages of ICMP, and errors that are cut off, belong to no flow."""
    inner = render_probe(Probe(packet=PACKET, token=7, mark=1))
    head = bytearray(render_probe(Probe(packet=ECHO, token=7, mark=1))[:20])
    error = bytes(head) + b"\3\3" + bytes(6) + inner
    assert parse_captured(error) == parse_packet(inner)
    assert parse_captured(inner) == parse_packet(inner)
    assert parse_captured(bytes(head) + b"\x0d\0" + bytes(6) + inner) is None
    assert parse_captured(error[:20]) is None
    assert parse_captured(error[:40]) is None
    assert parse_captured(b"") is None
    assert parse_captured(b"\x60" + error[1:]) is None
    head[9] = 47
    assert parse_captured(bytes(head) + error[20:]) is None


@given(st.binary(max_size=120))
def test_any_bytes_are_a_packet_or_nothing(data: bytes) -> None:
    """Nothing that is captured makes the reader fail."""
    for each in (data, b"\x40" + data, b"\x45" + bytes(8) + b"\1" + data):
        found = parse_captured(each)
        assert found is None or found.packet is not None


def test_what_is_done_with_a_flow_is_one_line() -> None:
    """The entry, or without one what kind it is, and both ends before and after."""
    text = "10.1.0.1:5000 -> 203.0.113.9:53 becomes 10.1.200.5:40000 -> 203.0.113.9:53"
    assert described(FLOW, "g/one") == f"g/one: {text}"
    assert described(FLOW, "") == f"snat: {text}"
    assert described(replace(FLOW, status=0), "g/one") == "not translated"
    reached = replace(FLOW, status=DESTINATION_TRANSLATED, reply_destination=int(HOST))
    assert described(reached, "").startswith("dnat: ")


def test_an_echo_is_described_by_its_ids() -> None:
    """An id belongs to both ends, and is written once."""
    echo = replace(
        FLOW,
        protocol=1,
        source_port=7,
        destination_port=0,
        reply_source_port=9,
        reply_destination_port=0,
    )
    text = "10.1.0.1:7 -> 203.0.113.9 becomes 10.1.200.5:9 -> 203.0.113.9"
    assert described(echo, "") == f"snat: {text}"
