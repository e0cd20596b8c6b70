"""Tells a collector of what is logged, as NAT events (RFC 8158)."""

from collections.abc import Iterator, Sequence

from natgate.kernel.collector import Collector
from natgate.model.log_rows import ENDED, NEW, Rows
from natgate.model.logged import NONE, Held
from natgate.model.natlog import Collector as Settings
from natgate.model.natlog import Log
from natgate.wire.ipfix import ALLOCATED, CREATED, DELETED, RELEASED, Encoder


class Export:
    """Sessions and blocks to one collector; never waits for it. Times are ms since 1970."""

    def __init__(self, log: Log, settings: Settings) -> None:
        self._settings = settings
        self._collector = Collector(settings)
        self._encoder = Encoder(settings.domain)
        self._session, self._told = 0, 0
        self._with_peer = log.destinations != NONE
        self._new = log.new
        self.events = 0
        self._missed = 0

    @property
    def lost(self) -> int:
        """Messages that found no room, or no collector."""
        return self._collector.lost + self._missed

    def rows(self, rows: Rows, now: int) -> None:
        """The events of rows: both of a flow that ended, unless its beginning was told."""
        if not self._ready(now):
            self._missed += len(rows) > 0
            return
        ended, new = rows[rows["kind"] == ENDED], rows[rows["kind"] == NEW]
        began = new if self._new else ended
        self._collector.send(self._sessions(began, CREATED, "start", now))
        self._collector.send(self._sessions(ended, DELETED, "stop", now))

    def blocks(self, released: Sequence[Held], allocated: Sequence[Held], now: int) -> None:
        """The events of blocks that hosts have lost or got."""
        if not self._ready(now):
            self._missed += 1
            return
        self._collector.send(self._encoder.blocks(RELEASED, released, now, now))
        self._collector.send(self._encoder.blocks(ALLOCATED, allocated, now, now))
        self.events += len(released) + len(allocated)

    def tick(self, now: int) -> None:
        """Keep the session up, and templates fresh, while there is nothing to tell."""
        self._ready(now)

    def close(self) -> None:
        """End the session."""
        self._collector.end()

    def _sessions(self, rows: Rows, event: int, time: str, now: int) -> Iterator[bytes]:
        self.events += len(rows)
        return self._encoder.sessions(rows, event, rows[time], now, with_peer=self._with_peer)

    def _ready(self, now: int) -> bool:
        if not self._collector.ready(now / 1000):
            return False
        if self._collector.session != self._session:
            self._session = self._collector.session
            self._encoder = Encoder(self._settings.domain)
            self._told = 0
        again = self._settings.protocol == "udp" and self._settings.templates * 1000
        if not self._told or (again and now - self._told >= again):
            self._collector.send([self._encoder.templates(now)])
            self._told = now
        return True
