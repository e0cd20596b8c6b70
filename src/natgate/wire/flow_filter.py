"""A classic BPF program for a conntrack event socket: untranslated flows are not even queued.

linux/filter.h (SKF_AD_NLATTR finds a netlink attribute), nfnetlink_conntrack.h.
"""

import struct

_INSTRUCTION = struct.Struct("=HBBI")
_LOAD, _LOAD_X, _LOAD_WORD, _LOAD_AT_X = 0x00, 0x01, 0x20, 0x40
_TO_X, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x07, 0x15, 0x45, 0x06
_FIND_ATTRIBUTE = 0xFFFFF000 + 12
_ATTRIBUTES, _STATUS, _TRANSLATED = 20, 3, 0x30
"""Attributes begin after struct nlmsghdr (16 bytes) and struct nfgenmsg (4)."""

_PROGRAM = (
    (_LOAD, 0, 0, _ATTRIBUTES),
    (_LOAD_X, 0, 0, _STATUS),
    (_LOAD_WORD, 0, 0, _FIND_ATTRIBUTE),
    (_IF_EQUAL, 4, 0, 0),
    (_TO_X, 0, 0, 0),
    (_LOAD_AT_X, 0, 0, 4),
    (_IF_ANY_BIT, 1, 0, _TRANSLATED),
    (_RETURN, 0, 0, 0),
    (_RETURN, 0, 0, 0xFFFFFFFF),
)


def translated_only() -> bytes:
    """The program as `struct sock_filter[]`; a message without a status is let through."""
    return b"".join(_INSTRUCTION.pack(*each) for each in _PROGRAM)
