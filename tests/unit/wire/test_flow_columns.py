"""Conntrack messages as flows: one by one, and many at once."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.flow_columns import NAMES, Columns, arrays, joined
from natgate.model.open_flow import IPV4, IPV6, OpenFlow
from natgate.wire.conntrack import NEW_FLOW
from natgate.wire.flow_columns import Decoder, message_starts
from natgate.wire.netlink import Message, attribute
from natgate.wire.open_flow import parse_open

NESTED = 0x8000
NUMBER = 0x1234567
PORTS, COUNTS = st.integers(0, 2**16 - 1), st.integers(0, 2**64 - 1)
WORDS = st.integers(0, 2**32 - 1)


def nested(kind: int, *parts: bytes) -> bytes:
    """An attribute that holds others."""
    return attribute(kind | NESTED, b"".join(parts))


def side(which: int, family: int, ends: tuple[int, int], ports: tuple[int, int], how: str) -> bytes:
    """One direction of a flow; `how` says what its protocol has instead of ports."""
    first, size = (1, 4) if family == IPV4 else (3, 16)
    pair = [attribute(first + i, end.to_bytes(16)[-size:]) for i, end in enumerate(ends)]
    named = {"ports": (2, 3), "echo": (4,), "echo6": (7,), "none": ()}[how]
    proto = [attribute(kind, struct.pack(">H", p)) for kind, p in zip(named, ports, strict=False)]
    return nested(which, nested(1, *pair), nested(2, attribute(1, b"\x06"), *proto))


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """A flow as the kernel would show it, with any of the attributes that may be there."""
    family = draw(st.sampled_from([IPV4, IPV6]))
    how = draw(st.sampled_from(["ports", "echo", "echo6", "none"]))
    ends = st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1))
    ports = st.tuples(PORTS, PORTS)
    body = bytes([family, 0, 0, 0])
    body += side(1, family, draw(ends), draw(ports), how)
    body += side(2, family, draw(ends), draw(ports), how)
    optional = [
        attribute(3, struct.pack(">I", draw(WORDS))),
        nested(4, nested(draw(st.sampled_from([1, 3])), attribute(1, bytes([draw(st.integers(0, 9))])))),
        attribute(7, struct.pack(">I", draw(WORDS))),
        attribute(8, struct.pack(">I", draw(WORDS))),
        nested(9, *(attribute(k, struct.pack(">Q", draw(COUNTS))) for k in (1, 2))),
        nested(10, *(attribute(k, struct.pack(">Q", draw(COUNTS))) for k in (1, 2))),
        attribute(12, struct.pack(">I", draw(WORDS))),
        attribute(18, struct.pack(">H", draw(PORTS))),
        nested(20, attribute(1, struct.pack(">Q", draw(COUNTS)))),
        attribute(99, draw(st.binary(max_size=9))),
    ]  # fmt: skip
    body += b"".join(part for part in optional if draw(st.booleans()))
    return Message(type=NEW_FLOW, sequence=NUMBER, body=body)


def block(found: list[Message]) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """The messages as a dump has them."""
    return np.frombuffer(b"".join(m.render() for m in found), np.uint32)


def row(columns: Columns, at: int) -> dict[str, int]:
    """One flow of the columns."""
    numbers = {n: a[at] for n, a in arrays(columns).items() if n not in {"kind", "stop_ns"}}
    return {
        name: int.from_bytes(b"".join(int(w).to_bytes(4) for w in value))
        if np.ndim(value)
        else int(value)
        for name, value in numbers.items()
    }


def as_row(flow: OpenFlow) -> dict[str, int]:
    """The same of a flow that was read alone."""
    names = [n for n in NAMES if n not in {"kind", "stop_ns"}]
    return {name: getattr(flow, name) for name in names}


@given(st.lists(messages(), max_size=12))
def test_many_flows_are_read_as_each_is_read_alone(found: list[Message]) -> None:
    """Whatever attributes they have, in whatever order the layouts are learnt."""
    words = block(found)
    decoder, starts = Decoder(), message_starts(words, NUMBER)
    first, parts = (list(decoder.decode(words, starts)) for _ in range(2))
    assert [len(part) for part in first] == [len(part) for part in parts]
    alone = [flow for m in found if (flow := parse_open(m)) is not None]
    for family in (IPV4, IPV6):
        columns = joined(parts, family)
        assert [row(columns, i) for i in range(len(columns))] == [
            as_row(flow) for flow in alone if flow.family == family
        ]


@given(st.lists(messages(), min_size=1, max_size=9))
def test_messages_are_found_also_where_their_number_stands_in_their_bodies(
    found: list[Message],
) -> None:
    """Then they are walked from one to the next."""
    words = block(found)
    starts = message_starts(words, NUMBER)
    assert len(starts) == len(found)
    assert message_starts(words, 77).tolist() == starts.tolist()
    ends = {struct.unpack_from("=I", m.render())[0] for m in found}
    assert len(message_starts(words, next(iter(ends)))) == len(found)


def test_a_broken_block_ends_where_it_breaks() -> None:
    """What has no length, or goes beyond the block, is left out; so is an attribute like that."""
    whole = Message(type=NEW_FLOW, sequence=NUMBER, body=bytes([IPV4, 0, 0, 0])).render()
    for rest in (bytes(20), struct.pack("=IHHII", 99, NEW_FLOW, 0, NUMBER, 0) + bytes(4)):
        words = np.frombuffer(whole + rest, np.uint32)
        assert message_starts(words, NUMBER).tolist() == [0]
    assert len(message_starts(np.zeros(0, np.uint32), NUMBER)) == 0
    body = bytes([IPV4, 0, 0, 0]) + attribute(3, b"\0\0\0\7") + struct.pack("=HH", 99, 7)
    words = block([Message(type=NEW_FLOW, sequence=NUMBER, body=body)])
    (columns,) = Decoder().decode(words, message_starts(words, NUMBER))
    assert (columns.status.tolist(), columns.timeout.tolist()) == ([7], [0])
    assert list(Decoder().decode(words, np.zeros(0, np.int64))) == []


def test_only_what_is_wanted_takes_room() -> None:
    """The others are empty, and stay so when flows are chosen; the kind is always there."""
    body = bytes([IPV4, 0, 0, 0]) + attribute(3, b"\0\0\0\7") + attribute(7, b"\0\0\0\5")
    words = block([Message(type=NEW_FLOW | 2, sequence=NUMBER, body=body)] * 3)
    (columns,) = Decoder(["timeout"]).decode(words, message_starts(words, NUMBER))
    assert (columns.kind.tolist(), columns.timeout.tolist()) == ([2, 2, 2], [5, 5, 5])
    assert len(columns.status) == len(columns.source) == 0
    chosen = columns.take(np.array([True, False, True]))
    assert (len(chosen), len(chosen.status)) == (2, 0)


@pytest.mark.parametrize(
    "message",
    [
        Message(type=3),
        Message(type=NEW_FLOW),
        Message(type=NEW_FLOW, body=bytes([7, 0, 0, 0])),
        Message(type=NEW_FLOW, body=bytes([IPV4, 0, 0, 0])),
        Message(type=NEW_FLOW, body=bytes([IPV4, 0, 0, 0]) + nested(1)),
    ],
)
def test_what_is_no_flow_is_left_out(message: Message) -> None:
    """Other messages, other families, and what has no two directions."""
    assert parse_open(message) is None
