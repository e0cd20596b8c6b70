"""How the demo on a cloud looks: what came of a fault at the API, and the closing table."""

from collections.abc import Iterator

from rich.console import Console

from natgate.cli import output
from natgate.lab.clouded import ALLOWED_MS, MODE
from natgate.lab.events import NodeBack, Outcome, Result

COLUMNS = (
    *("FAULT", "OUTAGE", "API", "MOVED BY", "WRONG", "DOWNLOAD", "STREAM"),
    *("TABLES", "BACK", "PROMISE"),
)

NOTES = f"""\
OUTAGE    the longest run of lost probes, 10 ms apart, the worst at the worst client
API       what the API took for the routes of the take-over, by the journal of the
          node that took over; - where that node moved none
MOVED BY  who moved the routes: the node that took over, or the referee, whom the
          lab tells of a stopped instance at once and EventBridge later
WRONG     packets that reached a target with a source it does not admit
DOWNLOAD  a TCP connection at 100 Mbit/s, opened before the fault
STREAM    a TCP connection with a message each 10 ms, opened before the fault
TABLES    the node that the edge table and the clients' tables lead to, by the API
BACK      the broken node is fit again, as a new instance or the same one, and
          stands by; or it FAILED BACK; "repaired" if no route was moved
PROMISE   kept: an outage of {ALLOWED_MS} ms at most plus the API's time, the download
          survived, no packet with a wrong source"""

MACHINE = """\
Measured on kernel {kernel} with {cores} cores, in {network},
by probes {interval} ms apart: real packets and real agents. The API is the lab's own,
like EC2's; AWS takes longer to answer, and EventBridge to tell the referee."""


def api_lines(found: Outcome) -> Iterator[tuple[str, bool]]:
    """What came of a fault at the API, if there is one: lines, and whether each is good."""
    api = found.api
    if api is None:
        return
    took = "" if api.routes_ms is None else f", the API took {api.routes_ms:.0f} ms"
    led = ", ".join(f"{table} {node or 'nobody'}" for table, node in api.carriers.items())
    yield f"routes moved by {_movers(found)}{took}; tables by the API: {led}", api.one_node
    yield f"promise {_promise(found)}: outage of at most {_limit(found)} ms", api.accepted


def back_line(event: NodeBack) -> str:
    """How the broken node came back."""
    back = event.rejoin
    what = "a new instance" if back.replaced else "the same instance"
    then = "it FAILED BACK" if back.failed_back else "no failback"
    return f"{event.node} is fit again, {what} ({back.instance}); {then}"


def print_on_cloud(console: Console, result: Result) -> None:
    """The closing table, what its columns mean, and whether all is as promised."""
    table = output.table(*COLUMNS)
    for found in result.faults:
        table.add_row(*_row(found))
    console.print(f"\n{MODE} on the lab's own cloud\n", style="bold", markup=False)
    console.print(table)
    console.print("\n" + NOTES, markup=False, style="dim")
    if any(found.ownership == "off" for found in result.faults):
        console.print("*         ownership off, as on a kernel before 6.9", style="dim")
    machine = result.machine
    text = MACHINE.format(
        interval=machine.probe_interval_ms,
        kernel=machine.kernel,
        cores=machine.cores,
        network=machine.network,
    )
    console.print("\n" + text, markup=False)
    broken = [found.kind for found in result.faults if _promise(found) == "BROKEN"]
    said = (
        f"BROKEN by {', '.join(broken)}" if broken else f"kept by all {len(result.faults)} faults"
    )
    console.print(f"\nThe promise was {said}.", style="red" if broken else "green", markup=False)


def _row(found: Outcome) -> tuple[str, ...]:
    took = found.api.routes_ms if found.api else None
    return (
        found.kind + "*" * (found.ownership == "off"),
        f"{found.outage_ms} ms",
        "-" if took is None else f"{took:.0f} ms",
        _movers(found),
        str(found.wrong_source_packets),
        "survived" if found.download_survived else "lost",
        "survived" if found.stream_survived else "lost",
        _tables(found),
        _back(found),
        _promise(found),
    )


def _movers(found: Outcome) -> str:
    """Who moved the routes; "unknown" if they moved and neither journal nor log tells by whom."""
    if found.repaired_in_place:
        return "nobody"
    return ", ".join(found.api.moved_by if found.api else ()) or "unknown"


def _tables(found: Outcome) -> str:
    if found.api is None or not found.api.one_node:
        return "DIVIDED"
    return next(iter(found.api.carriers.values())) or "nobody"


def _back(found: Outcome) -> str:
    if found.rejoin is None or (found.repaired_in_place and not found.rejoin.replaced):
        return "repaired"
    if found.rejoin.failed_back:
        return "FAILED BACK"
    return "new instance" if found.rejoin.replaced else "same instance"


def _promise(found: Outcome) -> str:
    return "kept" if found.api is not None and found.api.accepted else "BROKEN"


def _limit(found: Outcome) -> str:
    took = found.api.routes_ms if found.api else None
    return f"{ALLOWED_MS} + {took:.0f}" if took is not None else str(ALLOWED_MS)
