"""The embedded store: one SQLite file, one transaction for each call."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from natgate.model.error import HostError
from natgate.store.interface import Generation, Made

_SCHEMA = """
create table if not exists generation (
    number integer primary key autoincrement, text text not null, digest text not null,
    in_force integer not null default 1
);
create table if not exists start (one integer primary key, number integer not null);
create table if not exists made (
    kind text not null, name text not null, value text not null, primary key (kind, name)
);
"""


class SqliteStore:
    """A `Store` in a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        try:
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = full")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise HostError(f"cannot open the store {path}: {error}") from None

    def latest(self) -> Generation | None:
        """The generation in force."""
        query = "select number, text, digest from generation where in_force order by number desc"
        with closing(self._db.execute(query)) as rows:
            row = rows.fetchone()
        return Generation(number=row[0], text=row[1], digest=row[2]) if row else None

    def add(self, text: str, digest: str) -> Generation:
        """Record a spec as the next generation."""
        statement = "insert into generation (text, digest) values (?, ?)"
        number = self._db.execute(statement, (text, digest)).lastrowid
        return Generation(number=number or 0, text=text, digest=digest)

    def withdraw(self, number: int) -> None:
        """Forget a generation that could not be brought into force."""
        self._db.execute("delete from generation where number = ?", (number,))

    def remember(self, kind: Made, name: str, value: str) -> None:
        """Record what was there before natgate."""
        self._db.execute("insert or ignore into made values (?, ?, ?)", (kind, name, value))

    def made(self, kind: Made) -> Mapping[str, str]:
        """Everything remembered of a kind."""
        query = "select name, value from made where kind = ? order by rowid"
        with closing(self._db.execute(query, (kind,))) as rows:
            return dict(rows.fetchall())

    def start(self, now: int) -> int:
        """A number for a start, higher than any before even if the clock went back."""
        statement = (
            "insert into start values (1, ?) on conflict do update "
            "set number = max(number + 1, excluded.number) returning number"
        )
        with closing(self._db.execute(statement, (now,))) as rows:
            return int(rows.fetchone()[0])

    def forget(self) -> None:
        """Nothing is natgate's any more."""
        self._db.executescript(
            "begin; update generation set in_force = 0; delete from made; commit;"
        )

    def close(self) -> None:
        """Give the file back."""
        self._db.close()
