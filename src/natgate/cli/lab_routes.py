"""`natgate lab routes`: the routes of a lab, as a trace reads them."""

import sys

import click

from natgate.cli import output
from natgate.lab import record, routes
from natgate.wire.topology import render_routes, routes_data


@click.command("routes")
@click.argument("name", default="lab")
@click.option("--json", "json_", is_flag=True, help="One JSON document on stdout.")
def routes_(name: str, json_: bool) -> None:
    """The routes of lab NAME as its kernels hold them now, for natgate trace --routes."""
    record.need_root()
    found = routes.read(record.find(name))
    if json_:
        output.print_json(routes_data(found))
    else:
        sys.stdout.write(render_routes(found))
