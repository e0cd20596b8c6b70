"""A journal becomes compressed files: one of short flows, one of those that lasted over an hour."""

from pathlib import Path

import numpy as np

from natgate.model.error import HostError
from natgate.model.log_rows import Rows
from natgate.store.log_directory import LogDirectory, read_journal
from natgate.store.log_files import read_rows, write_rows
from natgate.wire.log_file_name import file_name, render_file_name

LONG = 3_600_000
"""Milliseconds: longer flows lie apart, so that the times of other files stay narrow."""

_GROWS = 500_000
"""A file of long flows takes in the next ones until it has so many rows: there are few of them."""


def convert(journal: Path) -> None:
    """Write the journal's files, whole and on disk, then remove it; repeating it does no harm."""
    head, rows = read_journal(journal)
    number = int(journal.stem)
    long = rows["stop"] - rows["start"] > LONG
    if not long.all():
        _write(journal.parent, rows[~long], head.kept, number, long=False)
    if long.any():
        _add_long(journal.parent, rows[long], head.kept, number)
    journal.unlink()


def _add_long(directory: Path, rows: Rows, kept: int, number: int) -> None:
    files = [path for name, path in LogDirectory(directory).files() if name.long]
    earlier = files[-1] if files else None
    if earlier is not None:
        found, same = read_rows(earlier)
        if same == kept and len(found) < _GROWS:
            made = _write(directory, np.concatenate([found, rows]), kept, number, long=True)
            if made != earlier:
                earlier.unlink()
            return
    _write(directory, rows, kept, number, long=True)


def _write(directory: Path, rows: Rows, kept: int, number: int, *, long: bool) -> Path:
    start, stop = int(rows["start"].min()), int(rows["stop"].max())
    name = file_name(long=long, start=start, stop=stop, number=number)
    path = directory / render_file_name(name)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise HostError(f"cannot make {path.parent}: {error.strerror}") from None
    write_rows(path, rows, kept)
    return path


def forget(directory: Path, before: int) -> int:
    """Remove files all of whose flows ended before a time; how many there were."""
    old = [path for name, path in LogDirectory(directory).files() if name.last < before]
    for path in old:
        path.unlink(missing_ok=True)
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    return len(old)
