"""The nfnetlink messages that no tool offers: owning a table, and noticing changes to it.

Kernel: include/uapi/linux/netfilter/nf_tables.h; flags owner (5.12) and persist (6.9).
"""

import struct
from dataclasses import dataclass

from natgate.model.table import TABLE
from natgate.wire import netlink
from natgate.wire.netlink import ACK, CREATE, REQUEST, Message, attribute, attributes

_NFTABLES = 10 << 8
NEW_TABLE, GET_TABLE, DELETE_TABLE = _NFTABLES | 0, _NFTABLES | 1, _NFTABLES | 2
NEW_GENERATION, GET_GENERATION = _NFTABLES | 15, _NFTABLES | 16
BATCH_BEGIN, BATCH_END = 16, 17
DORMANT, OWNER, PERSIST = 1, 2, 4
_NAME, _FLAGS, _OWNER = 1, 2, 7
_HEAD = struct.Struct("=BBH")
_IPV4 = _HEAD.pack(2, 0, 0)
_BATCH = _HEAD.pack(0, 0, 0x0A00)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """What the kernel says of a table: its flags, and its owner's netlink port id or 0."""

    flags: int
    owner: int


def _named(name: str) -> bytes:
    return _IPV4 + attribute(_NAME, name.encode() + b"\0")


def add_owned_table(name: str = TABLE) -> Message:
    """Create the table with owner and persist, or adopt an orphan."""
    flags = attribute(_FLAGS, struct.pack(">I", OWNER | PERSIST))
    return Message(type=NEW_TABLE, flags=REQUEST | ACK | CREATE, body=_named(name) + flags)


def delete_table(name: str = TABLE) -> Message:
    """Remove the table and all in it."""
    return Message(type=DELETE_TABLE, flags=REQUEST | ACK, body=_named(name))


def get_table() -> Message:
    """Ask for the table's state."""
    return Message(type=GET_TABLE, flags=REQUEST | ACK, body=_named(TABLE))


def get_generation() -> Message:
    """Ask for the number of the latest change to any table of this namespace."""
    return Message(type=GET_GENERATION, flags=REQUEST | ACK, body=_IPV4)


def parse_generation(message: Message) -> int | None:
    """The answer to `get_generation`; None for other messages."""
    if message.type != NEW_GENERATION:
        return None
    found = attributes(message.body[_HEAD.size :])
    return int(struct.unpack(">I", found.get(_NAME, bytes(4)))[0])


def batch(messages: tuple[Message, ...], first: int) -> bytes:
    """The messages as one transaction, numbered from `first` + 1."""
    parts = (
        Message(type=BATCH_BEGIN, flags=REQUEST, body=_BATCH),
        *messages,
        Message(type=BATCH_END, flags=REQUEST, body=_BATCH),
    )
    return b"".join(
        Message(type=m.type, flags=m.flags, sequence=first + i, body=m.body).render()
        for i, m in enumerate(parts)
    )


def parse_table_state(message: Message) -> TableState | None:
    """The answer to `get_table`; None for other messages."""
    if message.type != NEW_TABLE:
        return None
    found = attributes(message.body[_HEAD.size :])
    flags = struct.unpack(">I", found.get(_FLAGS, bytes(4)))[0]
    owner = struct.unpack(">I", found.get(_OWNER, bytes(4)))[0]
    return TableState(flags=flags, owner=owner)


def touches_table(message: Message) -> bool:
    """Whether a notification speaks of our table: every nftables object names its table first."""
    if message.type >> 8 != _NFTABLES >> 8 or message.type == NEW_GENERATION:
        return False
    name = attributes(message.body[_HEAD.size :]).get(_NAME, b"")
    return netlink.text(name) == TABLE
