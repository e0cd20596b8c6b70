"""A vty of a running FRR daemon: one command after the other over its Unix socket, without vtysh."""

import asyncio
import socket
from pathlib import Path

from natgate.model.error import HostError
from natgate.wire import frr

PATIENCE = 1.0
"""Seconds that a command may take; most take 0.2 ms."""


class Vty:
    """One connection, made when it is first needed and again after it has failed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None

    async def connect(self) -> bool:
        """Connect, and whether that was necessary; HostError if nobody listens."""
        if self._socket is not None:
            return False
        fresh = socket.socket(socket.AF_UNIX)
        fresh.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(fresh, str(self._path))
        except OSError as error:
            fresh.close()
            raise HostError(
                f"{self._path}: {error.strerror}; bgpd must run, and its vty admit natgate "
                "(group frrvty)"
            ) from None
        self._socket = fresh
        await self.run("enable")
        return True

    async def run(self, *commands: str) -> str:
        """The text that the last command answers; HostError with the first that fails."""
        text = ""
        for command in commands:
            text, code = await self._ask(command)
            if code:
                raise HostError(f"bgpd refused {command!r}: {text.strip() or f'code {code}'}")
        return text

    async def configure(self, commands: list[str]) -> None:
        """Run commands of the configuration mode and leave it, also after a failure."""
        try:
            await self.run(*commands)
        finally:
            if self._socket is not None:
                await self._ask("end")

    def close(self) -> None:
        """Give the connection back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _ask(self, command: str) -> tuple[str, int]:
        if self._socket is None:
            raise HostError(f"{self._path}: not connected")
        loop = asyncio.get_running_loop()
        data = b""
        try:
            async with asyncio.timeout(PATIENCE):
                await loop.sock_sendall(self._socket, frr.request(command))
                while (reply := frr.parse_reply(data)) is None:
                    more = await loop.sock_recv(self._socket, 65536)
                    if not more:
                        raise ConnectionResetError
                    data += more
        except TimeoutError:
            self.close()
            raise HostError(f"{self._path}: no answer within {PATIENCE:.0f} s") from None
        except OSError:
            self.close()
            raise HostError(f"{self._path}: bgpd has closed the connection") from None
        except asyncio.CancelledError:
            self.close()  # the answer would be taken for that of the next command
            raise
        return reply
