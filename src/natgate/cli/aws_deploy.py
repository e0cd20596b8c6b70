"""`natgate aws template`, `bundle` and `user-data`: what is deployed on AWS, from a spec."""

import re
from inspect import getsource
from pathlib import Path

import click

from natgate.agent.aws_bundle import REFEREE, write_bundle
from natgate.agent.main import read_file
from natgate.cli.output import err
from natgate.cloud import aws_fetch
from natgate.model.error import RefusedError
from natgate.model.spec import Spec
from natgate.wire import cloudformation
from natgate.wire.cloudformation_setup import deployment
from natgate.wire.config import parse_spec
from natgate.wire.user_data import (
    BUCKET,
    BUNDLE,
    GROUNDS,
    KEY_PARAMETER,
    PREFIX,
    System,
    script,
)

FILE = click.Path(path_type=Path)
SPEC = click.option("--spec", type=FILE, required=True, help="The spec, with steering aws.")
SYSTEM = click.option(
    "--system",
    type=click.Choice(list(GROUNDS)),
    default="debian-12",
    show_default=True,
    help="What the nodes run.",
)
OUTPUT = click.option("--output", type=FILE, help="A file to write; standard output if left out.")


@click.command()
@SPEC
@SYSTEM
@OUTPUT
def template(spec: Path, system: System, output: Path | None) -> None:
    """Print the CloudFormation template of a spec. Calls no cloud."""
    text = cloudformation.template(_read(spec), system, getsource(aws_fetch))
    size = len(text.encode())
    if size > cloudformation.LIMIT:
        err().print(
            f"note: {size} bytes, of which CloudFormation takes {cloudformation.LIMIT} directly: "
            "upload the template to the bucket and give --template-url in place of --template-file"
        )
    _write(output, text)


@click.command()
@SPEC
@click.option(
    "--wheel",
    "wheels",
    type=FILE,
    multiple=True,
    required=True,
    help="A wheel, or a directory of them: natgate, boto3 and all that they need.",
)
@click.option(
    "--package",
    "packages",
    type=FILE,
    multiple=True,
    required=True,
    help="A .deb or .rpm, or a directory of them: what the nodes' system lacks.",
)
@click.option(
    "--to",
    "place",
    default="s3://BUCKET/natgate",
    show_default=True,
    help="Where you will upload it, for the command that is printed.",
)
@click.option("--output", type=FILE, required=True, help="A directory to write to.")
def bundle(
    spec: Path, wheels: tuple[Path, ...], packages: tuple[Path, ...], place: str, output: Path
) -> None:
    """Write what nodes and referee are made of, and print how to upload it. Calls no cloud."""
    text = read_file(spec)
    deployment(parse_spec(text, str(spec)))
    name = write_bundle(output, text, wheels, packages, REFEREE)
    click.echo(f"Bundle={name}")
    click.echo(f"aws s3 cp --recursive {output / name} {place.rstrip('/')}/{name}")


@click.command("user-data")
@SPEC
@SYSTEM
@click.option("--bucket", required=True, help="The bucket of the bundle.")
@click.option("--prefix", default="natgate", show_default=True, help="Where in the bucket.")
@click.option("--bundle", required=True, help="What `natgate aws bundle` printed.")
@click.option("--key-parameter", help="SSM parameter with the heartbeat key.")
@OUTPUT
def user_data(
    spec: Path,
    system: System,
    bucket: str,
    prefix: str,
    bundle: str,
    key_parameter: str | None,
    output: Path | None,
) -> None:
    """Print the script that makes a fresh instance a node; the template has it already."""
    plan = deployment(_read(spec))
    parameter = key_parameter or f"/natgate/{plan.group}/heartbeat-key"
    for option, value, pattern in (
        ("--bucket", bucket, BUCKET),
        ("--prefix", prefix, PREFIX),
        ("--bundle", bundle, BUNDLE),
        ("--key-parameter", parameter, KEY_PARAMETER),
    ):
        if not re.fullmatch(pattern, value):
            raise click.BadParameter(f"{value!r} does not match {pattern}", param_hint=option)
    values = {
        "BUCKET": bucket,
        "PREFIX": prefix,
        "BUNDLE": bundle,
        "REGION": plan.region,
        "SUFFIX": "amazonaws.com.cn" if plan.region.startswith("cn-") else "amazonaws.com",
        "KEY_PARAMETER": parameter,
    }
    _write(output, script(plan, system, getsource(aws_fetch), values))


def _read(spec: Path) -> Spec:
    return parse_spec(read_file(spec), str(spec))


def _write(output: Path | None, text: str) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text)
    except OSError as error:
        raise RefusedError(f"cannot write {output}: {error.strerror}") from None
