"""`natgate allowlist`: what the far side must admit, for a firewall request."""

from ipaddress import IPv4Network
from pathlib import Path

import click

from natgate.agent.main import read_file
from natgate.agent.places import SOCKET
from natgate.api.client import AgentClient
from natgate.cli.options import JSON_OPTION, STATE_OPTION
from natgate.cli.output import out, print_json, table
from natgate.model.address import Prefixes, in_nft
from natgate.model.allowlist import Admitted, Allowlist, Reachable
from natgate.model.error import RefusedError
from natgate.plan.allowlist import allowlist as found_for
from natgate.wire.allowlist import allowlist_data, port_text
from natgate.wire.config import parse_spec

MOST_PREFIXES = 4
PORTLESS = {"icmp", "others"}


@click.command()
@click.option("--to", required=True, metavar="DEST", help="An address or a prefix.")
@click.option("--spec", type=click.Path(path_type=Path), help="A spec; the agent's if left out.")
@STATE_OPTION
@JSON_OPTION
def allowlist(to: str, spec: Path | None, state: Path, as_json: bool) -> None:
    """What the far side must admit, whichever nodes are alive: sources, protocols and ports.

    The nodes' own probes stand apart, as do withdrawn addresses, which only open flows still have.
    """
    agent = AgentClient(state / SOCKET, without="--spec FILE")
    text = read_file(spec) if spec is not None else agent.spec()["text"]
    wanted = parse_spec(text, "spec" if spec is None else str(spec))
    found = found_for(wanted, _prefix(to))
    if as_json:
        print_json(allowlist_data(found))
    else:
        _show(found)


def _prefix(text: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError as error:
        raise RefusedError(f"{text} is no IPv4 address or prefix: {error}") from None


def _show(found: Allowlist) -> None:
    if not found.sources:
        to = _prefixes(found.to, ())
        out().print(f"no entry translates anything towards {to}: nothing to admit of the clients")
    _show_admitted("admit, whichever nodes are alive", found.sources, found.to)
    _show_admitted("withdrawn: open flows only, no new ones", found.withdrawn, found.to)
    _show_admitted("the nodes' own probes", found.probes, found.to)
    if found.reached:
        out().print("\n[bold]what the far side can call[/bold]")
        grid = table("ADDRESS", "PROTOCOL", "PORTS", "FROM", "ENTRY")
        for row in found.reached:
            grid.add_row(*_reachable(row, found.to))
        out().print(grid)


def _show_admitted(title: str, rows: tuple[Admitted, ...], to: Prefixes) -> None:
    if not rows:
        return
    out().print(f"[bold]{title}[/bold]" if title.startswith("admit") else f"\n[bold]{title}[/bold]")
    grid = table("SOURCE", "SOURCE PORTS", "PROTOCOL", "PORTS", "TO", "ENTRIES")
    for row in rows:
        grid.add_row(
            str(row.source),
            ", ".join(map(str, row.source_ports)) or ("-" if row.protocol in PORTLESS else "all"),
            row.protocol,
            ", ".join(map(port_text, row.ports)) or "all",
            _prefixes(row.destinations, to),
            ", ".join(row.entries),
        )
    out().print(grid)


def _reachable(row: Reachable, to: Prefixes) -> tuple[str, ...]:
    ports = ", ".join(map(port_text, row.ports)) or "all"
    return str(row.address), row.protocol, ports, _prefixes(row.clients, to), row.entry


def _prefixes(prefixes: Prefixes, to: Prefixes) -> str:
    """Named one by one if they are few; --json has them all."""
    if prefixes == to and len(to) > 1:
        return "everywhere asked for"
    shown = ", ".join(map(in_nft, prefixes[:MOST_PREFIXES]))
    more = len(prefixes) - MOST_PREFIXES
    return f"{shown} and {more} more" if more > 0 else shown
