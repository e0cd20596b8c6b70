"""The command `natgate`: nouns read, verbs change, `plan` and `check` never change anything."""

import sys
from importlib import import_module
from typing import Any

import click

from natgate import __version__
from natgate.cli.output import err
from natgate.model.error import NatgateError

COMMANDS = {
    "agent": "natgate.cli.agent",
    "apply": "natgate.cli.change",
    "aws": "natgate.cli.aws",
    "blocks": "natgate.cli.read",
    "check": "natgate.cli.change",
    "drain": "natgate.cli.operate",
    "entries": "natgate.cli.read",
    "entry": "natgate.cli.entry",
    "failover": "natgate.cli.operate",
    "failovers": "natgate.cli.operate",
    "flows": "natgate.cli.flows",
    "lab": "natgate.cli.lab",
    "log": "natgate.cli.natlog",
    "maintenance": "natgate.cli.operate",
    "metrics": "natgate.cli.read",
    "plan": "natgate.cli.change",
    "remove": "natgate.cli.change",
    "schema": "natgate.cli.schema",
    "spec": "natgate.cli.read",
    "status": "natgate.cli.read",
    "warnings": "natgate.cli.read",
    "witness": "natgate.cli.witness",
}
"""Each command and its module, which is imported only when the command is used."""


class Natgate(click.Group):
    """A group whose failures are one sentence on stderr and an exit code, never a trace."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in alphabetical order."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by name; None for one that does not exist."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 (click's signature)
        """Run a command; exit codes: docs/reference/exit-codes.md."""
        try:
            return super().invoke(ctx)
        except NatgateError as error:
            for line in str(error).splitlines():
                err().print(f"[red]error:[/red] {_plain(line)}")
            sys.exit(error.exit_code)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


@click.group(cls=Natgate, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="natgate")
def main() -> None:
    """A NAT gateway that people run themselves.

    Many machines leave through one fixed address, keep it when a gateway dies, and never leave
    with another. Try it with real packets: natgate lab demo
    """
