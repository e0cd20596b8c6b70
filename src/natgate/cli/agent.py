"""`natgate agent`: runs the agent of this node."""

import asyncio
from pathlib import Path

import click

from natgate.agent.main import make_agent
from natgate.agent.places import SOCKET
from natgate.api.server import serve
from natgate.cli.log import configure_log
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
    configure_log()

    async def run() -> None:
        await serve(make_agent(state, node, spec), state / SOCKET)

    asyncio.run(run())
