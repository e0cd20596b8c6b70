"""`natgate flows`: what is translated now, by what the kernel did; and `who`, and `end`."""

import csv
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from natgate.cli.flow_names import Naming
from natgate.cli.flow_options import choosing, end_of, protocol_of
from natgate.cli.options import JSON_OPTION, STATE_OPTION
from natgate.cli.output import counted, print_json
from natgate.kernel import flow_table
from natgate.model.error import RefusedError
from natgate.model.flow_choice import EVERY, Choice, matching, single
from natgate.model.open_flow import TCP, UDP, OpenFlow, address_text, protocol_text, state_of
from natgate.plan import flow_rows
from natgate.plan.flow_rows import Total
from natgate.wire.flow_json import flow_key, flow_of
from natgate.wire.flow_query import Side
from natgate.wire.flow_text import (
    HEADINGS,
    Shown,
    as_json,
    cells,
    end_text,
    grouped,
    table,
)

LARGE = 40_000
"""From so many flows on they are read as columns; numpy takes longer to import than fewer to read."""

VERSION = 1
NOTHING = "no flow is like that\n"
Named = dict[str, str | None]
Groups = list[Total]


@click.group(invoke_without_command=True)
@choosing
@STATE_OPTION
@JSON_OPTION
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, with a heading.")
@click.option("--sort", type=click.Choice(list(flow_rows.KEYS)), help="In which order; by source.")
@click.option("--by", type=click.Choice(flow_rows.GROUPS), help="Count them by this.")
@click.option("--top", type=click.IntRange(1), help="Only so many, of what moved or has most.")
@click.option("--probes", is_flag=True, help="Also what nodes send to probe and to check.")
@click.option("--watch", is_flag=True, help="Show them anew every second, until interrupted.")
@click.option(
    "--with",
    "others",
    multiple=True,
    type=click.File(),
    help="Flows of another node, as natgate flows --json lists them there; - is standard input.",
)
@click.pass_context
def flows(context: click.Context, /, **given: Any) -> None:  # noqa: ANN401 (click's)
    """What is translated now: both ends of each flow, its entry, its state, what it moved.

    FROM began the flow and asked for TO; the far end sees it as SEEN AS; who answers is REACHES.
    """
    if context.invoked_subcommand is not None:
        given_here = (context.get_parameter_source(name) for name in context.params)
        if ParameterSource.COMMANDLINE in given_here:
            raise click.UsageError(f"write the options after {context.invoked_subcommand}")
    else:
        state, others, watch = (given.pop(name) for name in ("state", "others", "watch"))
        probes, sort = given.pop("probes"), given.pop("sort")
        asked = Asked(sort=sort or ("bytes" if given["top"] or watch else "source"), **given)

        def show(most: int | None) -> None:
            naming = Naming(state)
            choice = asked.choice
            if not probes and choice.source is None:
                choice = replace(choice, without=naming.names.probing)
            _list(replace(asked, choice=choice, top=most), naming, others)

        if watch and others:
            raise RefusedError("--watch shows this node again and again: leave out --with")
        if watch:
            _watch(show)
        else:
            show(asked.top)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be listed, and how."""

    choice: Choice
    named: Named
    sort: str
    as_json: bool = False
    as_csv: bool = False
    by: str | None = None
    top: int | None = None

    @property
    def colour(self) -> bool:
        """Whether a person looks at it."""
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _list(asked: Asked, naming: Naming, others: tuple[Iterable[str], ...]) -> None:
    narrow = single(asked.choice.source) or single(asked.choice.client)
    if not others and not narrow and flow_table.count() > LARGE:
        from natgate.cli import flow_columns  # noqa: PLC0415 (imports numpy)

        flow_columns.show(asked, naming)
        return
    found = _chosen(asked, naming, others)
    if asked.by is None and (asked.as_json or asked.as_csv):
        kept = flow_rows.ordered(found, asked.sort)[: asked.top]
        write_flows(shown(kept, naming), len(kept), as_csv=asked.as_csv)
    elif asked.by is not None and (asked.as_json or asked.as_csv):
        groups = _groups(found, naming, asked.by, asked.sort, asked.top)
        write_groups(asked.by, groups, as_csv=asked.as_csv)
    else:
        sys.stdout.write(_text(asked, found, naming))


def _chosen(asked: Asked, naming: Naming, others: Iterable[Iterable[str]]) -> list[OpenFlow]:
    """The flows of this node, and those that were read elsewhere, each once."""
    choice, named = asked.choice, asked.named
    found = flow_table.chosen(choice)
    matches = matching(choice)
    for other in others:
        have = {flow_key(flow) for flow in found}
        read = [flow_of(each) for each in _read(other)]
        found += [flow for flow in read if matches(flow) and flow_key(flow) not in have]
    naming.learn(found)
    tests = {"entry": naming.names.entry, "node": naming.names.node}
    return [f for f in found if all(not named[n] or tests[n](f) == named[n] for n in tests)]


def _read(text: Iterable[str]) -> list[dict[str, Any]]:
    try:
        return list(json.loads("".join(text))["flows"])
    except (ValueError, KeyError, TypeError):
        raise RefusedError("--with needs what natgate flows --json wrote on another node") from None


def shown(found: Iterable[OpenFlow], naming: Naming) -> Iterator[Shown]:
    """Flows with all that is to be said of them."""
    now, limits, names = time.time_ns(), flow_table.limits(), naming.names
    for flow in found:
        yield Shown(
            flow=flow,
            now=now,
            entry=names.entry(flow),
            node=names.node(flow),
            idle=names.idle(flow, limits),
        )


def _text(asked: Asked, found: list[OpenFlow], naming: Naming) -> str:
    if asked.by is not None:
        groups = _groups(found, naming, asked.by, asked.sort, asked.top)
        return grouped(asked.by, map(astuple, groups), colour=asked.colour)
    if not found:
        return NOTHING if flow_table.count() else "no flow is open\n"
    kept = flow_rows.ordered(found, asked.sort)[: asked.top]
    return table(HEADINGS, [cells(each) for each in shown(kept, naming)], colour=asked.colour)


def _groups(found: list[OpenFlow], naming: Naming, by: str, sort: str, top: int | None) -> Groups:
    names: dict[str, Callable[[OpenFlow], str]] = {
        "client": lambda f: address_text(f.family, f.client),
        "address": lambda f: address_text(f.family, f.address),
        "destination": lambda f: address_text(f.family, f.reply_source),
        "protocol": lambda f: protocol_text(f.protocol),
        "entry": naming.names.entry,
        "node": naming.names.node,
        "state": state_of,
    }
    return flow_rows.largest(flow_rows.counted(found, names[by]), sort, top)


def write_flows(found: Iterable[Shown], count: int, *, as_csv: bool) -> None:
    """Flow by flow: lines under the names of the JSON document, or the document itself."""
    rows = map(as_json, found)
    if as_csv:
        _write_csv(rows)
        return
    sys.stdout.write(f'{{"version": {VERSION}, "count": {count}, "flows": [')
    for number, row in enumerate(rows):
        sys.stdout.write((",\n" if number else "\n") + json.dumps(row))
    sys.stdout.write("\n]}\n")


def _write_csv(rows: Iterable[dict[str, Any]]) -> None:
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(sys.stdout, row.keys(), lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)


def write_groups(by: str, groups: Groups, *, as_csv: bool) -> None:
    """Groups with exact numbers."""
    found = [{by: g.name, "flows": g.flows, "packets": g.packets, "bytes": g.bytes} for g in groups]
    if as_csv:
        writer = csv.DictWriter(sys.stdout, (by, "flows", "packets", "bytes"), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    else:
        print_json({"version": VERSION, "by": by, "groups": found})


def _watch(show: Callable[[int], None]) -> None:
    """Show as much as the terminal has room for, again and again."""
    if not sys.stdout.isatty():
        raise RefusedError("--watch needs a terminal: natgate flows --json lists them once")
    try:
        while True:
            room = shutil.get_terminal_size()
            count = flow_table.count()
            sys.stdout.write(f"\033[H\033[J{counted(count, 'flow')} in the table\n\n")
            show(max(1, room.lines - 5))
            sys.stdout.flush()
            time.sleep(1.0)
    except KeyboardInterrupt:
        sys.stdout.write("\n")


@flows.command()
@click.argument("held", metavar="ADDRESS:PORT")
@click.option("--to", "peer", metavar="ADDRESS:PORT", help="Towards this far end.")
@click.option("--proto", help="tcp or udp; both are tried if left out.")
@STATE_OPTION
@JSON_OPTION
def who(held: str, peer: str | None, proto: str | None, state: Path, as_json: bool) -> None:
    """Who holds a gateway's ADDRESS:PORT now; with --to that is one look, however many flows."""
    family, address, port = end_of(held)
    if port is None:
        raise RefusedError(f"{held} has no port: write {held}:2048")
    protocols = (TCP, UDP) if proto is None else (protocol_of(proto),)
    found = [f for protocol in protocols for f in _holders(family, address, port, peer, protocol)]
    naming = Naming(state)
    naming.learn(found)
    if as_json:
        write_flows(shown(found, naming), len(found), as_csv=False)
    else:
        for each in shown(found, naming):
            sys.stdout.write(_sentence(each, held))
    if not found:
        towards = f" towards {peer}" if peer else ""
        raise RefusedError(f"nobody holds {held}{towards} now")


