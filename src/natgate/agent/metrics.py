"""The metrics of one node: read in a thread beside the loop, and only when somebody asks.

Only ports are counted by itself, so that a lack of them is a warning before it is a failure.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address
from typing import TypeVar

import structlog

from natgate import __version__
from natgate.agent.loop import Agent
from natgate.kernel.meter import Meter, insert_failed, port_uses
from natgate.model.counts import LinkCounts
from natgate.model.error import NatgateError
from natgate.model.metric import Sample
from natgate.model.spec import Spec
from natgate.model.warning import ActiveWarning
from natgate.plan.metrics import NO_SIDES, Known, Sides, measure
from natgate.plan.occupancy import (
    Occupancy,
    near_and_far,
    occupancy,
    port_warnings,
    without_port,
)

T = TypeVar("T")
LOG = structlog.get_logger()
JOURNAL = 20
"""Failovers that are looked at for the last of each share."""

COUNT_EVERY, COUNT_SHARE = 15.0, 20
"""Flows are counted every so many seconds at most, and no more than in one twentieth of the time."""

Addresses = tuple[tuple[IPv4Address, ...], tuple[IPv4Address, ...]]


class Metrics:
    """Everything that can be measured on this node; one question to the kernel at a time."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="metrics")
        self._meter: Meter | None = None
        self._counting: asyncio.Task[None] | None = None
        self._occupied: tuple[Occupancy, ...] = ()
        self._counted: float | None = None
        self._next = 0.0
        self._failed: int | None = None
        self._refused: dict[str, int] = {}
        self._lately: dict[str, int] = {}
        agent.more_warnings = self._warnings

    async def run(self) -> None:
        """Count ports from time to time, until cancelled."""
        while True:
            self._count(self._agent.spec()[0])
            await asyncio.sleep(COUNT_EVERY)

    def _warnings(self) -> tuple[ActiveWarning, ...]:
        return tuple(port_warnings(self._occupied, self._lately))

    async def read(self) -> tuple[Sample, ...]:
        """Every sample; what cannot be read is left out."""
        loop = asyncio.get_running_loop()
        spec, _ = self._agent.spec()
        ends = near_and_far(spec) if spec is not None else ((), ())
        self._count(spec)
        known = Known(
            version=__version__,
            status=self._agent.status(),
            failovers=self._agent.failovers(JOURNAL),
            occupied=self._occupied if spec is not None else (),
            counted=self._counted if spec is not None else None,
            refused=self._refused,
        )
        return await loop.run_in_executor(self._thread, self._read, known, ends)

    def _read(self, known: Known, ends: Addresses) -> tuple[Sample, ...]:
        """Runs in the thread, in which the meter is made and used."""
        if self._meter is None:
            self._meter = _tried(Meter)
        meter = self._meter
        if meter is None:
            return measure(known)
        links = _tried(meter.links)
        return measure(
            replace(
                known,
                counters=_tried(meter.counters),
                links=links,
                flows=_tried(meter.flows),
                sides=_tried(lambda: _sides(meter, links or (), ends)) or NO_SIDES,
            )
        )

    def _count(self, spec: Spec | None) -> None:
        """Have the flows counted, unless that was done a moment ago or is being done."""
        loop = asyncio.get_running_loop()
        if spec is None or loop.time() < self._next:
            return
        if self._counting is None or self._counting.done():
            self._counting = loop.create_task(self._count_now(spec))

    def _blame(self, failed: int) -> None:
        """Tell what could not be inserted since the last count of the address that is nearly full."""
        grown = 0 if self._failed is None else failed - self._failed
        self._failed, self._lately = failed, {}
        address = without_port(self._occupied)
        if grown > 0 and address is not None:
            self._lately = {address: grown}
            self._refused[address] = self._refused.get(address, 0) + grown

    async def _count_now(self, spec: Spec) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with suppress(NatgateError):
            self._occupied = await asyncio.to_thread(lambda: occupancy(spec, port_uses()))
            self._counted = time.time()
            self._blame(await asyncio.to_thread(insert_failed))
        now = loop.time()
        self._next = now + max(COUNT_EVERY, COUNT_SHARE * (now - began))


def _sides(meter: Meter, links: tuple[LinkCounts, ...], ends: Addresses) -> Sides:
    """A link that leads to both is of neither side: nothing tells its packets apart."""
    near, far = (meter.ways(each) for each in ends)
    return Sides(
        inside=frozenset(link.name for link in links if link.index in near - far),
        outside=frozenset(link.name for link in links if link.index in far - near),
    )


def _tried(read: Callable[[], T]) -> T | None:
    """What a source says; None if it cannot be read."""
    try:
        return read()
    except (NatgateError, OSError) as error:
        LOG.debug("not measured", reason=str(error).split("\n", 1)[0])
        return None
