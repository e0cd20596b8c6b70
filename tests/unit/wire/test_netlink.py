"""The frame that every netlink family shares."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.wire.netlink import (
    Message,
    attribute,
    attributes,
    error_of,
    parse_messages,
    text,
)

U32 = st.integers(0, 2**32 - 1)
MESSAGES = st.builds(
    Message,
    type=st.integers(0, 2**16 - 1),
    flags=st.integers(0, 2**16 - 1),
    sequence=U32,
    port=U32,
    body=st.binary(max_size=40),
)


@given(st.lists(MESSAGES, max_size=5))
def test_messages_are_read_back_as_they_were_written(messages: list[Message]) -> None:
    """Several messages in one datagram come out as they went in, whatever their length."""
    data = b"".join(message.render() for message in messages)
    assert list(parse_messages(data)) == messages
    assert len(data) % 4 == 0


@given(st.lists(MESSAGES, min_size=1, max_size=3), st.data())
def test_a_truncated_datagram_loses_only_its_end(
    messages: list[Message], data: st.DataObject
) -> None:
    """Of a truncated datagram the whole messages are read; it is never an error."""
    whole = b"".join(message.render() for message in messages)
    cut = data.draw(st.integers(0, len(whole)))
    found = list(parse_messages(whole[:cut]))
    assert found == messages[: len(found)]


@pytest.mark.parametrize("size", [0, 15, 21, 400])
def test_a_message_with_a_wrong_size_ends_the_reading(size: int) -> None:
    """A size that is less than a header, or more than what is there, is not believed."""
    good = Message(type=1, body=b"abcd").render()
    wrong = struct.pack("=IHHII", size, 1, 0, 0, 0) + b"abcd"
    assert len(list(parse_messages(good + wrong))) == 1


@given(st.binary(max_size=80))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    """Whatever arrives, reading ends."""
    list(parse_messages(data))
    attributes(data)


@given(st.dictionaries(st.integers(0, 0x3FFF), st.binary(max_size=20), max_size=6))
def test_attributes_are_read_back_by_number(held: dict[int, bytes]) -> None:
    """Attributes of any length come out by their number, without the nested flag."""
    data = b"".join(attribute(kind | 0x8000, value) for kind, value in held.items())
    assert attributes(data) == held


def test_the_last_of_equal_attributes_wins() -> None:
    """A number that occurs twice has its last value; a truncated one is left out."""
    data = attribute(1, b"a") + attribute(1, b"b")
    assert attributes(data) == {1: b"b"}
    assert attributes(data + struct.pack("=HH", 9, 2)) == {1: b"b"}
    assert attributes(data + struct.pack("=HH", 3, 2)) == {1: b"b"}


def test_a_string_ends_before_its_zero() -> None:
    """A terminating zero is no part of a name, and broken text does no harm."""
    assert text(b"clsact\0") == "clsact"
    assert text(b"\xff\0") == "\ufffd"


def test_an_error_is_an_errno() -> None:
    """The kernel's negative number is the errno; zero is an acknowledgement."""
    assert error_of(Message(type=2, body=struct.pack("=i", -17))) == 17
    assert error_of(Message(type=2, body=struct.pack("=i", 0))) == 0
