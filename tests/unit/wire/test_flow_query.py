"""Questions that the kernel filters."""

import struct
from ipaddress import ip_network

import pytest

from natgate.model.flow_choice import EVERY, Choice
from natgate.model.open_flow import ICMP, IPV4, IPV6, TCP
from natgate.wire.flow_query import Side, end_one, get_chosen, get_matching, get_one
from natgate.wire.netlink import ACK, DUMP, REQUEST, Message, attributes
from tests.unit.open_flows import flow

HOST, ADDRESS = ip_network("10.0.0.5"), ip_network("203.0.113.1")


def asked(message: Message) -> dict[str, object]:
    """What a dump asks for."""
    found = attributes(message.body[4:])
    numbers = {3: "status", 26: "mask", 8: "mark", 21: "mark mask", 18: "zone"}
    shown: dict[str, object] = {
        name: int.from_bytes(found[kind]) for kind, name in numbers.items() if kind in found
    }
    for kind, bits in attributes(found.get(25, b"")).items():
        shown["original" if kind == 1 else "reply"] = struct.unpack("=I", bits)[0]
    return {"family": message.body[0], **shown}


@pytest.mark.parametrize(
    ("choice", "dumps"),
    [
        (Choice(), [{"family": 0}]),
        (EVERY, [{"family": 0}]),
        (Choice(family=IPV6), [{"family": IPV6}]),
        (Choice(kinds=("snat",)), [{"family": 0, "status": 0x10, "mask": 0x30}]),
        (Choice(kinds=("snat", "both")), [{"family": 0, "status": 0x10, "mask": 0x10}]),
        (Choice(kinds=("none",)), [{"family": 0, "status": 0, "mask": 0x30}]),
        (Choice(kinds=()), []),
        (
            Choice(mark=(0x13, 0x0F), zone=4),
            [{"family": 0, "mark": 3, "mark mask": 0x0F, "zone": 4}],
        ),
        (Choice(protocol=TCP), [{"family": f, "original": 8} for f in (IPV4, IPV6)]),
        (Choice(source=HOST), [{"family": IPV4, "original": 1}]),
        (Choice(source=ip_network("10.0.0.0/8")), [{"family": IPV4}]),
        (Choice(destination=ip_network("2001:db8::1")), [{"family": IPV6, "reply": 1}]),
        (
            Choice(client=HOST),
            [
                {"family": IPV4, "status": 0x10, "mask": 0x30, "original": 1},
                {"family": IPV4, "status": 0x20, "mask": 0x20, "reply": 1},
            ],
        ),
        (Choice(client=HOST, source=HOST), [{"family": IPV4, "original": 1}]),
        (
            Choice(address=ADDRESS, port=443, protocol=TCP, kinds=("snat",)),
            [{"family": IPV4, "status": 0x10, "mask": 0x30, "original": 8, "reply": 2 | 8 | 32}],
        ),
        (
            Choice(address=ADDRESS, port=443, protocol=TCP, kinds=("dnat",)),
            [{"family": IPV4, "status": 0x20, "mask": 0x30, "original": 2 | 8 | 32}],
        ),
        (
            Choice(address=ADDRESS, port=443, kinds=("dnat",)),
            [{"family": IPV4, "status": 0x20, "mask": 0x30, "original": 2}],
        ),
    ],
)
def test_the_kernel_filters_what_it_can(choice: Choice, dumps: list[dict[str, object]]) -> None:
    """Each dump is for kinds of its own, so that no flow comes twice."""
    questions = get_chosen(choice)
    assert [asked(question) for question in questions] == dumps
    assert all(question.flags == REQUEST | DUMP for question in questions)


def test_the_kernel_finds_what_has_parts_of_a_direction() -> None:
    """By the destination of answers, or by source and protocol of the first packet, and nothing else."""
    address = Side(destination=0x0A000005)
    question = get_matching(IPV4, reply=address)
    found = attributes(question.body[4:])
    assert question.flags == REQUEST | DUMP
    assert attributes(attributes(found[2])[1]) == {2: b"\x0a\0\0\5"}
    assert attributes(found[25]) == {2: struct.pack("=I", 2)}
    found = attributes(get_matching(IPV4, original=address).body[4:])
    assert attributes(attributes(found[1])[1]) == {2: b"\x0a\0\0\5"}
    assert attributes(found[25]) == {1: struct.pack("=I", 2)}
    echoes = Side(source=0x0A000005, protocol=ICMP)
    found = attributes(get_matching(IPV4, original=echoes).body[4:])
    assert attributes(found[25]) == {1: struct.pack("=I", 0b1001)}
    half = attributes(found[1])
    assert attributes(half[1]) == {1: b"\x0a\0\0\5"}
    assert attributes(half[2]) == {1: b"\x01"}
    assert list(attributes(get_matching(IPV6).body[4:])) == []


def test_one_flow_is_asked_for_by_a_whole_direction() -> None:
    """With both addresses, the protocol and both ports."""
    side = Side(source=1, destination=2, protocol=TCP, source_port=3, destination_port=4)
    question = get_one(IPV4, reply=side)
    found = attributes(question.body[4:])
    assert (question.flags, list(found)) == (REQUEST | ACK, [2])
    half = attributes(found[2])
    assert attributes(half[1]) == {1: b"\0\0\0\1", 2: b"\0\0\0\2"}
    assert attributes(half[2]) == {1: b"\6", 2: b"\0\3", 3: b"\0\4"}
    assert list(attributes(get_one(IPV6, original=side).body[4:])) == [1]


def test_a_flow_is_ended_by_what_names_it() -> None:
    """Its family, its tuple and its id."""
    order = end_one(flow(id=9))
    assert (order.body[0], attributes(order.body[4:])) == (IPV4, {1: b"", 12: b"\0\0\0\t"})
