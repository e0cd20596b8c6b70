"""`natgate aws`: what an instance needs to stand for a node on AWS."""

import asyncio
from contextlib import closing
from pathlib import Path

import click

from natgate.agent.main import read_file
from natgate.cli.aws_deploy import bundle, template, user_data
from natgate.cli.options import JSON_OPTION
from natgate.cli.output import out, print_json, table
from natgate.cloud.aws_check import Check
from natgate.cloud.aws_client import AwsClient
from natgate.cloud.aws_join import Join, node_in, node_named, set_address, settings_of
from natgate.cloud.imds import Metadata
from natgate.model.error import RefusedError
from natgate.model.fields import seconds_of
from natgate.model.spec import Node, Spec
from natgate.wire.config import parse_spec

SPEC_OPTION = click.option(
    "--spec", type=click.Path(path_type=Path), required=True, help="The spec of the network."
)


@click.group()
def aws() -> None:
    """Nodes on AWS: deploy them, let an instance join, check what it may do."""


aws.add_command(bundle)
aws.add_command(template)
aws.add_command(user_data)


@aws.command()
@SPEC_OPTION
@JSON_OPTION
@click.option("--node", help="The node to stand for; the one of this zone if left out.")
@click.option(
    "--deadline",
    default="60s",
    show_default=True,
    help="How long to wait for an earlier instance to end.",
)
def join(spec: Path, as_json: bool, node: str | None, deadline: str) -> None:
    """Let this instance stand for the node of its zone; again and again the same.

    Takes the node's address as a secondary private address, unless another instance runs with it,
    lets its interface forward, and puts the address on the link. Needs root.
    """
    try:
        seconds = seconds_of(deadline)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--deadline") from None
    wanted = parse_spec(read_file(spec), str(spec))
    settings = settings_of(wanted)
    me = Metadata().instance()
    chosen = node_in(wanted, me.zone, node)
    with closing(AwsClient(settings.region, settings.deadline)) as client:
        joined = asyncio.run(Join(wanted, client, seconds).run(me, chosen, set_address))
    if as_json:
        print_json(
            {
                "node": joined.node,
                "address": str(joined.address),
                "instance": joined.instance,
                "interface": joined.interface,
                "done": list(joined.done),
            }
        )
        return
    for line in joined.done:
        out().print(line, markup=False)
    out().print(f"{joined.instance} stands for {joined.node} ({joined.address})", markup=False)


@aws.command()
@SPEC_OPTION
@JSON_OPTION
@click.option("--node", help="The node to check; the one of this instance's zone if left out.")
def check(spec: Path, as_json: bool, node: str | None) -> None:
    """Check that AWS has what a node needs and lets it do what it may have to. Changes nothing.

    Asks EC2 by dry runs. Exit code 1 if anything is missing.
    """
    wanted = parse_spec(read_file(spec), str(spec))
    settings = settings_of(wanted)
    chosen = _node(wanted, node)
    with closing(AwsClient(settings.region, settings.deadline)) as client:
        found = asyncio.run(Check(wanted, chosen, client).run())
    missing = [finding for finding in found if finding.missing is not None]
    if as_json:
        shown = [{"what": f.what, "found": f.found, "missing": f.missing} for f in found]
        print_json({"node": chosen.name, "complete": not missing, "findings": shown})
    else:
        grid = table("WHAT", "FOUND", "MISSING")
        for finding in found:
            colour = "green" if finding.missing is None else "red"
            text = (finding.missing or "").replace("[", r"\[")
            grid.add_row(finding.what, f"[{colour}]{finding.found}[/{colour}]", text)
        out().print(grid)
    if missing:
        raise RefusedError(f"missing for {chosen.name}: {', '.join(f.what for f in missing)}")


def _node(spec: Spec, named: str | None) -> Node:
    """The named node, which may be another machine, else that of this instance's zone."""
    if named is not None:
        return node_named(spec, named)
    return node_in(spec, Metadata().instance().zone, None)
