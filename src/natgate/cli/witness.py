"""`natgate witness`: runs the witness of a network without etcd, on a third machine."""

import asyncio
from contextlib import closing
from pathlib import Path

import click

from natgate.agent.main import make_witness, read_file
from natgate.agent.places import WITNESS_STATE
from natgate.cli.log import configure_log
from natgate.cli.output import err
from natgate.wire.config import parse_spec


@click.command()
@click.option(
    "--spec",
    "path",
    type=click.Path(path_type=Path),
    required=True,
    help="The spec that the nodes have; its fence says where to listen.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=WITNESS_STATE,
    show_default=True,
    envvar="NATGATE_WITNESS_STATE",
    help="Directory of the claims: whoever loses it has to stop every node first.",
)
def witness(path: Path, state: Path) -> None:
    """Keep the claims of all nodes until told to stop; needs no privilege."""
    configure_log()
    spec = parse_spec(read_file(path), str(path))
    with closing(make_witness(spec, state)) as made:
        host, port = made.udp.getsockname()
        err().print(
            f"witness of {spec.network.name} at {host} port {port}, {len(made.claims)} claims"
        )
        asyncio.run(made.run())
