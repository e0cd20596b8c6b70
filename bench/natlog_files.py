"""What a logged flow costs on disk, and how long a question takes, in Parquet and otherwise.

`python -m bench.natlog_files [MILLIONS]`: a month of so many million flows (30 unless told otherwise),
720 files, and the same hours as text, as records of our own and in SQLite, and so one file of
2,000,000. A question is the whole command, start-up included, for a flow chosen at random; each
answer is checked.
"""

import gzip
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.results import save
from natgate.model.log_rows import ROW, Rows
from natgate.model.logged import NONE, Run
from natgate.store.log_files import write_rows
from natgate.wire.log_file_name import file_name, render_file_name
from natgate.wire.log_history import render_entry

HOUR, DAYS = 3_600_000, 30
QUESTIONS = 20
OTHERS = 24
"""Hours that are also written in other ways."""

LARGE = 2_000_000
"""Flows of the largest file that is made unless the spec asks for more."""

ADDRESSES, HOSTS = 8, 16_384
RANDOM = np.random.default_rng(1)


def hour(start: int, count: int) -> Rows:
    """Flows that began within an hour: random ports, few busy hosts, seconds to an hour long."""
    rows = np.zeros(count, ROW)
    rows["address"] = 0xCB007100 + RANDOM.integers(0, ADDRESSES, count)
    rows["port"] = RANDOM.integers(1025, 65536, count)
    rows["host"] = 0x0A010000 + RANDOM.zipf(1.3, count) % HOSTS
    rows["host_port"] = RANDOM.integers(32768, 61000, count)
    rows["protocol"] = RANDOM.choice([6, 17, 1], count, p=[0.7, 0.28, 0.02])
    rows["kind"] = 1
    rows["start"] = start + RANDOM.integers(0, HOUR, count)
    rows["stop"] = rows["start"] + np.minimum(RANDOM.lognormal(9, 1.5, count), HOUR).astype("i8")
    return rows


