"""The embedded store: one SQLite file, one transaction for each call."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from natgate.model.error import HostError
from natgate.model.journal import Failover
from natgate.store.interface import Generation, Made, Memory
from natgate.wire.journal import parse_failover, render_failover

KEPT = 20
"""Generations that can be looked at later."""

JOURNAL_KEPT = 1000
"""Failovers that can be looked at later."""

_SCHEMA = """
create table if not exists generation (
    number integer primary key autoincrement, text text not null, digest text not null,
    in_force integer not null default 1
);
create table if not exists edit (
    number integer primary key, base integer not null, body text not null
);
create table if not exists start (one integer primary key, number integer not null);
create table if not exists made (
    kind text not null, name text not null, value text not null, primary key (kind, name)
);
create table if not exists memory (name text primary key, text text not null);
create table if not exists failover (number integer primary key autoincrement, body text not null);
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
        query = "select number, digest from generation where in_force order by number desc limit 1"
        rows = self._ask(query)
        if not rows:
            return None
        number, digest = rows[0]
        base = self._base(number)
        text = self._ask("select text from generation where number = ?", base)[0][0]
        edits = "select body from edit where base = ? and number <= ? order by number"
        bodies = tuple(row[0] for row in self._ask(edits, base, number))
        return Generation(number=number, text=text, digest=digest, edits=bodies)

    def _base(self, number: int) -> int:
        """The generation whose text an edited one begins with; its own number if it is none."""
        rows = self._ask("select base from edit where number = ?", number)
        return int(rows[0][0]) if rows else number

    def add(self, text: str, digest: str) -> Generation:
        """Record a spec as the next generation; older ones than the last `KEPT` are let go.

        Of the generation in force all is kept, however many edits it has.
        """
        statement = "insert into generation (text, digest) values (?, ?) returning number"
        before = self.latest()
        number = int(self._ask(statement, text, digest)[0][0])
        oldest = number - KEPT + 1
        if before is not None:
            oldest = min(oldest, self._base(before.number))
        self._ask("delete from generation where number < ?", oldest)
        self._ask("delete from edit where base < ?", oldest)
        return Generation(number=number, text=text, digest=digest)

    def amend(self, before: Generation, edit: str, digest: str) -> Generation:
        """Record an edit of the generation in force as the next generation."""
        with self._together():
            statement = "insert into generation (text, digest) values ('', ?) returning number"
            number = int(self._ask(statement, digest)[0][0])
            base = self._base(before.number)
            self._ask("insert into edit values (?, ?, ?)", number, base, edit)
        return replace(before, number=number, digest=digest, edits=(*before.edits, edit))

    def withdraw(self, number: int) -> None:
        """Forget a generation that could not be brought into force."""
        with self._together():
            self._ask("delete from edit where number = ?", number)
            self._ask("delete from generation where number = ?", number)

    def remember(self, kind: Made, name: str, value: str) -> None:
        """Record what was there before natgate."""
        self._ask("insert or ignore into made values (?, ?, ?)", kind, name, value)

    def made(self, kind: Made) -> Mapping[str, str]:
        """Everything remembered of a kind."""
        return dict(self._ask("select name, value from made where kind = ? order by rowid", kind))

    def start(self, now: int) -> int:
        """A number for a start, higher than any before even if the clock went back."""
        statement = (
            "insert into start values (1, ?) on conflict do update "
            "set number = max(number + 1, excluded.number) returning number"
        )
        return int(self._ask(statement, now)[0][0])

    def keep(self, memory: Memory, text: str) -> None:
        """Remember a text under a name."""
        statement = (
            "insert into memory values (?, ?) on conflict do update set text = excluded.text"
        )
        self._quickly(statement, memory, text)

    def kept(self, memory: Memory) -> str | None:
        """The text that was kept last."""
        rows = self._ask("select text from memory where name = ?", memory)
        return str(rows[0][0]) if rows else None

    def record(self, failover: Failover) -> Failover:
        """Write a failover; the number is part of what is written."""
        if not failover.number:
            statement = "insert into failover (body) values ('') returning number"
            number = int(self._quickly(statement)[0][0])
            failover = replace(failover, number=number)
            self._quickly("delete from failover where number <= ?", number - JOURNAL_KEPT)
        body = render_failover(failover)
        self._quickly("update failover set body = ? where number = ?", body, failover.number)
        return failover

    def failovers(self, most: int = -1) -> tuple[Failover, ...]:
        """The recorded failovers, the latest first; one whose writing was cut off is left out."""
        query = "select body from failover where body <> '' order by number desc limit ?"
        rows = self._ask(query, most)
        return tuple(parse_failover(row[0]) for row in rows)

    def forget(self) -> None:
        """Nothing is natgate's any more."""
        with self._together():
            self._ask("update generation set in_force = 0")
            self._ask("delete from made")
            self._ask("delete from memory")

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    @contextmanager
    def _together(self) -> Iterator[None]:
        """All of it, or nothing."""
        self._ask("begin immediate")
        try:
            yield
            self._ask("commit")
        except BaseException:
            self._db.rollback()
            raise

    def _quickly(self, statement: str, *values: str | int) -> list[Any]:
        """The same without waiting for the disk: it outlives this process, if not a power cut.

        A failover must not wait, and after a power cut the kernel has forgotten as well.
        """
        self._ask("pragma synchronous = normal")
        try:
            return self._ask(statement, *values)
        finally:
            self._ask("pragma synchronous = full")

    def _ask(self, statement: str, *values: str | int) -> list[Any]:
        """Every row of the answer; HostError if the file cannot be read or written."""
        try:
            with closing(self._db.execute(statement, values)) as rows:
                return rows.fetchall()
        except sqlite3.Error as error:
            raise HostError(f"the store cannot be used: {error}") from None
