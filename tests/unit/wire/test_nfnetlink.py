"""Owning a table, and noticing changes to it."""

import struct

import pytest

from natgate.wire.netlink import (
    ACK,
    CREATE,
    REQUEST,
    Message,
    attribute,
    attributes,
    parse_messages,
)
from natgate.wire.nfnetlink import (
    BATCH_BEGIN,
    BATCH_END,
    DELETE_TABLE,
    DORMANT,
    GET_GENERATION,
    GET_TABLE,
    NEW_GENERATION,
    NEW_TABLE,
    OWNER,
    PERSIST,
    TableState,
    add_owned_table,
    batch,
    delete_table,
    get_generation,
    get_table,
    parse_generation,
    parse_table_state,
    touches_table,
)

HEAD = struct.pack("=BBH", 2, 0, 0)
NAME = attribute(1, b"natgate\0")


def test_an_owned_table_is_asked_for_with_both_flags() -> None:
    """The table is created or adopted with owner and persist."""
    message = add_owned_table()
    assert (message.type, message.flags) == (NEW_TABLE, REQUEST | ACK | CREATE)
    assert attributes(message.body[4:]) == {1: b"natgate\0", 2: struct.pack(">I", OWNER | PERSIST)}
    assert attributes(add_owned_table("other").body[4:])[1] == b"other\0"


def test_a_table_is_asked_for_and_deleted_by_name() -> None:
    """Other tables are never named."""
    assert (get_table().type, delete_table().type) == (GET_TABLE, DELETE_TABLE)
    for message in (get_table(), delete_table()):
        assert attributes(message.body[4:]) == {1: b"natgate\0"}


def test_a_batch_is_one_transaction() -> None:
    """The messages lie between begin and end, numbered one by one."""
    found = list(parse_messages(batch((delete_table(), add_owned_table()), 100)))
    assert [m.type for m in found] == [BATCH_BEGIN, DELETE_TABLE, NEW_TABLE, BATCH_END]
    assert [m.sequence for m in found] == [100, 101, 102, 103]


def test_the_state_of_a_table_is_its_flags_and_its_owner() -> None:
    """An absent owner is zero; other messages are nothing."""
    flags = attribute(2, struct.pack(">I", OWNER | DORMANT))
    owner = attribute(7, struct.pack(">I", 4711))
    state = parse_table_state(Message(type=NEW_TABLE, body=HEAD + NAME + flags + owner))
    assert state == TableState(flags=OWNER | DORMANT, owner=4711)
    assert parse_table_state(Message(type=NEW_TABLE, body=HEAD + NAME)) == TableState(
        flags=0, owner=0
    )
    assert parse_table_state(Message(type=DELETE_TABLE, body=HEAD + NAME)) is None


@pytest.mark.parametrize(
    ("message", "ours"),
    [
        (Message(type=NEW_TABLE, body=HEAD + NAME), True),
        (Message(type=(10 << 8) | 6, body=HEAD + NAME), True),
        (Message(type=NEW_TABLE, body=HEAD + attribute(1, b"filter\0")), False),
        (Message(type=NEW_TABLE, body=HEAD), False),
        (Message(type=NEW_GENERATION, body=HEAD + NAME), False),
        (Message(type=NEW_TABLE - 256, body=HEAD + NAME), False),
        (Message(type=2, body=HEAD + NAME), False),
    ],
)
def test_only_changes_to_our_table_are_noticed(message: Message, *, ours: bool) -> None:
    """A notification that names another table, or no table, does not concern natgate."""
    assert touches_table(message) is ours


def test_the_generation_is_the_number_of_the_latest_change() -> None:
    """A generation that has not moved shows that no table has changed."""
    assert get_generation().type == GET_GENERATION
    body = struct.pack("=BBH", 0, 0, 0) + attribute(1, struct.pack(">I", 77))
    answer = Message(type=NEW_GENERATION, body=body)
    assert parse_generation(answer) == 77
    assert parse_generation(Message(type=2)) is None