def month(place: Path, first: int, count: int) -> tuple[dict[str, float], list[Rows]]:
    """A log of the last 30 days, and one flow of each of some hours."""
    size, spent, chosen = 0, 0.0, []
    (place / "history.jsonl").write_text(
        render_entry(Run(at=first, destinations=NONE, retention=DAYS * 24 * HOUR))
    )
    hours = DAYS * 24
    asked = set(RANDOM.choice(hours, QUESTIONS, replace=False).tolist())
    for number in range(hours):
        rows = hour(first + number * HOUR, count // hours)
        name = file_name(
            long=False, start=int(rows["start"].min()), stop=int(rows["stop"].max()), number=number
        )
        path = place / render_file_name(name)
        path.parent.mkdir(exist_ok=True)
        began = time.perf_counter()
        write_rows(path, rows, NONE)
        spent += time.perf_counter() - began
        size += path.stat().st_size
        if number in asked:
            chosen.append(rows[RANDOM.integers(len(rows))])
    total = count // hours * hours
    return {
        "flows": total,
        "bytes_per_flow": size / total,
        "rows_per_second": total / spent,
    }, chosen


def questions(place: Path, chosen: list[Rows]) -> dict[str, float]:
    """Seconds of `natgate log who` for each chosen flow."""
    took = []
    for row in chosen:
        at = datetime.fromtimestamp((int(row["start"]) + int(row["stop"])) / 2000, UTC)
        address = str(IPv4Address(int(row["address"])))
        argv = [sys.executable, "-m", "natgate", "log", "who", "--json", "--directory", str(place)]
        argv += ["--address", address, "--port", str(row["port"]), "--at", at.isoformat()]
        began = time.perf_counter()
        done = subprocess.run(argv, capture_output=True, check=True)
        took.append(time.perf_counter() - began)
        hosts = {use["host"] for use in json.loads(done.stdout)["uses"]}
        assert str(IPv4Address(int(row["host"]))) in hosts  # noqa: S101 (a bench)
    return {"median_seconds": statistics.median(took), "worst_seconds": max(took)}


def line(row: tuple[int, ...]) -> str:
    """As a text log would have it."""
    start, stop, address, host, _, port, host_port, _, protocol, _ = row
    begun, ended = (datetime.fromtimestamp(each / 1000, UTC).isoformat() for each in (start, stop))
    inside, outside = IPv4Address(host), IPv4Address(address)
    return f"{begun} {ended} PROTO={protocol} SRC={inside}:{host_port} SNAT={outside}:{port}\n"


def text(place: Path, parts: list[Rows]) -> tuple[int, Callable[[Rows], int]]:
    """Lines, gzip -6, a file for each hour; a question reads all of its hour."""
    for number, rows in enumerate(parts):
        data = "".join(map(line, rows.tolist())).encode()
        (place / f"{number}.gz").write_bytes(gzip.compress(data, 6))

    def ask(row: Rows) -> int:
        wanted = f"SNAT={IPv4Address(int(row['address']))}:{row['port']}\n"
        found = gzip.decompress((place / "0.gz").read_bytes()).decode().splitlines(keepends=True)
        return sum(each.endswith(wanted) for each in found)

    return _size(place), ask


def records(place: Path, parts: list[Rows]) -> tuple[int, Callable[[Rows], int]]:
    """Our own 36 bytes, sorted, zstd for each hour; a question unpacks its hour."""
    codec = pa.Codec("zstd")
    for number, rows in enumerate(parts):
        ordered = np.sort(rows, order=["address", "port", "start"])
        (place / str(number)).write_bytes(codec.compress(ordered.tobytes()).to_pybytes())

    def ask(row: Rows) -> int:
        size = len(parts[0]) * ROW.itemsize
        data = codec.decompress((place / "0").read_bytes(), size)
        found = np.frombuffer(data, ROW)
        same = (found["address"] == row["address"]) & (found["port"] == row["port"])
        return int(same.sum())

    return _size(place), ask


def sqlite(place: Path, parts: list[Rows]) -> tuple[int, Callable[[Rows], int]]:
    """A table whose key is address, port and start; a question is one look."""
    base = sqlite3.connect(place / "log.db")
    base.execute("pragma journal_mode = wal")
    base.execute(
        "create table flow (address, port, start, stop, host, host_port, protocol, n, "
        "primary key (address, port, start, n)) without rowid"
    )
    names = ["address", "port", "start", "stop", "host", "host_port", "protocol"]
    for number, rows in enumerate(parts):
        columns = zip(*(rows[name].tolist() for name in names), strict=True)
        with base:
            base.executemany(
                "insert into flow values (?, ?, ?, ?, ?, ?, ?, ?)",
                ((*each, number << 32 | n) for n, each in enumerate(columns)),
            )
    base.execute("pragma wal_checkpoint(truncate)")

    def ask(row: Rows) -> int:
        wanted = (int(row["address"]), int(row["port"]), int(row["start"]))
        query = "select * from flow where address = ? and port = ? and start <= ?"
        return len(base.execute(query, wanted).fetchall())

    return _size(place), ask


def parquet(place: Path, parts: list[Rows]) -> tuple[int, Callable[[Rows], int]]:
    """As natgate does it."""
    from natgate.store.log_files import find_rows  # noqa: PLC0415

    for number, rows in enumerate(parts):
        write_rows(place / f"{number}.parquet", rows, NONE)
    path = place / "0.parquet"
    return _size(place), lambda row: len(find_rows(path, int(row["address"]), int(row["port"]))[0])


def _size(place: Path) -> int:
    return sum(each.stat().st_size for each in place.iterdir())


def compared(count: int, files: int) -> dict[str, dict[str, float]]:
    """Bytes and write rate for each way, and seconds of a question once the program runs."""
    parts = [hour(n * HOUR, count) for n in range(files)]
    flows = count * files
    found = {}
    for way in (parquet, records, sqlite, text):
        with tempfile.TemporaryDirectory() as place:
            began = time.perf_counter()
            size, ask = way(Path(place), parts)
            spent = time.perf_counter() - began
            took = []
            for row in parts[0][:QUESTIONS]:
                began = time.perf_counter()
                assert ask(row)  # noqa: S101 (a bench)
                took.append(time.perf_counter() - began)
        found[way.__name__] = {
            "bytes_per_flow": size / flows,
            "rows_per_second": flows / spent,
            "question_seconds": statistics.median(took),
        }
    return found


def main(millions: int = 30) -> None:
    """Print and keep the figures."""
    count = millions * 1_000_000
    first = int(time.time()) // 3600 * HOUR - DAYS * 24 * HOUR
    with tempfile.TemporaryDirectory() as place:
        written, chosen = month(Path(place), first, count)
        os.sync()
        asked = questions(Path(place), chosen)
    small, large = compared(count // (DAYS * 24), OTHERS), compared(LARGE, 1)
    say = sys.stdout.write
    say(f"{written['flows']:,.0f} flows in {DAYS * 24} files: ")
    say(f"{written['bytes_per_flow']:.1f} bytes each, {written['rows_per_second']:,.0f} a second\n")
    say(f"natgate log who: {asked['median_seconds']:.2f} s, worst {asked['worst_seconds']:.2f} s\n")
    for way, found in small.items():
        say(f"{way:8} {found['bytes_per_flow']:6.1f} bytes a flow, ")
        say(f"{found['rows_per_second']:12,.0f} flows a second written, ")
        say(f"{found['question_seconds'] * 1000:8.2f} ms a question of one hour, ")
        say(f"{large[way]['question_seconds'] * 1000:8.2f} ms of {LARGE:,}\n")
    save("natlog-files", {"written": written, "asked": asked, "ways": small, "large": large})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
