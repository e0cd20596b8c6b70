"""The command `natgate`: nouns read, verbs change, `plan` and `check` never change anything."""

import sys
from typing import Any

import click

from natgate import __version__
from natgate.cli import agent, change, read
from natgate.cli.lab import lab
from natgate.cli.output import err
from natgate.model.error import NatgateError


class Natgate(click.Group):
    """A group whose failures are one sentence on stderr and an exit code, never a trace."""

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


for command in (
    read.status,
    read.entries,
    read.warnings,
    read.schema,
    change.check,
    change.plan,
    change.apply,
    change.remove,
    agent.agent,
    lab,
):
    main.add_command(command)
