"""A trace for people: a line for each hop, then what the target sees."""

from natgate.cli.output import PIPED_WIDTH, out, table
from natgate.model.trace import Hop, Trace
from natgate.plan.trace_compare import at_node

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
    _show_hops([_row(hop) for hop in trace.hops])
    for hop in trace.hops:
        if hop.note is not None and hop.verdict not in {"dropped", "lost"}:
            out().print(f"  {hop.host}: {hop.note}", style="dim", markup=False)
    out().print()
    out().print(_last(trace), soft_wrap=True)


def _show_hops(rows: list[tuple[str, ...]]) -> None:
    """One line each; on a terminal too narrow for that, the packet has a line of its own below."""
    console = out()
    grid = table(*_COLUMNS)
    for row in rows:
        grid.add_row(*row)
    wide = console.options.update(max_width=PIPED_WIDTH)
    if console.measure(grid, options=wide).maximum <= console.width:
        console.print(grid)
        return
    grid = table(*_COLUMNS[:-1])
    for row in rows:
        grid.add_row(*row[:-1])
    console.width = PIPED_WIDTH
    with console.capture() as held:
        console.print(grid)
    head, *lines = held.get().splitlines()
    console.out(head.rstrip(), highlight=False)
    for line, row in zip(lines, rows, strict=True):
        console.out(line.rstrip(), highlight=False)
        console.print(f"    {row[-1]}")


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
            said.append(f"{name} {'nothing' if source is None else source}{_where(trace, level)}")
    line = f"source seen at the target: {', '.join(said)}"
    reason = "" if trace.reason is None else f": {_plain(trace.reason)}"
    if trace.match is None:
        return f"{line}{reason}"
    verdict = "[bold green]MATCH[/bold green]" if trace.match else "[bold red]DIFFERENT[/bold red]"
    return f"{line}: {verdict}{reason}"


def _where(trace: Trace, level: str) -> str:
    """A dry run ends at the node: it is no source at the target if the packet is lost beyond it."""
    found = at_node(trace)
    if level != "dry_run" or None in {found, trace.dry_run} or trace.predicted is not None:
        return ""
    return f" (leaving {found[0].host})" if found else ""


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
