"""The programs behind the gateway, run in the namespaces of routers and targets.

Standard library only: `python -m natgate.lab.servers target` or `... router PORT...`.
"""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from natgate.lab.lasting import DOWNLOAD_PORT, DOWNLOAD_RATE

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HTTP_PORT = 80
ECHO_PORT = 7
SO_MAX_PACING_RATE = 47
"""socket(7); Python has no name for it."""

CHUNK = bytes(65536)


class Echo(asyncio.DatagramProtocol):
    """Sends each datagram back to where it came from."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the way out."""
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer at once."""
        self.transport.sendto(data, addr)


async def answer_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say which source was seen, to the caller and to the log."""
    source = writer.get_extra_info("peername")[0]
    request = (await reader.readline()).decode("latin-1").strip()
    while (await reader.readline()).strip():
        pass
    sys.stdout.write(f'access source={source} "{request}"\n')
    sys.stdout.flush()
    body = f"ok: source={source}\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n{body}".encode())
    await writer.drain()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back whatever comes, until the caller has enough."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def download(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send at 100 Mbit/s, paced by the kernel's TCP, until the caller goes."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, DOWNLOAD_RATE)
    while True:
        writer.write(CHUNK)
        await writer.drain()


async def accept(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept, and nothing more."""


async def listen(port: int, serve: Serve) -> None:
    """Serve each connection to a port, closing it afterwards however it ends."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "0.0.0.0", port, backlog=1024)
    await server.serve_forever()


async def run(services: Mapping[int, Serve]) -> None:
    """Serve every port until ended."""
    async with asyncio.TaskGroup() as group:
        for port, serve in services.items():
            group.create_task(listen(port, serve))


async def run_target() -> None:
    """Be a target: HTTP, echo and download."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Echo, local_addr=("0.0.0.0", ECHO_PORT))
    await run({HTTP_PORT: answer_http, ECHO_PORT: echo, DOWNLOAD_PORT: download})


def main(arguments: list[str]) -> None:
    """Be what the arguments say."""
    if arguments == ["target"]:
        asyncio.run(run_target())
    else:
        asyncio.run(run({int(port): accept for port in arguments[1:]}))


if __name__ == "__main__":
    main(sys.argv[1:])
