"""The claims that a witness holds: one SQLite file, one statement for each claim."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from natgate.model.claim import NOBODY, Claim
from natgate.model.error import HostError

_SCHEMA = """
create table if not exists claim (
    key text primary key, owner text not null, epoch integer not null
) without rowid;
"""


class Claims:
    """Each call is on disk when it returns, wholly or not at all; the file is its owner's alone."""

    def __init__(self, path: Path) -> None:
        try:
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = full")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise HostError(f"cannot open the claims {path}: {error}") from None

    def read(self, key: str) -> Claim:
        """The claim in force; `NOBODY` before the first."""
        rows = self._ask("select owner, epoch from claim where key = ?", key)
        return Claim(owner=rows[0][0], epoch=rows[0][1]) if rows else NOBODY

    def claim(self, key: str, owner: str, expected: int) -> Claim:
        """Make `owner` the owner if the present epoch is `expected`; the claim in force then."""
        if expected:
            statement = "update claim set owner = ?, epoch = epoch + 1 where key = ? and epoch = ?"
            self._ask(statement, owner, key, expected)
        else:
            self._ask("insert or ignore into claim values (?, ?, 1)", key, owner)
        return self.read(key)

    def __len__(self) -> int:
        """How many shares have an owner."""
        return int(self._ask("select count(*) from claim")[0][0])

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def _ask(self, statement: str, *values: str | int) -> list[Any]:
        try:
            with closing(self._db.execute(statement, values)) as rows:
                return rows.fetchall()
        except sqlite3.Error as error:
            raise HostError(f"the claims cannot be used: {error}") from None
