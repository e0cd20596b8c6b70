"""The operator's hand: failover, failovers, drain, maintenance."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from natgate.agent.places import SOCKET
from natgate.api.client import AgentClient
from natgate.cli.options import JSON_OPTION, STATE_OPTION
from natgate.cli.output import err, out, print_json, table
from natgate.model.error import RefusedError
from natgate.model.fields import duration_text, seconds_of

POLL = 0.2
NOTHING = "nothing to move: every share is there already"

COLOURS = {"done": "green", "resumed": "green", "failed": "red", "running": "yellow"}


@click.command()
@STATE_OPTION
@JSON_OPTION
@click.option("--to", help="The node that is to carry the shares.")
@click.option("--home", is_flag=True, help="Each share back to its first node.")
@click.option("--gateway", help="The shares of this gateway only.")
@click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing.")
def failover(
    state: Path, as_json: bool, to: str | None, home: bool, gateway: str | None, dry_run: bool
) -> None:
    """Move what is carried to another node, or rehearse it.

    Returns once every route leads there; open connections go along if they are replicated.
    """
    if home == (to is not None):
        raise click.UsageError("say where: --to NODE, or --home")
    agent = AgentClient(state / SOCKET)
    answer = agent.plan_failover(to, gateway) if dry_run else agent.failover(to, gateway)
    if as_json:
        print_json(answer)
    elif not answer:
        out().print(NOTHING)
    elif dry_run:
        _show_rehearsal(answer)
    else:
        _show_moved(answer)


@click.command()
@STATE_OPTION
@JSON_OPTION
@click.option("--last", type=click.IntRange(min=1), help="Only so many, the latest.")
def failovers(state: Path, as_json: bool, last: int | None) -> None:
    """The journal of this node: every failover it made or saw, the latest first."""
    agent = AgentClient(state / SOCKET)
    found = agent.failovers()[:last]
    if as_json:
        print_json(found)
        return
    if not found:
        out().print("no failover has been recorded")
        return
    grid = table("#", "WHEN (UTC)", "SHARE", "FROM", "TO", "OUTCOME", "TOOK", "FLOWS", "REASON")
    for record in found:
        grid.add_row(*_journal_row(record))
    out().print(grid)


@click.command()
@click.argument("node")
@STATE_OPTION
@JSON_OPTION
@click.option("--off", is_flag=True, help="The node may carry something again.")
@click.option(
    "--deadline", default="60s", show_default=True, help="How long to wait, as 30s or 2m."
)
def drain(node: str, state: Path, as_json: bool, off: bool, deadline: str) -> None:
    """Let NODE carry nothing: what it carries goes to others, and nothing new comes to it.

    Ends when it is empty, or at the deadline with exit code 1 and what is left.
    """
    try:
        seconds = seconds_of(deadline)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--deadline") from None
    agent = AgentClient(state / SOCKET)
    answer = agent.drain(node, on=not off)
    left = [] if off else _wait_empty(agent, node, seconds)
    if as_json:
        print_json({**answer, "carries": left})
    if left:
        raise RefusedError(
            f"after {duration_text(seconds)} {node} still carries {', '.join(left)}; it stays "
            "drained, and natgate status says why nobody else took over"
        )
    if not as_json:
        text = (
            f"{node} may carry something again" if off else f"{node} is drained: it carries nothing"
        )
        out().print(text, markup=False)


@click.command()
@click.argument("switch", type=click.Choice(["on", "off"]))
@STATE_OPTION
@JSON_OPTION
def maintenance(switch: str, state: Path, as_json: bool) -> None:
    """Let no failover happen by itself (on), on any node, or let them happen again (off).

    Rules are still kept, and what an operator asks for is still done.
    """
    agent = AgentClient(state / SOCKET)
    answer = agent.maintenance(on=switch == "on")
    if as_json:
        print_json(answer)
    elif switch == "on":
        out().print("maintenance is on: nothing is moved by itself")
    else:
        out().print("maintenance is off")


def _wait_empty(agent: AgentClient, node: str, seconds: float) -> list[str]:
    """What the node still carries at the end: nothing, or what the deadline left."""
    deadline = time.monotonic() + seconds
    said: list[str] = []
    while True:
        shares = [s for g in agent.status()["gateways"] for s in g["shares"]]
        left = [share["name"] for share in shares if share["carrier"] == node]
        if not left or time.monotonic() > deadline:
            return left
        if left != said:
            err().print(f"waiting: {node} carries {', '.join(left)}", markup=False)
            said = left
        time.sleep(POLL)


def _show_moved(answer: Sequence[Mapping[str, Any]]) -> None:
    grid = table("SHARE", "FROM", "TO", "TOOK")
    for moved in answer:
        grid.add_row(moved["share"], moved["before"] or "nobody", moved["after"], _ms(moved["ms"]))
    out().print(grid)


def _show_rehearsal(answer: Sequence[Mapping[str, Any]]) -> None:
    console = out()
    for found in answer:
        console.print(
            f"[bold]{found['share']}[/bold]: {found['before'] or 'nobody'} -> {found['after']}"
        )
        grid = table("", "STEP", "WHAT CHANGES")
        for number, step in enumerate(found["steps"], 1):
            grid.add_row(f"{number:>3}", step["name"], step["what"])
        console.print(grid)
        console.print(f"interruption: {_interruption(found['interruption'])}", markup=False)
        console.print(f"flows:        {_flows(found['flows'])}", markup=False)
        for obstacle in found["obstacles"]:
            console.print(f"[red]would fail:[/red] {obstacle.replace('[', chr(92) + '[')}")
        console.print()
    console.print("rehearsed only: nothing was changed", style="dim")


def _interruption(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return (
            "not known, no failover has been recorded yet; in the lab the routes take under 10 ms"
        )
    times = "time" if found["samples"] == 1 else "times"
    return (
        f"about {_ms(found['median_ms'])}, at most {_ms(found['worst_ms'])} so far "
        f"({found['samples']} {times})"
    )


def _flows(found: Mapping[str, Any] | None) -> str:
    return (
        f"{found['flows']} of {found['clients']} clients" if found else "not counted on this node"
    )


def _journal_row(record: Mapping[str, Any]) -> tuple[str, ...]:
    when = datetime.fromtimestamp(record["started"], UTC).strftime("%Y-%m-%d %H:%M:%S")
    outcome = record["outcome"]
    colour = COLOURS.get(outcome)
    shown = f"[{colour}]{outcome}[/{colour}]" if colour else outcome
    reason = record["error"] or record["reason"]
    return (
        str(record["number"]),
        when,
        record["share"],
        record["before"] or "nobody",
        record["after"],
        shown,
        "-" if record["ms"] is None else _ms(record["ms"]),
        "-" if record["flows"] is None else str(record["flows"]),
        reason.replace("[", r"\["),
    )


def _ms(value: float) -> str:
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"  # noqa: PLR2004 (two digits)
