"""`natgate trace`: which hop translates a packet, and which source its target sees."""

from pathlib import Path

import click

from natgate.agent.main import read_file
from natgate.agent.places import SOCKET
from natgate.api.client import AgentClient
from natgate.cli.options import JSON_OPTION, STATE_OPTION
from natgate.cli.output import err, print_json
from natgate.cli.trace_view import show
from natgate.kernel.own_routes import read_host
from natgate.lab import record, tracing
from natgate.model.error import RefusedError
from natgate.model.topology import Topology
from natgate.model.trace import Protocol, Trace
from natgate.plan.trace_ask import foretell, foretell_here
from natgate.plan.trace_compare import compare
from natgate.plan.trace_route import MADE_HERE
from natgate.wire.config import parse_spec
from natgate.wire.topology import VERSION, parse_routes
from natgate.wire.trace import parse_protocol, trace_data

Asked = tuple[Protocol, int | None]

DIFFERENT = 1


class Asking(click.ParamType[Asked]):
    """tcp:443, udp:53 or icmp."""

    name = "PROTO"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Asked:
        """Protocol and destination port."""
        try:
            return parse_protocol(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option("--from", "start", required=True, metavar="HOST", help="A host, or its address.")
@click.option("--to", required=True, metavar="NAME|ADDRESS", help="A host, a name, or an address.")
@click.option("--proto", "asked", required=True, type=Asking(), help="tcp:443, udp:53 or icmp.")
@click.option("--lab", "name", metavar="NAME", help="In a lab that is up.")
@click.option("--spec", type=click.Path(path_type=Path), help="Offline: the spec, with --routes.")
@click.option(
    "--routes", type=click.Path(path_type=Path), help="Offline: a natgate.routes/v1 file."
)
@click.option("--observe", is_flag=True, help="Send a real packet, and look for it on its way.")
@STATE_OPTION
@JSON_OPTION
def trace(
    start: str,
    to: str,
    asked: Asked,
    name: str | None,
    spec: Path | None,
    routes: Path | None,
    observe: bool,
    state: Path,
    as_json: bool,
) -> None:
    """Follow a packet hop by hop, to the source that its target sees.

    In a lab, offline from two files, or from this node on. What spec and routes foretell is compared
    with a dry run through the node's real rules, which sends nothing, and with --observe also with
    a real packet. Exit code 1 if they are DIFFERENT.
    """
    if (spec is None) != (routes is None):
        raise click.UsageError("--spec and --routes go together")
    if name is not None and spec is not None:
        raise click.UsageError("--lab reads its own spec and routes; leave --spec and --routes out")
    if name is not None:
        record.need_root()
        lab = record.find(name)
        found = tracing.trace(lab, start, to, asked, observed=observe, say=_say)
    elif observe:
        raise RefusedError(
            "only a lab owns the points at which a packet is observed: add --lab NAME"
        )
    elif spec is not None and routes is not None:
        topology = parse_routes(read_file(routes), str(routes))
        wanted = parse_spec(read_file(spec), str(spec))
        found, _ = foretell(topology, wanted, start, to, asked)
    else:
        found = _here(state, start, to, asked)
    if as_json:
        print_json(trace_data(found))
    else:
        show(found)
    if found.match is False:
        raise click.exceptions.Exit(DIFFERENT)


def _here(state: Path, start: str, to: str, asked: Asked) -> Trace:
    """From this node on: its agent's spec, its kernel's routes, and a dry run in its rules."""
    agent = AgentClient(state / SOCKET, without="--lab NAME, or --spec FILE and --routes FILE")
    status = agent.status()
    spec = parse_spec(agent.spec()["text"])
    shares = [share for gateway in status["gateways"] for share in gateway["shares"]]
    topology = Topology(
        apiVersion=VERSION,
        hosts=(read_host(status["node"], "node"),),
        carriers={share["name"]: share["carrier"] for share in shares if share["carrier"]},
    )
    found, packet, link = foretell_here(topology, spec, start, to, asked)
    if link == MADE_HERE:
        return compare(found, None, None)
    return compare(found, tracing.run_dry(status["node"], packet, link, None, _say), None)


def _say(line: str) -> None:
    err().print(line, markup=False)
