"""Upstream checks: each runs by itself and says only when its verdict changes."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from natgate.kernel.echo import EchoSocket
from natgate.model.gateway import AddressCheck, IcmpCheck, TcpCheck
from natgate.wire.icmp import EchoReply

FIRST_ID = 8192
"""ICMP ids of a node's own checks; those from 16384 on are probes through nodes."""

Report = Callable[[str | None], None]
"""Told None when the upstream answers, else why it does not."""


@dataclass(slots=True)
class EchoCheck:
    """One ICMP check: unhealthy once a request and all later ones stay unanswered for `timeout`."""

    check: IcmpCheck | AddressCheck
    echo: EchoSocket
    identifier: int
    report: Report
    _token: bytes = field(default_factory=lambda: secrets.token_bytes(8))
    _number: int = 0
    _answered: int = -1
    _expired: int = -1
    _failed: bool | None = None

    async def run(self) -> None:
        """Ask at the interval of the spec, for ever."""
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while True:
            number = self._number
            self._number += 1
            self.echo.send(self.check.address, self.identifier, number, self._token)
            loop.call_later(self.check.timeout, self._expire, number)
            next_at = max(next_at + self.check.interval, loop.time())
            await asyncio.sleep(next_at - loop.time())

    def receive(self, reply: EchoReply) -> None:
        """Take in a reply, which may belong to another check."""
        if reply.id != self.identifier or reply.payload != self._token:
            return
        if IPv4Address(reply.source) != self.check.address:
            return
        number = self._number - ((self._number - reply.sequence) & 0xFFFF)
        if number <= self._expired:
            return  # an answer after its timeout is none, or a slow upstream would flap
        self._answered = max(self._answered, number)
        self._say(failed=False)

    def _expire(self, number: int) -> None:
        self._expired = number
        if self._answered < number:
            self._say(failed=True)

    def _say(self, *, failed: bool) -> None:
        if failed == self._failed:
            return
        self._failed = failed
        reason = f"upstream {self.check.address} does not answer ICMP echo"
        self.report(reason if failed else None)


@dataclass(slots=True)
class ConnectCheck:
    """One TCP check: unhealthy after so many failed connections in a row."""

    check: TcpCheck
    local: IPv4Address
    report: Report
    _failures: int = 0
    _failed: bool | None = None

    async def run(self) -> None:
        """Connect at the interval of the spec, for ever."""
        while True:
            if await self._connects():
                self._failures = 0
                self._say(failed=False)
            else:
                self._failures += 1
                if self._failures >= self.check.failures:
                    self._say(failed=True)
            await asyncio.sleep(self.check.interval)

    async def _connects(self) -> bool:
        check = self.check
        try:
            async with asyncio.timeout(check.timeout):
                _, writer = await asyncio.open_connection(
                    str(check.address), check.port, local_addr=(str(self.local), 0)
                )
        except OSError:
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True

    def _say(self, *, failed: bool) -> None:
        if failed == self._failed:
            return
        self._failed = failed
        reason = f"upstream {self.check.address} port {self.check.port} accepts no TCP connection"
        self.report(reason if failed else None)
