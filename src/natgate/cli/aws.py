"""`natgate aws`: what a deployment on AWS needs, on the operator's machine and on a node."""

import click

from natgate.cli.aws_deploy import bundle, template, user_data


@click.group()
def aws() -> None:
    """Deploy natgate on AWS, and run it there."""


aws.add_command(bundle)
aws.add_command(template)
aws.add_command(user_data)
