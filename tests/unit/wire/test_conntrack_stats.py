"""What ctnetlink counts, and which ports are in use."""

import struct
from ipaddress import IPv4Address

import pytest

from natgate.model.counts import PortUse
from natgate.wire.conntrack_stats import STATS, get_stats, parse_port_use, parse_stats
from natgate.wire.netlink import DUMP, REQUEST, Message, attribute

HEAD = bytes(4)


def cpu(**counts: int) -> Message:
    """What one CPU has counted."""
    numbers = {"invalid": 4, "insert_failed": 9, "drop": 10, "found": 2}
    body = b"".join(attribute(numbers[k], struct.pack(">I", v)) for k, v in counts.items())
    return Message(type=STATS, body=HEAD + body)


def test_the_cpus_are_added_up() -> None:
    """A kind that is no error, or that is not counted, is left out."""
    assert get_stats().flags == REQUEST | DUMP
    found = parse_stats([cpu(insert_failed=2, found=9), cpu(insert_failed=3, drop=1)])
    assert found == {"insert_failed": 5, "drop": 1}
    assert parse_stats([Message(type=3, body=HEAD)]) == {}


HOST = IPv4Address("10.10.0.5")
BEGAN = attribute(1 | 0x8000, attribute(1 | 0x8000, attribute(1, HOST.packed)))


def flow(protocol: bytes, *, ends: bool = True, kind: int = 0x100, began: bytes = BEGAN) -> Message:
    """A flow of 10.10.0.5 with the direction back: from 192.0.2.1 to 10.10.0.85."""
    pair = attribute(1, bytes([192, 0, 2, 1])) + attribute(2, bytes([10, 10, 0, 85]))
    reply = attribute(1 | 0x8000, pair if ends else b"") + attribute(2 | 0x8000, protocol)
    return Message(type=kind, body=HEAD + began + attribute(2 | 0x8000, reply))


TCP = attribute(1, b"\x06") + attribute(2, b"\x01\xbb") + attribute(3, b"\x04\x05")


@pytest.mark.parametrize(
    ("protocol", "port", "destination"),
    [
        (TCP, 0x0405, b"\x06\xc0\x00\x02\x01\x01\xbb"),
        (attribute(1, b"\x01") + attribute(4, b"\x00\x07"), 7, b"\x01\xc0\x00\x02\x01"),
    ],
)
def test_a_port_is_in_use_towards_one_destination(
    protocol: bytes, port: int, destination: bytes
) -> None:
    """An echo has its id, and a destination without a port."""
    fixed = IPv4Address("10.10.0.85")
    assert parse_port_use(flow(protocol)) == PortUse(fixed, port, destination, HOST)


@pytest.mark.parametrize(
    "message",
    [flow(TCP, kind=3), flow(attribute(1, b"\x2f")), flow(TCP, ends=False), flow(TCP, began=b"")],
)
def test_what_uses_no_port_is_left_out(message: Message) -> None:
    """Other messages, protocols without ports, and flows without ends."""
    assert parse_port_use(message) is None
