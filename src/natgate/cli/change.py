"""check and plan, which never change anything; apply and remove, which do."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from natgate.agent.edits import stored_spec
from natgate.agent.keeper import Keeper
from natgate.agent.main import (
    Hands,
    daemons_end,
    make_hands,
    open_store,
    read_file,
    withdraw_steering,
)
from natgate.agent.places import DATABASE, SOCKET
from natgate.api.client import AgentClient
from natgate.cli.options import JSON_OPTION, NODE_OPTION, ONCE_OPTION, STATE_OPTION
from natgate.cli.output import counted, err, out, print_json, table
from natgate.kernel.features import probe
from natgate.kernel.host import HostKernel
from natgate.model.error import RefusedError
from natgate.model.spec import Spec
from natgate.plan import deletion, explain, stale
from natgate.plan.digest import digest_of
from natgate.wire.config import parse_spec

FILE = click.argument("file", type=click.Path(path_type=Path))
CHANGES_PENDING = 4


@click.command()
@FILE
@JSON_OPTION
def check(file: Path, as_json: bool) -> None:
    """Check a spec, and whether this host can apply it. Changes nothing."""
    spec = parse_spec(read_file(file), str(file))
    features = probe()
    notes = explain.notes(spec)
    if as_json:
        shown = [{"name": f.name, "works": f.works, "detail": f.detail} for f in features]
        print_json({"spec": "valid", "features": shown, "notes": list(notes)})
    else:
        gateways = len(spec.gateways)
        count = sum(len(gateway.entry_names) for gateway in spec.gateways)
        out().print(
            f"{file}: valid ({gateways} gateways, {len(spec.nodes)} nodes, {count} entries)"
        )
        grid = table("FEATURE", "WORKS", "DETAIL")
        for feature in features:
            works = "[green]yes[/green]" if feature.works else "[red]no[/red]"
            grid.add_row(feature.name, works, feature.detail)
        out().print(grid)
        for note in notes:
            err().print(f"note: {note}")
    missing = [f for f in features if f.required and not f.works]
    if missing:
        raise RefusedError("; ".join(f"{f.name} does not work here: {f.detail}" for f in missing))


@click.command()
@FILE
@STATE_OPTION
@NODE_OPTION
@ONCE_OPTION
@JSON_OPTION
@click.option("--exit-code", is_flag=True, help="Exit with 4 if changes are pending.")
def plan(
    file: Path, state: Path, node: str | None, once: bool, as_json: bool, exit_code: bool
) -> None:
    """Show what applying a spec would change on this node, and why. Changes nothing."""
    text = read_file(file)
    spec = parse_spec(text, str(file))
    if once or not (state / SOCKET).exists():
        with closing(make_hands(None, spec, node)) as hands:
            before = _applied(state)
            changes, left = hands.keeper.plan(spec)[2], hands.keeper.stale(spec, before)
        answer: dict[str, Any] = {
            "node": hands.node,
            "changes": explain.as_json(changes),
            "flows": stale.summary(left),
            "notes": [*deletion.notes(before, spec), *explain.notes(spec)],
        }
    else:
        answer = AgentClient(state / SOCKET).plan(text, str(file))
    if as_json:
        print_json(answer)
    else:
        show_changes(answer["changes"], "to be made")
        _show_flows(answer["flows"])
        for note in answer["notes"]:
            err().print(f"note: {note}")
    if exit_code and answer["changes"]:
        raise click.exceptions.Exit(CHANGES_PENDING)


@click.command()
@FILE
@STATE_OPTION
@NODE_OPTION
@ONCE_OPTION
@JSON_OPTION
@click.option("--force-deletion", is_flag=True, help="Also delete gateways that have entries.")
@click.option("--end-flows", is_flag=True, help="End open flows that it would translate otherwise.")
def apply(
    file: Path,
    state: Path,
    node: str | None,
    once: bool,
    as_json: bool,
    force_deletion: bool,
    end_flows: bool,
) -> None:
    """Bring a spec into force on this node, wholly or not at all."""
    text = read_file(file)
    spec = parse_spec(text, str(file))
    if once:
        _refuse_if_agent(state)
        before = _applied(state)
        deletion.refuse_deletion(before, spec, force=force_deletion)
        with closing(make_hands(state, spec, node)) as hands:
            answer = _apply_once(hands, text, str(file))
            ended = hands.keeper.end_stale(spec, before) if end_flows else 0
            answer["flows_ended"] = ended
        err().print("note: no agent: nothing keeps these rules, and nothing fails over")
    else:
        client = AgentClient(state / SOCKET)
        answer = client.apply(text, str(file), force_deletion=force_deletion, end_flows=end_flows)
    if as_json:
        print_json(answer)
    else:
        show_changes(answer["changes"], "made")
        if end_flows:
            out().print(f"{counted(answer['flows_ended'], 'flow')} ended")
        out().print(f"generation {answer['generation']} is in force on {answer['node']}")


@click.command()
@STATE_OPTION
@ONCE_OPTION
@JSON_OPTION
def remove(state: Path, once: bool, as_json: bool) -> None:
    """Take away all that natgate made on this node, and only that."""
    if once or not (state / SOCKET).exists():
        _refuse_if_agent(state)
        deletion.refuse_removal(_applied(state))
        answer = _remove_once(state)
    else:
        answer = AgentClient(state / SOCKET).remove()
    if as_json:
        print_json(answer)
    else:
        show_changes(answer["changes"], "made")


def _applied(state: Path) -> Spec | None:
    """The spec that was applied last; None before the first."""
    if not (state / DATABASE).exists():
        return None
    with closing(open_store(state)) as store:
        latest = store.latest()
    return stored_spec(latest) if latest is not None else None


def show_changes(changes: list[dict[str, str]], word: str) -> None:
    """Changes for people: what is run, and above it why."""
    console = out()
    for change in changes:
        console.print(f"[dim]# {change['reason']}[/dim]".replace("[dim]# [", r"[dim]# \["))
        console.print(change["run"], markup=False)
    console.print(f"{counted(len(changes), 'change')} {word}")


def _show_flows(flows: dict[str, Any]) -> None:
    """Which flows a change leaves as they are."""
    if not flows["kept"]:
        return
    console = out()
    console.print(
        f"{counted(flows['kept'], 'open flow')} of {counted(flows['hosts'], 'host')} would keep the "
        "translation of before; natgate apply --end-flows ends them:"
    )
    for example in flows["examples"]:
        console.print(f"  {example}", markup=False)
    if flows["kept"] > len(flows["examples"]):
        console.print(f"  and {flows['kept'] - len(flows['examples'])} more")


def _apply_once(hands: Hands, text: str, source: str) -> dict[str, Any]:
    spec = parse_spec(text, source)
    generation = hands.store.add(text, digest_of(spec))
    kept = hands.keeper.bring(spec)
    if kept.failure is not None:
        hands.store.withdraw(generation.number)
        before = hands.store.latest()
        if before is None:
            hands.keeper.remove()
        else:
            hands.keeper.bring(stored_spec(before))
        raise kept.failure
    hands.keeper.end_withdrawn(spec)
    changes = explain.as_json(kept.changes)
    return {"node": hands.node, "generation": generation.number, "changes": changes}


def _remove_once(state: Path) -> dict[str, Any]:
    with closing(HostKernel()) as kernel, closing(open_store(state)) as store:
        left = withdraw_steering(state, kernel, store)
        if left is not None:
            err().print(f"note: what steering announces was not taken away: {left}", markup=False)
        keeper = Keeper(node="", kernel=kernel, store=store, end_daemons=daemons_end(state))
        changes = keeper.remove()
    return {"node": "", "changes": explain.as_json(changes, removing=True)}


def _refuse_if_agent(state: Path) -> None:
    if AgentClient(state / SOCKET).present():
        raise RefusedError(
            f"an agent runs at {state / SOCKET}: leave out --once, it owns the rules"
        )
