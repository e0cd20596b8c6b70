"""Keeps the NAT log of this node: conntrack events to rows, rows to the journal, at once.

One thread reads and writes; between two rounds it sleeps for some milliseconds, so that waking up
for each event does not take time from the packets.
"""

import select
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import structlog

from natgate.agent.log_export import Export
from natgate.kernel.flow_events import FlowEvents
from natgate.kernel.flow_table import columns_of
from natgate.model.error import NatgateError
from natgate.model.flow_columns import Columns
from natgate.model.log_rows import BLOCK, NEW, OPEN
from natgate.model.logged import Gap, Reason, time_text
from natgate.model.open_flow import IPV4
from natgate.model.portblocks import all_assigned
from natgate.model.spec import Spec
from natgate.plan.log_blocks import Covered, turnover
from natgate.plan.log_metrics import LogCounts, measure_log
from natgate.store.natlog import LATE, NatLog
from natgate.store.whole_file import replace_text
from natgate.wire.exposition import render_exposition
from natgate.wire.flow_columns import Decoder
from natgate.wire.flow_query import get_matching
from natgate.wire.flow_record import WANTED, rows_of

LOG = structlog.get_logger()
PAUSE = 0.005
"""Seconds between two rounds of reading: 1.3 times as many flows pass as with none."""

_WAIT = 500
"""Milliseconds until signals and the clock are looked at while nothing happens."""

_CALM = 10_000
"""Milliseconds without an overrun after which it has ended."""

_ROUND = 64
"""Batches after which signals and the clock have their turn, however many events wait."""


class Recorder:
    """The log of one run; `reread` gives the spec anew when SIGHUP asks for it."""

    def __init__(self, spec: Spec, reread: Callable[[], Spec]) -> None:
        self._settings = spec.log
        self._decoder, self._reread = Decoder(WANTED), reread
        self._events = FlowEvents(new=spec.log.new, buffer=spec.log.buffer << 20)
        try:
            self.store = NatLog(spec.log, _now())
        except BaseException:
            self._events.close()
            raise
        self._export = Export(spec.log, spec.log.ipfix) if spec.log.ipfix else None
        self._ended = self._asked = False
        self._empty = _now()
        self._lag, self._filled, self._written = 0, 0.0, 0
        self._gaps: Counter[Reason] = Counter()
        self._open_gaps: dict[Reason, Gap] = {}
        self._covered = Covered(np.zeros(0, BLOCK))
        self._spec = spec

    def run(self) -> None:
        """Keep the log until SIGTERM or SIGINT; HostError if that is no longer possible."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        signal.signal(signal.SIGHUP, self._ask)
        closed = False
        try:
            self._begin()
            while not self._ended:
                self._turn()
            self._dump()  # the kernel tells of flows whose time has run out when it is asked
            self._drain()
            self._end_gaps(_now() + _CALM)
            self.store.close(_now())
            closed = True
        finally:
            self._events.close()
            if self._export is not None:
                self._export.close()
            if self._settings.textfile is not None:
                Path(self._settings.textfile).unlink(missing_ok=True)
            if not closed:
                self.store.release()

    def _begin(self) -> None:
        if self.store.before is not None:
            self._gaps[self.store.before.reason] += 1
            _tell(self.store.before)
        self._keep_blocks(self._spec)
        self._dump()
        LOG.info("log begun", directory=str(self.store.directory))

    def _turn(self) -> None:
        select.select([self._events.socket], [], [], _WAIT / 1000)
        self._drain()
        self._tick(_now())
        time.sleep(PAUSE)

    def _drain(self) -> None:
        """Read until nothing waits, or until it is time for something else."""
        self._filled = max(self._filled, self._events.filled())
        for _ in range(_ROUND):
            batch = self._events.read()
            now = _now()
            if batch.overrun:
                self._widen(Reason.OVERRUN, now)
            if batch.oversized:
                self._widen(Reason.OVERSIZED, now)
            self._take(self._decoder.decode(batch.words, batch.starts), NEW, now)
            if not batch.more:
                self._lag = max(self._lag, now - self._empty - _WAIT)
                self._empty = now
                return

    def _take(self, found: Iterable[Columns], live: int, now: int) -> None:
        for columns in found:
            rows = rows_of(columns, now, live=live, kept=self._settings.destinations)
            rows = rows[~self._covered.needless(rows)]
            self.store.append(rows)
            if self._export is not None:
                self._export.rows(rows, now)

    def _dump(self) -> None:
        """Log what is open, and go on reading meanwhile."""
        for columns in columns_of([get_matching(IPV4)], WANTED):
            self._take([columns], OPEN, _now())
            self._drain()

    def _widen(self, reason: Reason, now: int) -> None:
        start = self._empty if reason is Reason.OVERRUN else self._empty - LATE
        known = self._open_gaps.get(reason)
        start = start if known is None else known.start
        self._open_gaps[reason] = Gap(start=start, stop=now, reason=reason)

    def _end_gaps(self, now: int) -> None:
        for gap in [each for each in self._open_gaps.values() if now - each.stop >= _CALM]:
            del self._open_gaps[gap.reason]
            self._gaps[gap.reason] += 1
            self.store.record(gap)
            _tell(gap)
            if self._settings.new:  # beginnings are not told again
                self._dump()

    def _tick(self, now: int) -> None:
        self.store.tick(now)
        self._end_gaps(now)
        if self._export is not None:
            self._export.tick(now)
        if self._asked:
            self._asked = False
            self._reload()
        if self._settings.textfile is None:
            return
        if now - self._written >= self._settings.interval * 1000:
            self._written = now
            self._write(Path(self._settings.textfile))

    def _write(self, path: Path) -> None:
        export = self._export
        counts = LogCounts(
            rows=self.store.rows,
            gaps=self._gaps,
            lag=self._lag,
            filled=self._filled,
            size=self.store.size,
            rotated=self.store.rotated,
            exported=export.events if export else None,
            unexported=export.lost if export else 0,
        )
        self._lag, self._filled = 0, 0.0
        try:
            replace_text(path, render_exposition(measure_log(counts)))
        except OSError as error:
            LOG.warning("metrics not written", reason=str(error))

    def _reload(self) -> None:
        try:
            self._keep_blocks(self._reread())
        except NatgateError as error:
            LOG.warning("spec not read again", reason=str(error))

    def _keep_blocks(self, spec: Spec) -> None:
        now = _now()
        found = turnover(self.store.blocks(), all_assigned(spec), now, self.store.retention)
        if found.released or found.allocated:
            self.store.keep_blocks(found.blocks)
            if self._export is not None:
                self._export.blocks(found.released, found.allocated, now)
        if self._settings.port_blocks == "per-block":
            self._covered = Covered(found.blocks)

    def _end(self, *_: object) -> None:
        self._ended = True

    def _ask(self, *_: object) -> None:
        self._asked = True


def _now() -> int:
    return time.time_ns() // 1_000_000


_SAID = {
    Reason.KILLED: "the previous run did not end cleanly; flows that ended meanwhile are missing",
    Reason.STOPPED: "the log was not running; flows that ended meanwhile are missing",
    Reason.OVERRUN: "events came faster than they were read; ends of flows were told again",
    Reason.OVERSIZED: "events did not fit and were left out",
    Reason.BROKEN: "a journal could not be read, and was set aside",
}


def _tell(gap: Gap) -> None:
    LOG.warning(
        "gap",
        reason=str(gap.reason),
        start=time_text(gap.start),
        stop=time_text(gap.stop),
        said=_SAID[gap.reason],
    )
