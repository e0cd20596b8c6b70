"""Who has which block of ports since when, so that flows inside need no record (RFC 7422)."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from natgate.model.log_rows import BLOCK, Numbers, Rows, held_of
from natgate.model.logged import Held
from natgate.model.portblocks import Assigned


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnover:
    """All blocks that are known now, and those that hosts have lost and got."""

    blocks: Rows
    released: tuple[Held, ...]
    allocated: tuple[Held, ...]


def turnover(known: Rows, assigned: Iterable[Assigned], now: int, retention: int) -> Turnover:
    """What a spec changes; blocks that were given back before the retention are forgotten."""
    wanted = {
        (int(each.address), int(each.host), each.block.first, each.block.last) for each in assigned
    }
    held = [_key(row) if not row["until"] else None for row in known]
    gone = np.array([key is not None and key not in wanted for key in held], bool)
    blocks = known.copy()
    blocks["until"][gone] = now
    old = (blocks["until"] != 0) & (blocks["until"] < now - retention)
    fresh = np.array([(*key, now, 0) for key in sorted(wanted - set(held))], BLOCK)
    return Turnover(
        blocks=np.concatenate([blocks[~old], fresh]),
        released=tuple(map(held_of, blocks[gone])),
        allocated=tuple(map(held_of, fresh)),
    )


def _key(row: Rows) -> tuple[int, int, int, int]:
    address, host, first, last, _, _ = row.tolist()
    return address, host, first, last


class Covered:
    """The blocks that hosts have now, to tell flows that need no record."""

    def __init__(self, blocks: Rows) -> None:
        now = blocks[blocks["until"] == 0]
        starts = _place(now["address"], now["first"])
        order = np.argsort(starts)
        self._starts, self._blocks = starts[order], now[order]

    def needless(self, rows: Rows) -> Numbers:
        """Whether each flow began in its host's own block since the log knows of that."""
        if not len(self._blocks):
            return np.zeros(len(rows), bool)
        at = np.searchsorted(self._starts, _place(rows["address"], rows["port"]), "right") - 1
        block = self._blocks[at]  # before the first one: the last, which is compared like any
        inside = (block["address"] == rows["address"]) & (block["first"] <= rows["port"])
        own = (rows["port"] <= block["last"]) & (block["host"] == rows["host"])
        needless: Numbers = inside & own & (rows["start"] >= block["since"])
        return needless


def _place(address: Numbers, port: Numbers) -> Numbers:
    return address.astype("u8") << np.uint64(16) | port
