"""The nouns: status, entries, warnings, metrics. They change nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from natgate.agent.places import SOCKET
from natgate.api.client import AgentClient
from natgate.cli.options import JSON_OPTION, STATE_OPTION
from natgate.cli.output import out, print_json, table
from natgate.model.error import RefusedError

COLOURS = {"info": "dim", "warning": "yellow", "critical": "red"}


@click.command()
@STATE_OPTION
@JSON_OPTION
def status(state: Path, as_json: bool) -> None:
    """Who is active, which nodes are healthy and why not."""
    answer = AgentClient(state / SOCKET).status()
    if as_json:
        print_json(answer)
    else:
        show_status(answer)


@click.command()
@STATE_OPTION
@JSON_OPTION
def entries(state: Path, as_json: bool) -> None:
    """Every entry, its addresses, and the flows it started on this node."""
    answer = AgentClient(state / SOCKET).entries()
    if as_json:
        print_json(answer)
        return
    grid = table("ENTRY", "KIND", "FROM", "TO", "APPLIES TO", "ADDRESSES", "FLOWS")
    for entry in answer:
        grid.add_row(
            f"{entry['gateway']}/{entry['entry']}",
            entry["kind"],
            "\n".join(entry["sources"]),
            "\n".join(entry["destinations"]),
            entry["applies_to"],
            "\n".join(entry["addresses"]),
            str(entry["flows_started"]),
        )
    out().print(grid)


@click.command()
@STATE_OPTION
@JSON_OPTION
@click.option("--find", metavar="ADDRESS:PORT", help="Only the host that leaves with this port.")
def blocks(state: Path, find: str | None, as_json: bool) -> None:
    """The ports that each host has for itself (snat[].block_size)."""
    answer = AgentClient(state / SOCKET).blocks()
    if find is not None:
        address, _, port = find.rpartition(":")
        if not port.isdigit():
            raise RefusedError(f"{find} is no address with a port: write 203.0.113.1:2048")
        answer = [
            each
            for each in answer
            if each["address"] == address and each["first"] <= int(port) <= each["last"]
        ]
    if as_json:
        print_json(answer)
        return
    grid = table("HOST", "ADDRESS", "PORTS", "ENTRY")
    for each in answer:
        ports = f"{each['first']}-{each['last']}"
        grid.add_row(each["host"], each["address"], ports, each["entry"])
    out().print(grid)


@click.command()
@STATE_OPTION
@JSON_OPTION
def spec(state: Path, as_json: bool) -> None:
    """The spec in force on this node, with the entries that were added or removed since."""
    answer = AgentClient(state / SOCKET).spec()
    if as_json:
        print_json(answer)
    else:
        click.echo(answer["text"], nl=False)


@click.command()
@STATE_OPTION
@JSON_OPTION
def warnings(state: Path, as_json: bool) -> None:
    """Every warning that is true now."""
    answer = AgentClient(state / SOCKET).status()["warnings"]
    if as_json:
        print_json(answer)
    elif answer:
        _show_warnings(answer)
    else:
        out().print("no warnings")


@click.command()
@STATE_OPTION
@JSON_OPTION
@click.option("--prometheus", is_flag=True, help="The text that Prometheus scrapes.")
def metrics(state: Path, as_json: bool, prometheus: bool) -> None:
    """Every metric of this node, measured now."""
    answer = AgentClient(state / SOCKET).metrics()
    if as_json:
        print_json(answer)
    elif prometheus:
        from natgate.wire.exposition import parse_metrics, render_exposition  # noqa: PLC0415 (slow)

        click.echo(render_exposition(parse_metrics(answer)), nl=False)
    else:
        grid = table("METRIC", "LABELS", "VALUE")
        for metric in answer:
            for each in metric["samples"]:
                labels = ", ".join(f"{name}={value}" for name, value in each["labels"].items())
                grid.add_row(metric["name"], labels, f"{each['value']:.12g}")
        out().print(grid)


def show_status(answer: Mapping[str, Any]) -> None:
    """A status for people: gateways, nodes, warnings."""
    console = out()
    if not answer["gateways"]:
        console.print("no spec has been applied on this node: natgate apply FILE")
        return
    if answer["maintenance"]:
        console.print("[yellow]maintenance: nothing is moved by itself[/yellow]\n")
    gateways = table("GATEWAY", "ADDRESS", "MODE", "ACTIVE", "PORTS", "EPOCH")
    for gateway in answer["gateways"]:
        for index, share in enumerate(gateway["shares"]):
            gateways.add_row(
                gateway["name"] if index == 0 else "",
                ", ".join(gateway["addresses"]) if index == 0 else "",
                _mode(gateway) if index == 0 else "",
                _carrier(share),
                share["ports"],
                str(share["epoch"]),
            )
    console.print(gateways)
    console.print()
    nodes = table("NODE", "ZONE", "ADDRESS", "HEALTH", "AGENT", "ROLE", "REASONS")
    for node in answer["nodes"]:
        nodes.add_row(
            node["name"],
            node["zone"],
            node["address"],
            "[green]healthy[/green]" if node["healthy"] else "[red]unhealthy[/red]",
            node["agent"],
            "active" if node["name"] in answer["active"] else "standby",
            "; ".join(node["reasons"]) or "-",
        )
    console.print(nodes)
    if answer["warnings"]:
        console.print()
        _show_warnings(answer["warnings"])


def _mode(gateway: Mapping[str, Any]) -> str:
    """How its nodes share the work, and the zone that it cannot outlive."""
    zones = gateway["zones"]
    return str(gateway["mode"]) + (f", zone {zones[0]} only" if len(zones) == 1 else "")


def _carrier(share: Mapping[str, Any]) -> str:
    """Who carries a share, and for whom if that is not its home."""
    carrier = share["carrier"]
    if not carrier:
        return "[red]nobody[/red]"
    away = share["name"].endswith(f"@{share['home']}") and carrier != share["home"]
    return f"[bold]{carrier}[/bold]" + (f" for {share['home']}" if away else "")


def _show_warnings(found: list[Mapping[str, Any]]) -> None:
    grid = table("WARNING", "SEVERITY", "SUBJECT", "TEXT")
    for item in found:
        colour = COLOURS[item["severity"]]
        shown = f"[{colour}]{item['severity']}[/{colour}]"
        grid.add_row(item["code"], shown, item["subject"], item["text"].replace("[", r"\["))
    out().print(grid)
