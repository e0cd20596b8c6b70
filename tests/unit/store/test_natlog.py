"""The log on disk: what was written is found again, after a kill, a rotation, or damage."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from natgate.model.error import HostError, RefusedError
from natgate.model.log_rows import BLOCK, ENDED, ROW, Rows
from natgate.model.logged import Gap, Reason, Run, Stop
from natgate.model.natlog import Log
from natgate.store.log_directory import LogDirectory
from natgate.store.log_files import find_rows, read_blocks, write_rows
from natgate.store.natlog import LATE, NatLog

NOW, HOUR, DAY = 1_795_788_182_250, 3_600_000, 86_400_000
ADDRESS = 0xCB007101


def rows(count: int, *, start: int = NOW, lasted: int = 1000, kind: int = ENDED) -> Rows:
    """Flows of one address, each with a port of its own."""
    made = np.zeros(count, ROW)
    made["address"], made["kind"], made["protocol"] = ADDRESS, kind, 17
    made["port"], made["host"] = 1024 + np.arange(count) % 64_000, 0x0A010000 + np.arange(count)
    made["start"], made["stop"] = start, start + lasted
    return made


def settings(path: Path, **changes: Any) -> Log:  # noqa: ANN401
    """A log in a directory."""
    return Log.model_validate({"directory": str(path / "log"), **changes})


@contextmanager
def begun(log: Log, now: int = NOW) -> Iterator[NatLog]:
    """A run that ends as if it had been killed."""
    made = NatLog(log, now)
    try:
        yield made
    finally:
        made.release()


def found(log: Log, port: int, first: int = NOW, last: int = NOW + 1000) -> list[int]:
    """The hosts of a port, by number."""
    parts = LogDirectory(Path(log.directory)).find(ADDRESS, port, first, last)
    return [int(host) - 0x0A010000 for part in parts for host in part.rows["host"]]


def rotated(made: NatLog, now: int) -> None:
    """The journal has become files."""
    made.tick(now)
    made._thread.submit(int).result()  # noqa: SLF001 (after the conversion, in the same thread)
    made.tick(now)


def test_rows_are_found_at_once_and_after_a_kill(tmp_path: Path) -> None:
    """Nothing waits in the process: what was appended is in the journal."""
    log = settings(tmp_path)
    with begun(log) as made:
        made.append(rows(1000))
        assert found(log, 1024 + 7) == [7]
    assert found(log, 1024 + 7) == [7]
    assert found(log, 80) == []


def test_only_its_owner_can_read_a_log(tmp_path: Path) -> None:
    """It says who spoke with whom."""
    with begun(settings(tmp_path)) as made:
        made.append(rows(10))
        rotated(made, NOW + HOUR)
        made.keep_blocks(np.zeros(0, BLOCK))
        found = list(made.directory.rglob("*"))
        assert len(found) == 6
        assert [path for path in (made.directory, *found) if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("count", [1, 100_000])
def test_a_journal_becomes_a_file_in_which_the_same_is_found(tmp_path: Path, count: int) -> None:
    """After the interval; each row once, in one or two row groups of many."""
    log = settings(tmp_path)
    with begun(log) as made:
        made.append(rows(count))
        rotated(made, NOW + HOUR - 1)
        assert made.rotated == 0
        rotated(made, NOW + HOUR)
        (file,) = LogDirectory(made.directory).files()
        assert len(LogDirectory(made.directory).journals()) == 1
        assert made.size > file[1].stat().st_size
    assert sorted(found(log, 1024)) == [0, 64_000][: 1 + (count > 64_000)]
    assert found(log, 1024, NOW + DAY, NOW + DAY) == [], "a file of another time is not opened"


def test_a_full_journal_is_rotated_before_the_interval(tmp_path: Path) -> None:
    """So that it stays small."""
    log = settings(tmp_path, rotate_flows=1000)
    with begun(log) as made:
        made.append(rows(1000))
        rotated(made, NOW + 1)
        assert made.rotated == NOW + 1


def test_long_flows_lie_apart_and_together(tmp_path: Path) -> None:
    """They would widen the time of every file; their own takes in the next ones."""
    log = settings(tmp_path)
    with begun(log) as made:
        for turn in range(2):
            made.append(rows(10))
            made.append(rows(5, start=NOW - DAY, lasted=DAY + turn))
            rotated(made, NOW + (1 + turn) * HOUR)
        names = [(name.long, name.first) for name, _ in LogDirectory(made.directory).files()]
    assert [long for long, _ in names].count(True) == 1
    assert all(first > NOW - HOUR for long, first in names if not long)
    assert found(log, 1024 + 1, NOW - HOUR, NOW - HOUR) == [1, 1]


def test_a_journal_that_a_kill_left_is_converted_by_the_next_run(tmp_path: Path) -> None:
    """Up to its last whole row; zeros that a power failure leaves are no rows."""
    log = settings(tmp_path)
    with begun(log) as made:
        made.append(rows(10))
    (journal,) = LogDirectory(Path(log.directory)).journals()
    with journal.open("ab") as file:
        file.write(bytes(36 + 20))
    with begun(log, NOW + DAY) as made:
        rotated(made, NOW + DAY)
        assert not journal.exists()
    assert found(log, 1024 + 9) == [9]


def test_a_start_says_how_the_run_before_ended(tmp_path: Path) -> None:
    """None before the first; a gap since its end, or since its last sign of life if it was killed."""
    log = settings(tmp_path)
    with begun(log) as made:
        assert made.before is None
        made.tick(NOW + 2 * LATE)
    killed = Gap(start=NOW + LATE, stop=NOW + 3 * LATE, reason=Reason.KILLED)
    made = NatLog(log, NOW + 3 * LATE)
    assert made.before == killed
    made.close(NOW + 4 * LATE)
    stopped = Gap(start=NOW + 4 * LATE, stop=NOW + 5 * LATE, reason=Reason.STOPPED)
    with begun(log, NOW + 5 * LATE) as made:
        assert made.before == stopped
    history = LogDirectory(Path(log.directory)).history()
    assert [type(each) for each in history] == [Run, Gap, Run, Stop, Gap, Run]
    assert [each for each in history if isinstance(each, Gap)] == [killed, stopped]


def test_a_gap_does_not_reach_before_the_run_that_was_killed(tmp_path: Path) -> None:
    """What the kernel may not have told of earlier flows is in the gap before that."""
    with begun(settings(tmp_path)):
        pass
    with begun(settings(tmp_path), NOW + 9000) as made:
        assert made.before == Gap(start=NOW, stop=NOW + 9000, reason=Reason.KILLED)


def test_a_line_that_a_kill_cut_short_is_mended(tmp_path: Path) -> None:
    """The next line does not grow onto it."""
    log = settings(tmp_path)
    with begun(log):
        pass
    history = Path(log.directory) / "history.jsonl"
    history.write_text(history.read_text() + '{"st')
    with begun(log):
        assert len(LogDirectory(Path(log.directory)).history()) == 3


def test_files_go_after_the_retention(tmp_path: Path) -> None:
    """With their folder, at the rotation that follows."""
    log = settings(tmp_path, retention="2d")
    with begun(log) as made:
        for day in (0, 1, 4):
            made.append(rows(10, start=NOW + day * DAY))
            rotated(made, NOW + day * DAY + HOUR)
        kept = [name.first for name, _ in LogDirectory(made.directory).files()]
        assert kept == [(NOW + 4 * DAY) // 1000 * 1000]
        assert len(list(made.directory.glob("*-*-*"))) == 1


def test_one_run_at_a_time_has_a_directory(tmp_path: Path) -> None:
    """A second one says so."""
    log = settings(tmp_path)
    with begun(log), pytest.raises(RefusedError, match="another natgate log run"):
        NatLog(log, NOW)


def test_blocks_are_kept(tmp_path: Path) -> None:
    """They read back, and there are none before."""
    with begun(settings(tmp_path)) as made:
        assert len(made.blocks()) == 0
        blocks = np.array([(ADDRESS, 7, 1025, 2048, 5, 0)], BLOCK)
        made.keep_blocks(blocks)
        assert made.blocks().tolist() == blocks.tolist()


def test_a_broken_journal_is_set_aside_with_a_gap(tmp_path: Path) -> None:
    """The log goes on, and says what may be missing."""
    log = settings(tmp_path)
    with begun(log) as made:
        made.append(rows(10))
    (journal,) = LogDirectory(Path(log.directory)).journals()
    journal.write_bytes(b"x" * 100)
    with pytest.raises(HostError, match="is no journal of a NAT log: move it away"):
        found(log, 1024)
    with begun(log, NOW + DAY) as made:
        rotated(made, NOW + DAY)
        gaps = [e for e in LogDirectory(made.directory).history() if isinstance(e, Gap)]
    assert gaps[-1].reason is Reason.BROKEN
    assert journal.with_suffix(".broken").exists()
    assert found(log, 1024) == []


@pytest.mark.parametrize("keep", [0, 10, 1000, -8, -1])
def test_a_truncated_file_is_named(tmp_path: Path, keep: int) -> None:
    """However much of it is there."""
    path = tmp_path / "x.parquet"
    write_rows(path, rows(10_000), 0)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(HostError, match=r"x\.parquet is no whole file of a NAT log"):
        find_rows(path, ADDRESS, 1024)
    with pytest.raises(HostError, match=r"x\.parquet is no whole file of a NAT log"):
        read_blocks(path)


def test_garbage_in_a_file_is_an_error_or_another_row(tmp_path: Path) -> None:
    """Never a failure without a sentence."""
    path = tmp_path / "x.parquet"
    write_rows(path, rows(1000), 0)
    whole = path.read_bytes()
    random = np.random.default_rng(1)
    for _ in range(200):
        broken = np.frombuffer(whole, np.uint8).copy()
        broken[random.integers(0, len(broken), 20)] = random.integers(0, 256, 20)
        path.write_bytes(broken.tobytes())
        try:
            find_rows(path, ADDRESS, 1030)
        except HostError as error:
            assert "is no whole file" in str(error)  # noqa: PT017 (either will do)


def test_a_directory_without_a_log_is_refused(tmp_path: Path) -> None:
    """With the way to one."""
    with pytest.raises(RefusedError, match="there is no NAT log in"):
        LogDirectory(tmp_path).history()
    (tmp_path / "history.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(RefusedError, match="it is not text"):
        LogDirectory(tmp_path).history()


def test_a_place_where_no_directory_can_be_is_refused() -> None:
    """In a sentence."""
    with pytest.raises(RefusedError, match="cannot keep a log in /dev/null/log: Not a directory"):
        NatLog(Log(directory="/dev/null/log"), NOW)
