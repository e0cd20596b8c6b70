"""Keeps a log: rows go to a journal at once, and the journal becomes compressed files beside it.

What `append` has returned from outlives a kill of the process, in the kernel's page cache. After a
power failure the last seconds, which the kernel had not yet written, are missing.
"""

import contextlib
import fcntl
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from natgate.model.error import HostError, RefusedError
from natgate.model.log_rows import ROW, Rows
from natgate.model.logged import Entry, Gap, Reason, Run, Stop
from natgate.model.natlog import Log
from natgate.store.log_directory import ALIVE, BLOCKS, HISTORY, LogDirectory, read_journal
from natgate.store.log_files import write_blocks
from natgate.store.log_rotation import convert, forget
from natgate.wire.log_history import render_entry
from natgate.wire.log_journal import SIZE, JournalHead, render_journal_head

LATE = 60_000
"""Milliseconds after a flow ran out of time at which the kernel has told of it at the latest."""

_SIGN = 1000
"""Milliseconds between two signs of life."""

_NICENESS = 10


class NatLog:
    """The log of one run, which holds the directory for itself; times are ms since 1970.

    `before` is the gap since the run before this one, None for the first.
    """

    def __init__(self, settings: Log, now: int) -> None:
        self.directory = Path(settings.directory)
        self.retention = round(settings.retention * 1000)
        self._settings = settings
        self._read = LogDirectory(self.directory)
        self._signed = now
        self._converting: Future[None] | None = None
        self.rows, self.rotated, self.compressed = 0, 0, 0
        self._lock = _locked(self.directory)
        try:
            self._begin(now)
        except BaseException:
            os.close(self._lock)
            raise
        self._thread = ThreadPoolExecutor(1, "rotation", _lower_priority)

    def _begin(self, now: int) -> None:
        alive = round(os.fstat(self._lock).st_mtime * 1000)
        history = self._read.history() if (self.directory / HISTORY).exists() else ()
        self._mend()
        self.before = _gap_before(history, alive, now)
        if self.before is not None:
            self.record(self.before)
        kept = self._settings.destinations
        self.record(
            Run(at=now, destinations=kept, retention=self.retention, new=self._settings.new)
        )
        numbers = [int(path.stem) for path in self._read.journals()]
        numbers += [name.number for name, _ in self._read.files()]
        self._number = max(numbers, default=0)
        self._measure()
        self._open(now)
        self._sign(now)

    def append(self, rows: Rows) -> None:
        """Add rows, which a kill cannot take away any more; HostError if the disk is full."""
        self._write(self._journal, rows.tobytes(), self._path)
        self._count += len(rows)
        self.rows += len(rows)

    def tick(self, now: int) -> None:
        """Give a sign of life and rotate, each when it is due; HostError if a rotation has failed."""
        if now - self._signed >= _SIGN or now < self._signed:
            self._sign(now)
        if self._converting is not None:
            if not self._converting.done():
                return
            self._converting.result()
            self._converting = None
            self._measure()
        due = now - self._opened >= self._settings.rotate_interval * 1000
        if self._count and (due or self._count >= self._settings.rotate_flows):
            os.close(self._journal)
            self._open(now)
            self.rotated = now
        waiting = [path for path in self._read.journals() if path != self._path]
        if waiting:
            self._converting = self._thread.submit(self._convert, waiting, now)

    def record(self, entry: Entry) -> None:
        """Add a line to the history."""
        path = self.directory / HISTORY
        try:
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise HostError(f"cannot write {path}: {error.strerror}") from None
        try:
            self._write(handle, render_entry(entry).encode(), path)
            os.fsync(handle)
        finally:
            os.close(handle)

    def blocks(self) -> Rows:
        """The blocks of ports that the log knows of."""
        return self._read.blocks()

    def keep_blocks(self, blocks: Rows) -> None:
        """Know these from now on."""
        write_blocks(self.directory / BLOCKS, blocks)

    @property
    def size(self) -> int:
        """Bytes of compressed files and of the journal."""
        return self.compressed + SIZE + self._count * ROW.itemsize

    def close(self, now: int) -> None:
        """End the run in order: all that was delivered is in it."""
        self.record(Stop(at=now))
        self.release()

    def release(self) -> None:
        """Give the directory back, as after a failure; a conversion under way is ended first."""
        self._thread.shutdown(cancel_futures=True)
        os.close(self._journal)
        os.close(self._lock)

    def _open(self, now: int) -> None:
        self._number += 1
        self._path = self.directory / f"{self._number:08}.journal"
        self._opened, self._count = now, 0
        head = JournalHead(row=ROW.itemsize, kept=self._settings.destinations, created=now)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        try:
            self._journal = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise HostError(f"cannot make {self._path}: {error.strerror}") from None
        self._write(self._journal, render_journal_head(head), self._path)

    def _convert(self, journals: Sequence[Path], now: int) -> None:
        for journal in journals:
            try:
                convert(journal)
            except HostError:
                if not _is_broken(journal):
                    raise
                journal.rename(journal.with_suffix(".broken"))
                self.record(self._gap_of(journal.with_suffix(".broken")))
        forget(self.directory, now - self.retention)

    def _gap_of(self, broken: Path) -> Gap:
        stop = round(broken.stat().st_mtime * 1000)
        runs = [each.at for each in self._read.history() if isinstance(each, Run)]
        start = max((at for at in runs if at <= stop), default=stop)
        return Gap(start=start, stop=stop, reason=Reason.BROKEN)

    def _mend(self) -> None:
        """Cut off a line of the history that a kill left unfinished."""
        path = self.directory / HISTORY
        if path.exists():
            data = path.read_bytes()
            os.truncate(path, data.rfind(b"\n") + 1)

    def _measure(self) -> None:
        self.compressed = sum(path.stat().st_size for _, path in self._read.files())

    def _sign(self, now: int) -> None:
        os.utime(self._lock, (now / 1000, now / 1000))
        self._signed = now

    def _write(self, handle: int, data: bytes, path: Path) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(handle, view) :]
        except OSError as error:
            raise HostError(
                f"cannot write {path}: {error.strerror}; what has been written is kept, and the "
                "next start tells of the gap"
            ) from None


def _locked(directory: Path) -> int:
    """The file whose time is the sign of life, held by this process alone."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(directory / ALIVE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise RefusedError(f"cannot keep a log in {directory}: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise RefusedError(
            f"another natgate log run keeps its log in {directory}: end it first, or give this one "
            "another log.directory"
        ) from None
    return handle


def _gap_before(history: Sequence[Entry], alive: int, now: int) -> Gap | None:
    """How long nobody listened; flows whose end the kernel may not have told are within it."""
    if not history:
        return None
    if isinstance(history[-1], Stop):
        return Gap(start=min(history[-1].at, now), stop=now, reason=Reason.STOPPED)
    began = max((each.at for each in history if isinstance(each, Run)), default=alive)
    start = min(max(alive - LATE, began), now)
    return Gap(start=start, stop=now, reason=Reason.KILLED)


def _is_broken(journal: Path) -> bool:
    """Whether the journal itself cannot be read, so that trying again is of no use."""
    try:
        read_journal(journal)
    except HostError:
        return True
    return False


def _lower_priority() -> None:
    """Compressing may wait, the kernel's events may not."""
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
