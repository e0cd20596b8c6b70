"""A trace for people: a line for each hop, then what the target sees."""

from natgate.cli.output import out, table
from natgate.model.trace import Hop, Trace

COLOURS = {"translated": "green", "delivered": "bold", "dropped": "red", "lost": "red"}
_COLUMNS = ("HOST", "IN", "TABLE", "PREFIX", "NEXT HOP", "OUT", "WHAT", "SOURCE -> DESTINATION")


def show(trace: Trace, *, title: str = "") -> None:
    """The whole trace; that of the question for a name comes first."""
    if trace.query is not None:
        show(trace.query, title="the question for the name")
        out().print()
        title = "the packet itself"
    if title:
        out().print(f"[bold]{title}[/bold]")
    grid = table(*_COLUMNS)
    for hop in trace.hops:
        grid.add_row(*_row(hop))
    out().print(grid)
    for hop in trace.hops:
        if hop.note is not None and hop.verdict not in {"dropped", "lost"}:
            out().print(f"  {hop.host}: {hop.note}", style="dim", markup=False)
    out().print()
    out().print(_last(trace), soft_wrap=True)


def _row(hop: Hop) -> tuple[str, ...]:
    colour = COLOURS.get(hop.verdict)
    what = _what(hop)
    way = str(hop.after)
    return (
        hop.host,
        hop.link or "-",
        hop.table or "-",
        "-" if hop.prefix is None else str(hop.prefix),
        hop.next_hop or "-",
        hop.out or "-",
        f"[{colour}]{what}[/{colour}]" if colour else what,
        f"[green]{way}[/green]" if hop.verdict == "translated" else way,
    )


def _what(hop: Hop) -> str:
    """The entry or the rule, where there is one; else what becomes of it."""
    if hop.verdict == "translated":
        by = f" ({hop.rule})" if hop.rule not in {None, hop.entry} else ""
        return f"{hop.entry}{by}"
    return f"{hop.verdict}: {hop.rule}" if hop.rule else hop.verdict


def _last(trace: Trace) -> str:
    sources = " or ".join(map(str, trace.possible)) or "nothing arrives"
    said = [f"predicted {sources}"]
    for level, source in (("dry_run", trace.dry_run), ("observed", trace.observed)):
        if level in trace.tried:
            name = level.replace("_", " ")
            said.append(f"{name} {'nothing' if source is None else source}")
    line = f"source seen at the target: {', '.join(said)}"
    if trace.match is None:
        return line if trace.reason is None else f"{line}\n{_plain(trace.reason)}"
    verdict = "[bold green]MATCH[/bold green]" if trace.match else "[bold red]DIFFERENT[/bold red]"
    reason = "" if trace.reason is None else f": {_plain(trace.reason)}"
    return f"{line}\n{verdict}{reason}"


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
