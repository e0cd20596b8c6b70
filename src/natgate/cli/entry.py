"""One entry more or less, without a whole spec: what other programs call."""

from pathlib import Path
from typing import Any

import click

from natgate.agent.places import SOCKET
from natgate.api.client import AgentClient
from natgate.cli.change import show_changes
from natgate.cli.options import JSON_OPTION, STATE_OPTION
from natgate.cli.output import out, print_json
from natgate.model.edit import KINDS
from natgate.wire.config import read_yaml


@click.group()
def entry() -> None:
    """Add or remove one entry of a gateway on this node; other flows and entries are untouched."""


@entry.command()
@click.argument("gateway")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("text", metavar="ENTRY")
@STATE_OPTION
@JSON_OPTION
def add(gateway: str, kind: str, text: str, state: Path, as_json: bool) -> None:
    """Add ENTRY, written as in a spec: '{name: office, hosts: [10.10.0.5]}'."""
    data, _ = read_yaml(text, "entry")
    answer = AgentClient(state / SOCKET).add_entry(gateway, kind, data)
    _show(answer, as_json=as_json)


@entry.command()
@click.argument("gateway")
@click.argument("name")
@STATE_OPTION
@JSON_OPTION
def remove(gateway: str, name: str, state: Path, as_json: bool) -> None:
    """Remove an entry. Flows that it began go on."""
    _show(AgentClient(state / SOCKET).remove_entry(gateway, name), as_json=as_json)


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    show_changes(answer["changes"], "made")
    out().print(f"generation {answer['generation']} is in force on {answer['node']}")
