"""One element, asked for by its key."""

import pytest

from natgate.wire.netlink import Message, attribute, attributes, text
from natgate.wire.nft_element import GET_ELEMENT, NEW_ELEMENT, get_element, parse_comment

HEAD = bytes([2, 0, 0, 0])


def answer(data: bytes) -> Message:
    """An element with these data of its maker."""
    element = attribute(1, attribute(1, attribute(1, bytes(4)))[4:]) + attribute(6, data)
    return Message(type=NEW_ELEMENT, body=HEAD + attribute(3, attribute(1, element)))


def test_an_element_is_asked_for_by_its_key() -> None:
    """In a map of natgate's own table."""
    message = get_element("address24", b"\x0a\x01\0\0")
    assert message.type == GET_ELEMENT
    found = attributes(message.body[4:])
    assert (text(found[1]), text(found[2])) == ("natgate", "address24")
    key = attributes(attributes(found[3])[1])
    assert attributes(key[1])[1] == b"\x0a\x01\0\0"


@pytest.mark.parametrize(
    ("data", "comment"),
    [
        (b"\0\6g/one\0", "g/one"),
        (b"\1\2xx\0\6g/one\0", "g/one"),
        (b"\1\2xx", None),
        (b"\1", None),
        (b"", None),
    ],
)
def test_the_comment_of_an_element_is_read(data: bytes, comment: str | None) -> None:
    """Whatever else its maker wrote beside it."""
    assert parse_comment(answer(data)) == comment


def test_other_messages_have_no_comment() -> None:
    """Neither another type nor an answer without elements."""
    assert parse_comment(Message(type=NEW_ELEMENT, body=HEAD)) is None
    assert parse_comment(Message(type=3, body=HEAD)) is None