def _holders(
    family: int, address: int, port: int, peer: str | None, protocol: int
) -> list[OpenFlow]:
    far = end_of(peer) if peer is not None else None
    if far is not None and far[2] is not None:
        mine = {"destination": address, "destination_port": port, "protocol": protocol}
        side = Side(source=far[1], source_port=far[2], **mine)
        found = flow_table.one(family, reply=side) or flow_table.one(family, original=side)
        return [found] if found is not None and found.kind != "none" else []
    choice = Choice(
        family=family,
        protocol=protocol,
        port=port,
        address=ip_network(address_text(family, address)),
    )
    known = flow_table.chosen(choice)
    if far is None:
        return known
    return [flow for flow in known if far[1] in {flow.source, flow.reply_source}]


def _sentence(each: Shown, held: str) -> str:
    flow = each.flow
    client = end_text(
        flow.family,
        flow.client,
        flow.source_port if flow.kind == "snat" else flow.reply_source_port,
    )
    far = end_text(
        flow.family,
        flow.destination if flow.kind == "snat" else flow.source,
        flow.destination_port if flow.kind == "snat" else flow.source_port,
    )
    entry = f", {each.entry}" if each.entry else ""
    protocol = protocol_text(flow.protocol)
    return f"{held} {protocol} is {client} towards {far} ({state_of(flow)}{entry})\n"


@flows.command()
@choosing
@click.option("--yes", is_flag=True, help="Do not ask.")
@STATE_OPTION
def end(choice: Choice, named: Named, yes: bool, state: Path) -> None:
    """End the flows that the options choose, after saying which; their hosts begin anew."""
    if choice in {Choice(), EVERY} and not any(named.values()):
        raise RefusedError("say which flows are to end: --client, --address, --entry, or another")
    naming, most = Naming(state), 20
    asked = Asked(choice=choice, named=named, sort="source", top=most)
    found = _chosen(asked, naming, ())
    if not found:
        raise RefusedError("no flow is like that")
    sys.stdout.write(_text(asked, found, naming))
    if len(found) > most:
        click.echo(f"and {counted(len(found) - most, 'flow')} more")
    if not yes and not click.confirm(f"End {counted(len(found), 'flow')}?", err=True):
        raise RefusedError("nothing was ended")
    click.echo(f"{counted(flow_table.end(found), 'flow')} ended")
