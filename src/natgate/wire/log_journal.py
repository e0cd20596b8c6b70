"""The head of a journal: an append-only file of rows, as they came.

What a process has written outlives its kill in the kernel's page cache; so a journal is read back
up to its last whole row.
"""

import struct
from dataclasses import dataclass

from natgate.model.error import HostError

_HEAD = struct.Struct("<8sHHq44x")
_MAGIC = b"NATGLOG1"
SIZE = _HEAD.size


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalHead:
    """`row`: bytes of a row; `kept`: bits of destinations; `created`: ms since 1970."""

    row: int
    kept: int
    created: int


def render_journal_head(head: JournalHead) -> bytes:
    """The first 64 bytes."""
    return _HEAD.pack(_MAGIC, head.row, head.kept, head.created)


def parse_journal_head(data: bytes, name: str) -> JournalHead:
    """The inverse; HostError if the file is no journal."""
    if len(data) < SIZE or not data.startswith(_MAGIC):
        raise HostError(f"{name} is no journal of a NAT log: move it away")
    _, row, kept, created = _HEAD.unpack_from(data)
    return JournalHead(row=row, kept=kept, created=created)
