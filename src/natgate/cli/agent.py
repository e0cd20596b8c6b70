"""`natgate agent`: runs the agent of this node."""

import asyncio
import logging
import sys
from pathlib import Path

import click
import structlog

from natgate.agent.main import SOCKET, STATE, make_agent

STATE_OPTION = click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=STATE,
    show_default=True,
    envvar="NATGATE_STATE",
    help="Directory of the agent's store and socket.",
)
NODE_OPTION = click.option("--node", help="Which node of the spec this is; found by address.")


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
    from natgate.api.server import serve  # noqa: PLC0415 (0.6 s that no other command needs)

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
