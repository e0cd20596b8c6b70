"""One element of a map of ours, asked for by its key: nft would read all of them first.

Kernel: include/uapi/linux/netfilter/nf_tables.h; the comment lies in the form of libnftnl's udata.
"""

import struct

from natgate.model.table import TABLE
from natgate.wire.netlink import ACK, NESTED, REQUEST, Message, attribute, attributes, text

NEW_ELEMENT, GET_ELEMENT = 10 << 8 | 12, 10 << 8 | 13
_HEAD = struct.pack("=BBH", 2, 0, 0)
_TABLE, _SET, _ELEMENTS = 1, 2, 3
_ELEMENT, _KEY, _VALUE, _USER_DATA = 1, 1, 1, 6
_COMMENT = 0


def get_element(lookup: str, key: bytes) -> Message:
    """Ask for the element of a key, refused with ENOENT if there is none."""
    value = attribute(_KEY | NESTED, attribute(_VALUE, key))
    body = attribute(_TABLE, TABLE.encode() + b"\0") + attribute(_SET, lookup.encode() + b"\0")
    body += attribute(_ELEMENTS | NESTED, attribute(_ELEMENT | NESTED, value))
    return Message(type=GET_ELEMENT, flags=REQUEST | ACK, body=_HEAD + body)


def parse_comment(message: Message) -> str | None:
    """The comment of the first element of an answer; None if it has none, and for other messages."""
    if message.type != NEW_ELEMENT:
        return None
    elements = attributes(message.body[len(_HEAD) :]).get(_ELEMENTS, b"")
    data = attributes(attributes(elements).get(_ELEMENT, b"")).get(_USER_DATA, b"")
    at = 0
    while at + 2 <= len(data):
        kind, size = data[at], data[at + 1]
        if kind == _COMMENT:
            return text(data[at + 2 : at + 2 + size])
        at += 2 + size
    return None
