"""Options that several commands share."""

from pathlib import Path

import click

from natgate.agent.places import STATE

STATE_OPTION = click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=STATE,
    show_default=True,
    envvar="NATGATE_STATE",
    help="Directory of the agent's store and socket.",
)
NODE_OPTION = click.option("--node", help="Which node of the spec this is; found by address.")
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
CLOUD_OPTION = click.option(
    "--cloud",
    type=click.Choice(["lab", "aws"]),
    default="lab",
    show_default=True,
    help="Whose routes: the lab's router alone, or an API like EC2's before it (needs moto).",
)
ONCE_OPTION = click.option(
    "--once", is_flag=True, help="Without an agent: nothing keeps the rules."
)
