"""Telling the cloud how this node is, beside the loop, which never waits for it."""

import asyncio
from collections.abc import Awaitable, Coroutine

import structlog

from natgate.cloud.interface import Announcer
from natgate.model.error import NatgateError
from natgate.model.view import PathHealth
from natgate.model.warning import ActiveWarning, warning

LOG = structlog.get_logger()


class Report:
    """Says how the node is at an interval, and at once when that changes; failures are tried again.

    Nothing is said before every check has run, and the first word is no change: a node that is being
    filled with flows is not ill. A new machine is called ready once it has been well.
    """

    def __init__(self, node: str, announcer: Announcer, interval: float) -> None:
        self._node = node
        self._announcer = announcer
        self._interval = interval
        self._health: PathHealth | None = None
        self._told: bool | None = None
        self._ready = False
        self._errors: dict[str, str] = {}
        self._loop = asyncio.get_running_loop()
        self._work: set[asyncio.Task[None]] = set()
        self._repeating = False

    def say(self, health: PathHealth | None) -> None:
        """Hear how the node is now; None if that is not known."""
        before, self._health = self._health, health
        if health is not None and not self._repeating:
            self._repeating = True
            self._begin(self._repeat())
        if health is not None and (before is None or health.healthy != before.healthy):
            self._begin(self._tell())

    def warnings(self) -> tuple[ActiveWarning, ...]:
        """What the cloud has not heard."""
        texts = dict.fromkeys(f"{self._node}: {error}" for error in self._errors.values())
        return tuple(warning("health-untold", self._node, text) for text in texts)

    async def close(self) -> None:
        """Say no more."""
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        self._announcer.close()

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _repeat(self) -> None:
        """Not one after the other: a call that nobody answers would leave a gap, which is an alarm."""
        while True:
            await asyncio.sleep(self._interval)
            self._begin(self._tell())

    async def _tell(self) -> None:
        """All that the cloud does not know yet, each on its own."""
        health = self._health
        if health is None:
            return
        await asyncio.gather(
            self._measure(health), self._announce(health), self._call_ready(healthy=health.healthy)
        )

    async def _measure(self, health: PathHealth) -> None:
        await self._heard("metric", self._announcer.measure(healthy=health.healthy))

    async def _announce(self, health: PathHealth) -> None:
        before, self._told = self._told, health.healthy
        if before is None or before == health.healthy:
            return
        if not await self._heard("event", self._announcer.announce(health)):
            self._told = before

    async def _call_ready(self, *, healthy: bool) -> None:
        if self._ready or not healthy:
            return
        self._ready = True
        self._ready = await self._heard("ready", self._announcer.ready())

    async def _heard(self, what: str, call: Awaitable[bool | None]) -> bool:
        """Whether a call reached the cloud, and was not answered by False."""
        try:
            answer = await call
        except NatgateError as error:
            if self._errors.get(what) != str(error):
                LOG.warning("health not told", what=what, reason=str(error))
            self._errors[what] = str(error)
            return False
        self._errors.pop(what, None)
        return answer is not False
