"""`natgate agent`: runs the agent of this node."""

import asyncio
import logging
import sys
from pathlib import Path

import click
import structlog

from natgate.agent.main import make_agent
from natgate.agent.places import SOCKET
from natgate.api.server import serve
from natgate.cli.options import NODE_OPTION, STATE_OPTION


@click.command()
@STATE_OPTION
@NODE_OPTION
@click.option(
    "--spec",
    type=click.Path(path_type=Path),
    help="Spec to begin with while none has been applied.",
)
def agent(state: Path, node: str | None, spec: Path | None) -> None:
    """Run this node's agent until it is told to stop; traffic outlives it."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.dev.ConsoleRenderer(colors=False)
            if sys.stderr.isatty()
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )

    async def run() -> None:
        await serve(make_agent(state, node, spec), state / SOCKET)

    asyncio.run(run())
