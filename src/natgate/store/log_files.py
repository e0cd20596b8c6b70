"""The compressed files of a log: Parquet, sorted by address and port, with zstd.

Row groups are small, and their statistics tell which of them hold an address and port: a question
reads one or two of a file. docs/decisions/2026-11-27-parquet.md has the reasons and figures.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from natgate.model.error import HostError
from natgate.model.log_rows import BLOCK, ROW, Rows
from natgate.store.whole_file import replacing

_GROUP = 32_768
_DICTIONARY = ["address", "protocol", "host", "peer", "peer_port", "kind"]
_ENCODING = {
    "port": "DELTA_BINARY_PACKED",
    "host_port": "BYTE_STREAM_SPLIT",
    "start": "BYTE_STREAM_SPLIT",
    "duration": "BYTE_STREAM_SPLIT",
}
_STORED = ("address", "port", "protocol", "host", "host_port", "peer", "peer_port", "kind", "start")
_KEPT = b"natgate.kept"
_BAD = (pa.ArrowException, OSError, KeyError, ValueError, TypeError)


def write_rows(path: Path, rows: Rows, kept: int) -> None:
    """Rows in any order as a file, which is on disk when this returns; `kept`: bits of the peer."""
    key = rows["address"].astype("u8") << np.uint64(16) | rows["port"]
    ordered = rows[np.lexsort((rows["start"], key))]
    columns = {name: np.ascontiguousarray(ordered[name]) for name in _STORED}
    columns["duration"] = ordered["stop"] - ordered["start"]
    _write(path, columns, {_KEPT: str(kept)}, _DICTIONARY, _ENCODING)


def find_rows(path: Path, address: int, port: int) -> tuple[Rows, int]:
    """The rows of an address and port in the order of their start, and the bits kept of peers."""
    try:
        file = pq.ParquetFile(path)
        chosen = _groups(file.metadata, address, port)
        found = file.read_row_groups(chosen, use_threads=False) if chosen else None
        kept = int(file.schema_arrow.metadata[_KEPT])
        rows = _rows(found, address, port) if found is not None else np.zeros(0, ROW)
    except FileNotFoundError:
        raise
    except _BAD:
        raise _broken(path) from None
    return rows, kept


def read_rows(path: Path) -> tuple[Rows, int]:
    """Every row of a file, and the bits kept of peers."""
    try:
        found = pq.read_table(path, use_threads=False)
        return _filled(found), int(found.schema.metadata[_KEPT])
    except FileNotFoundError:
        raise
    except _BAD:
        raise _broken(path) from None


def write_blocks(path: Path, blocks: Rows) -> None:
    """All blocks that the log knows of."""
    ordered = np.sort(blocks, order=["address", "first", "since"])
    _write(path, {name: np.ascontiguousarray(ordered[name]) for name in BLOCK.names or ()})


def read_blocks(path: Path) -> Rows:
    """The same; none if there is no such file."""
    if not path.exists():
        return np.zeros(0, BLOCK)
    try:
        found = pq.read_table(path, use_threads=False)
        blocks = np.zeros(len(found), BLOCK)
        for name in BLOCK.names or ():
            blocks[name] = found[name].to_numpy()
    except FileNotFoundError:
        raise
    except _BAD:
        raise _broken(path) from None
    return blocks


def _write(
    path: Path,
    columns: Mapping[str, Any],
    words: Mapping[bytes, str] | None = None,
    dictionary: list[str] | bool = True,  # noqa: FBT001, FBT002 (as in pyarrow)
    encoding: Mapping[str, str] | None = None,
) -> None:
    table = pa.table(dict(columns)).replace_schema_metadata(words)
    try:
        with replacing(path, mode=0o600, lasting=True) as made:
            pq.write_table(
                table,
                made,
                row_group_size=_GROUP,
                compression="zstd",
                use_dictionary=dictionary,
                column_encoding=encoding,
            )
    except OSError as error:
        raise HostError(f"cannot write {path}: {error.strerror or error}") from None


def _groups(metadata: Any, address: int, port: int) -> list[int]:  # noqa: ANN401 (pyarrow's own)
    found = []
    names = [metadata.schema.column(i).name for i in range(metadata.num_columns)]
    where = names.index("address"), names.index("port")
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        addresses, ports = (group.column(each).statistics for each in where)
        one = addresses.min == addresses.max
        if addresses.min <= address <= addresses.max and (
            not one or ports.min <= port <= ports.max
        ):
            found.append(index)
    return found


def _rows(table: Any, address: int, port: int) -> Rows:  # noqa: ANN401 (pyarrow's own)
    same = (table["address"].to_numpy() == address) & (table["port"].to_numpy() == port)
    return _filled(table.take(np.flatnonzero(same)))


def _filled(table: Any) -> Rows:  # noqa: ANN401 (pyarrow's own)
    rows = np.zeros(len(table), ROW)
    for name in _STORED:
        rows[name] = table[name].to_numpy()
    rows["stop"] = rows["start"] + table["duration"].to_numpy()
    return rows


def _broken(path: Path) -> HostError:
    return HostError(f"{path} is no whole file of a NAT log: move it away, or copy it back")
