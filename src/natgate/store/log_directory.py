"""What lies in the directory of a log, and reading it: files, journals, history and blocks."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from natgate.model.error import HostError, RefusedError
from natgate.model.log_rows import ROW, Rows
from natgate.model.logged import Entry
from natgate.store.log_files import find_rows, read_blocks
from natgate.wire.log_file_name import FileName, parse_file_name
from natgate.wire.log_history import parse_history
from natgate.wire.log_journal import SIZE, JournalHead, parse_journal_head

HISTORY, BLOCKS, ALIVE = "history.jsonl", "blocks.parquet", "alive"
_TRIES = 3
"""A file may be replaced between the look at the directory and the reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Rows of one file or journal, and how many bits of their peers were kept."""

    rows: Rows
    kept: int


class LogDirectory:
    """The directory of a log, read only; RefusedError if there is none."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def history(self) -> tuple[Entry, ...]:
        """Starts, stops and gaps in order."""
        name = self.path / HISTORY
        try:
            return parse_history(name.read_text(), str(name))
        except FileNotFoundError:
            raise RefusedError(
                f"there is no NAT log in {self.path}: start one with natgate log run, or name "
                "another --directory"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise RefusedError(f"cannot read {name}: {reason}; run as its owner") from None

    def find(self, address: int, port: int, first: int, last: int) -> tuple[Found, ...]:
        """All of an address and port in files and journals that touch a time (ms since 1970)."""
        waiting = tuple(self._journalled(address, port))  # before the files that they become
        for _ in range(_TRIES):
            with contextlib.suppress(FileNotFoundError):
                return waiting + tuple(self._filed(address, port, first, last))
        raise HostError(f"the files of {self.path} vanish while they are read: ask again")

    def blocks(self) -> Rows:
        """Every block of ports that the log knows of."""
        return read_blocks(self.path / BLOCKS)

    def files(self) -> list[tuple[FileName, Path]]:
        """The compressed files, oldest first."""
        found = ((parse_file_name(p.name), p) for p in self.path.glob("*-*-*/*.parquet"))
        named = [(name, path) for name, path in found if name is not None]
        return sorted(named, key=lambda each: (each[0].last, each[0].number))

    def journals(self) -> list[Path]:
        """The journals that have not become files yet, oldest first."""
        return sorted(self.path.glob("*.journal"))

    def _filed(self, address: int, port: int, first: int, last: int) -> Iterator[Found]:
        for name, path in self.files():
            if name.first <= last and name.last >= first:
                rows, kept = find_rows(path, address, port)
                yield Found(rows=rows, kept=kept)

    def _journalled(self, address: int, port: int) -> Iterator[Found]:
        for path in self.journals():
            try:
                head, rows = read_journal(path)
            except FileNotFoundError:
                continue  # it has become a file
            chosen = (rows["address"] == address) & (rows["port"] == port)
            yield Found(rows=np.array(rows[chosen]), kept=head.kept)


def read_journal(path: Path) -> tuple[JournalHead, Rows]:
    """Its head, and its rows up to the last whole one; HostError if it is none."""
    with path.open("rb") as file:
        head = parse_journal_head(file.read(SIZE), str(path))
        if head.row != ROW.itemsize:
            raise HostError(f"{path} was written by another version of natgate: move it away")
        whole = (path.stat().st_size - SIZE) // head.row
        rows = np.fromfile(file, ROW, whole)
    return head, rows[rows["kind"] != 0]  # zeros are what a power failure leaves
