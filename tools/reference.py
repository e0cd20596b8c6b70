"""Writes docs/reference from the code: `python -m tools.reference`, or `--check` to compare only."""

import inspect
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

import click
from fastapi.routing import APIRoute

from natgate.agent.loop import Agent
from natgate.agent.metrics import Metrics
from natgate.agent.status import status
from natgate.api.app import make_app
from natgate.api.server import BROKEN
from natgate.cli.change import CHANGES_PENDING
from natgate.cli.main import main as natgate
from natgate.cli.netstat_nat import HELP as NETSTAT_NAT
from natgate.cli.trace import DIFFERENT
from natgate.lab import catalogue
from natgate.lab.events import Result
from natgate.lab.faults import FAULTS
from natgate.lab.scene import Scene
from natgate.model import error
from natgate.model.metric import METRICS
from natgate.model.spec import Spec
from natgate.model.topology import Topology
from natgate.model.warning import CATALOGUE, warning
from natgate.plan.bandwidth import OVER
from natgate.plan.compile import COUNTERS, HANDOVER_COUNTERS, NODES_COUNTERS
from natgate.plan.setup import setup_of
from natgate.plan.snat import CLIENT_LIMIT
from natgate.plan.state import begin
from tools import words
from tools.tables import head, model, row

DIRECTORY = Path(__file__).parents[1] / "docs" / "reference"
NOTICE = "<!-- Written by `make docs` from the code. Edits are lost. -->\n\n"
WIDTH = 90


def cli() -> str:
    """Every command with its help, as the program prints it."""
    text = "# Commands\n\nData goes to standard output, all else to standard error.\n"
    for path, command in commands(natgate, "natgate"):
        context = click.Context(command, info_name=path, terminal_width=WIDTH)
        text += f"\n## {path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"
    return f"{text}\n## netstat-nat\n\n```text\n{NETSTAT_NAT}```\n"


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """A command and all below it, with their full names."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in sorted(command.list_commands(context)):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from commands(inner, f"{path} {name}")


def spec() -> str:
    """The spec, field by field."""
    return f"# The spec\n\n{words.SPEC}\n{model(Spec)}"


def lab_scene() -> str:
    """The scene of a lab, and its faults."""
    text = f"# Scenes and faults of the lab\n\n{words.SCENE}\n{model(Scene, {'Spec': 'spec.md'})}"
    text += "\n## Faults\n\n" + head("kind", "what happens")
    for fault in FAULTS.values():
        text += row(f"`{fault.kind}`", fault.summary)
    return text


def routes() -> str:
    """The file of routes, field by field."""
    return f"# Files of routes\n\n{words.ROUTES}\n{model(Topology)}"


def demo() -> str:
    """The document of `natgate lab demo --json`."""
    return f"# The demo's JSON\n\n{words.DEMO}\n{model(Result)}"


def warnings() -> str:
    """The catalogue of warnings."""
    text = f"# Warnings\n\n{words.WARNINGS}\n"
    for kind in CATALOGUE.values():
        text += f"\n## {kind.code}\n\n**{kind.severity}** · {kind.meaning}\n\n"
        text += f"Way out: {kind.way_out}\n"
    return text


def exit_codes() -> str:
    """Exit codes, from the classes that carry them."""
    found = [(0, "", "done"), (2, "", "an unknown command or option, or a missing one")]
    found += [(each.exit_code, f"`{each.__name__}`", _first_line(each)) for each in _families()]
    found += [(CHANGES_PENDING, "", "`natgate plan --exit-code` found changes")]
    found += [(DIFFERENT, "", "`natgate trace` found something DIFFERENT")]
    found += [(BROKEN, "", "`natgate agent` met a failure nobody foresaw, to be started anew")]
    text = f"# Exit codes\n\n{words.EXIT_CODES}\n" + head("code", "error", "meaning")
    return text + "".join(row(str(code), name, said) for code, name, said in sorted(found))


def _families() -> list[type[error.NatgateError]]:
    every = error.NatgateError.__subclasses__()
    return [each for each in every if each.__module__ == error.__name__]


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").splitlines()[0]


def status_json() -> str:
    """The status object: an example made by the code, and what each key means."""
    built_in = catalogue.prepared(catalogue.DEFAULT_SCENE).spec
    state = begin(setup_of(built_in, "node-a"), 0.0)
    shown = warning("not-owned", "node-a", "the table is not owned: host.ownership is off")
    example = status(
        spec=built_in, state=state, node="node-a", generation=1, warnings=[shown], now=0.0
    )
    text = f"# The status object\n\n{words.STATUS}"
    text += f"\n```json\n{json.dumps(example, indent=2)}\n```\n\n" + head("key", "meaning")
    for key, meaning in explained(keys(example), words.STATUS_KEYS):
        text += row(f"`{key}`", meaning)
    return text


def explained(names: Iterable[str], meanings: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each name with its meaning; ValueError if one has none, or a meaning has no name."""
    wanted = list(names)
    if set(wanted) != meanings.keys():
        raise ValueError(f"explain these in tools/words.py: {set(wanted) ^ meanings.keys()}")
    return [(name, meanings[name]) for name in wanted]


def keys(value: object, path: str = "") -> Iterator[str]:
    """Every key of a document with its path, each once."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{path}{name}"
            yield from keys(inner, f"{path}{name}.")
    elif isinstance(value, list) and value:
        yield from keys(value[0], f"{path.removesuffix('.')}[].")


def api() -> str:
    """The routes of the agent's HTTP interface, and its counters."""
    text = f"# The agent's HTTP interface\n\n{words.API}\n" + head("request", "answer")
    for route in make_app(cast("Agent", None), cast("Metrics", None)).routes:
        if isinstance(route, APIRoute):
            method = min(route.methods or ())
            text += row(f"`{method} {route.path}`", _first_line(route.endpoint))
    text += f"\n## Counters\n\n{words.COUNTERS}\n" + head("name", "packets")
    limits = f"{OVER} ADDRESS DIRECTION"
    names = (
        *COUNTERS,
        *HANDOVER_COUNTERS,
        *NODES_COUNTERS,
        CLIENT_LIMIT,
        "guard",
        limits,
        "GATEWAY/ENTRY",
    )
    for name, meaning in explained(names, words.COUNTER_NAMES):
        text += row(f"`{name}`", meaning)
    return text


def metrics() -> str:
    """The catalogue of metrics."""
    text = f"# Metrics\n\n{words.METRICS}\n" + head("metric", "kind, unit", "labels", "meaning")
    for metric in METRICS.values():
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        text += row(f"`{metric.name}`", f"{metric.kind}, {metric.unit}", labels, metric.meaning)
    text += f"\n## Beside the clouds\n\n{words.CLOUDS}\n" + head("natgate", "AWS", "Alibaba Cloud")
    for metric in METRICS.values():
        if metric.aws or metric.alibaba:
            text += row(f"`{metric.name}`", metric.aws or "-", metric.alibaba or "-")
    return text


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli,
    "spec.md": spec,
    "status.md": status_json,
    "warnings.md": warnings,
    "exit-codes.md": exit_codes,
    "api.md": api,
    "metrics.md": metrics,
    "lab-scene.md": lab_scene,
    "lab-demo.md": demo,
    "routes.md": routes,
}


def main(arguments: list[str]) -> int:
    """Write the pages; with --check only say which differ, and exit with 1 if any does."""
    stale = []
    for name, page in PAGES.items():
        path, text = DIRECTORY / name, NOTICE + page()
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.write_text(text)
    sys.stdout.write("".join(f"docs/reference/{name}: written anew\n" for name in stale))
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
