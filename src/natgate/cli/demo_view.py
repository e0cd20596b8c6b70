"""How the demo looks: the same lines everywhere, and on a terminal a live strip of the probes."""

import time
from collections import defaultdict, deque
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from natgate.cli import output
from natgate.lab.events import (
    Event,
    FaultBegan,
    FaultEnded,
    FaultInjected,
    LabBuilt,
    Outcome,
    Result,
    SourceSeen,
)
from natgate.lab.watch import Sampled

STRIP = 50
"""Characters of the live strip, 100 ms each: 5 s."""

BLOCKS = "·▁▂▃▄▅▆▇█"
"""The answered share of the worst probe kind; a dot is an outage."""

BY_HAND = {
    "node-dead": "2-3 s",
    "rules-deleted": "62 s",
    "ruleset-flushed": "62 s",
    "forwarding-off": "62 s",
    "upstream-dead": "62 s",
}
"""What a pair built by hand on AWS needed: its check ran every 30 s; it had no agent to stop."""

NOTES = """\
OUTAGE    the longest run of lost probes, 10 ms apart: new UDP flows, new TCP connections,
          one continuing UDP flow; the worst of these at the worst client
LOST      probes lost, of all kinds at all clients, of {sent} sent for each fault on average
WRONG     packets that reached a target with a source it does not admit
OPEN TCP  an established, echoed connection: whether it survived, and its longest stall
BY HAND   a published pair of SNAT instances on AWS, with alarms and a function that moves routes:
          62 s for a deleted rule (a check each 30 s, the same one for forwarding and upstream),
          2-3 s for a stopped node; open connections were lost"""

MACHINE = """\
Measured on kernel {kernel} with {cores} cores, in {network}, by probes {interval} ms
apart: real packets and real agents, but no cloud API, whose time to change a route comes on top."""


class View:
    """Plain lines: what is left on the screen when the demo is over."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.pictured = False

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""

    def line(self, text: str = "", style: str | None = None) -> None:
        """One line, coloured on a terminal only."""
        self.console.print(text, style=style, markup=False)

    def say(self, step: str) -> None:
        """A step of building."""
        self.line(f"  {step}", "dim")

    def show(self, event: Event) -> None:
        """The lines of one event."""
        match event:
            case LabBuilt():
                self._built(event)
            case SourceSeen():
                self.line(f"\n{event.client}$ curl {event.url}", "bold")
                self.line(event.answer)
                self.line(f"{event.target} logged: {event.logged}", "dim")
            case FaultBegan():
                unowned = ", ownership off" if event.ownership == "off" else ""
                self.line(f"\n{event.kind} on {event.node}{unowned}", "bold")
            case FaultInjected():
                self.line(f"  {event.happened}")
            case FaultEnded():
                for line in _cost(event.outcome):
                    self.line(f"  {line}", "green" if _good(event.outcome) else "red")

    def _built(self, event: LabBuilt) -> None:
        if not self.pictured:
            self.line(f"\n{event.picture}")
            self.pictured = True
        else:
            self.line(
                "\nThe same lab again with ownership of the nftables table switched off, as on a "
                "kernel before 6.9:\nnow a foreign flush succeeds, and the agent repairs it."
            )


class LiveView(View):
    """The same lines, and below them how the probes fare at this moment."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.live = Live(console=console, transient=True, auto_refresh=False)
        self.began = 0.0
        self.strips: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=STRIP))

    def __enter__(self) -> Self:
        """Take the lower part of the terminal."""
        self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the terminal back."""
        self.live.stop()

    def say(self, step: str) -> None:
        """A step of building, which ends whatever went on before."""
        self.live.update("", refresh=True)
        super().say(step)

    def show(self, event: Event) -> None:
        """The lines of one event, or one more character of a strip."""
        super().show(event)
        match event:
            case FaultBegan():
                self.strips.clear()
            case FaultInjected():
                self.began = time.monotonic()
            case Sampled():
                self.strips[event.client].append(event.share)
                self.live.update(self._region(), refresh=True)
            case FaultEnded():
                self.began = 0.0
                self.live.update(Text("  healing ...", style="dim"), refresh=True)

    def _region(self) -> Group:
        width = max(map(len, self.strips))
        rows = [
            _strip(client.ljust(width), shares) for client, shares in sorted(self.strips.items())
        ]
        since = f"{time.monotonic() - self.began:4.1f} s since the fault" if self.began else ""
        return Group(*rows, Text(f"  {'':{width}}  {since}", style="dim"))


def _strip(label: str, shares: deque[float]) -> Text:
    row = Text(f"  {label}  ")
    for share in shares:
        row.append(BLOCKS[int(share * (len(BLOCKS) - 1))], "green" if share == 1 else "red")
    return row


def _good(outcome: Outcome) -> bool:
    return outcome.wrong_source_packets == 0


def _active(outcome: Outcome) -> str:
    if outcome.repaired_in_place:
        return f"{outcome.node} stayed"
    return f"{outcome.active_before} -> {outcome.active_after}"


def _cost(outcome: Outcome) -> tuple[str, str]:
    """What a fault cost, in two lines."""
    lost = f"{outcome.probes_lost} of {outcome.probes_sent} probes lost"
    moved = f"moved from {outcome.active_before} to {outcome.active_after}"
    gateway = f"stayed with {outcome.node}" if outcome.repaired_in_place else moved
    return (
        f"outage {outcome.outage_ms} ms: {lost}; the gateway {gateway}",
        f"{outcome.wrong_source_packets} packets with a wrong source; open TCP: {_tcp(outcome)}",
    )


def _tcp(outcome: Outcome) -> str:
    if outcome.established_tcp == "lost":
        return "lost"
    return f"survived, {outcome.stall_ms:.0f} ms"


def print_result(console: Console, result: Result) -> None:
    """The closing table beside those of a pair built by hand, and what was measured on what."""
    table = output.table("FAULT", "OUTAGE", "LOST", "WRONG", "ACTIVE NODE", "OPEN TCP", "BY HAND")
    for found in result.faults:
        table.add_row(
            found.kind + "*" * (found.ownership == "off"),
            f"{found.outage_ms} ms",
            str(found.probes_lost),
            str(found.wrong_source_packets),
            _active(found),
            _tcp(found),
            BY_HAND.get(found.kind, "-"),
        )
    console.print()
    console.print(table)
    sent = sum(found.probes_sent for found in result.faults) // max(len(result.faults), 1)
    console.print("\n" + NOTES.format(sent=sent), markup=False, style="dim")
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
