"""A way to a server on which answers can be lost: what is asked arrives, what is answered does not."""

import asyncio
from types import TracebackType
from typing import Self


class OneWay:
    """A forwarder on the loopback; while `deaf`, nothing of what the server says is passed on.

    A connection on which something was lost stays lost, as with a peer that has gone.
    """

    def __init__(self, port: int) -> None:
        self.deaf = False
        self._port = port
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.endpoint = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cut everything."""
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, onward]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pass(reader, onward, answers=False))
            group.create_task(self._pass(there, writer, answers=True))

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        lost = False
        try:
            while data := await reader.read(65536):
                lost = lost or (answers and self.deaf)
                if not lost:
                    writer.write(data)
                    await writer.drain()
        except ConnectionError:
            pass
        writer.close()
