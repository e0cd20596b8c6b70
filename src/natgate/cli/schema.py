"""`natgate schema`: what a spec may say, for editors and other programs."""

import click

from natgate.cli.output import print_json
from natgate.model.spec import Spec
from natgate.wire.schema import published


@click.command()
def schema() -> None:
    """Print the JSON Schema of a spec."""
    print_json(published(Spec))
