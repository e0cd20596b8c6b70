"""`natgate schema`: what a spec may say, for editors and other programs."""

import click

from natgate.cli.output import print_json
from natgate.model.spec import Spec


@click.command()
def schema() -> None:
    """Print the JSON Schema of a spec."""
    print_json(Spec.model_json_schema(by_alias=True))
