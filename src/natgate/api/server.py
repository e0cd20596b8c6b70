"""Runs an agent and its HTTP interface in one event loop until a signal ends both."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from natgate.agent.loop import Agent
from natgate.agent.metrics import Metrics
from natgate.api.app import make_app
from natgate.api.client import AgentClient
from natgate.api.exposition import Exporter, QuietServer
from natgate.model.error import RefusedError

LOG = structlog.get_logger()
PRIORITY = -15
"""The agent's niceness: a busy machine delays neither its heartbeats nor its repairs."""

BROKEN = 70
"""Exit status after a failure nobody foresaw (EX_SOFTWARE): the service manager starts anew."""


async def serve(agent: Agent, path: Path) -> None:
    """Run until SIGTERM or SIGINT; what was applied stays in force."""
    asyncio.get_running_loop().set_exception_handler(_give_up)
    listener = _listen(path)
    metrics = Metrics(agent)
    config = uvicorn.Config(
        make_app(agent, metrics), log_config=None, access_log=False, lifespan="off"
    )
    server = QuietServer(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.end)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    await agent.begin()
    gc.collect()
    gc.freeze()  # a full collection would hold up heartbeats
    async with asyncio.TaskGroup() as group:
        group.create_task(agent.run())
        exporter = group.create_task(Exporter(agent, metrics).run())
        counting = group.create_task(metrics.run())
        group.create_task(_serve_http(server, listener, agent, exporter, counting))


async def _serve_http(
    server: uvicorn.Server, listener: socket.socket, agent: Agent, *others: asyncio.Task[None]
) -> None:
    try:
        await server.serve(sockets=[listener])
    finally:
        for other in others:
            other.cancel()
        agent.stop()


def _listen(path: Path) -> socket.socket:
    """The socket, open to its owner only; a dead agent's is replaced, a living one's is not."""
    if path.exists() and AgentClient(path).present():
        raise RefusedError(f"an agent is running already at {path}")
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(mask)
    listener.listen(16)
    return listener


def _give_up(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A task failed in a way nobody foresaw: end, let the kernel go on, and be started anew."""
    del loop
    LOG.error("broken", reason=context.get("message"), error=repr(context.get("exception")))
    os._exit(BROKEN)
