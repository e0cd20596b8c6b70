"""How the demo looks: the same lines everywhere, and on a terminal a live strip of the probes."""

import time
from collections import defaultdict, deque
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from natgate.cli import output
from natgate.cli.demo_cloud import api_lines, back_line
from natgate.lab.events import (
    Event,
    FaultBegan,
    FaultEnded,
    FaultInjected,
    LabBuilt,
    NodeBack,
    Outcome,
    Result,
    SourceSeen,
)
from natgate.lab.watch import Sampled

STRIP = 50
"""Characters of the live strip, 100 ms each: 5 s."""

BLOCKS = "·▁▂▃▄▅▆▇█"
"""The answered share of the worst probe kind, or the download's rate; a dot is none at all."""

NEARLY = 0.9
"""The share of its rate from which on a download counts as undisturbed."""

BY_HAND = {
    "node-dead": "2-3 s",
    "rules-deleted": "62 s",
    "ruleset-flushed": "62 s",
    "forwarding-off": "62 s",
    "upstream-dead": "62 s",
}
"""What a pair built by hand on AWS needed: its check ran every 30 s; it had no agent to stop."""

MODES = {
    "active-standby": "one node carries the address, the other waits",
    "active-active": "every node forwards its own zone, behind one address",
}
"""What each mode means, in a few words."""

NOTES = """\
OUTAGE    the longest run of lost probes, 10 ms apart: new UDP flows, new TCP
          connections, one continuing UDP flow; the worst at the worst client
WRONG     packets that reached a target with a source it does not admit
GOES ON   who carries what the broken node carried: itself, or -> another
DOWNLOAD  a TCP connection at 100 Mbit/s, opened before the fault
STREAM    a TCP connection with a message each 10 ms, opened before the fault
STALL     how long download or stream stood still, at the worst client
BY HAND   a published pair of SNAT instances on AWS, with alarms and a function
          that moves routes: 62 s for a deleted rule (a check each 30 s, the
          same one for forwarding and upstream), 2-3 s for a stopped node; open
          connections were lost"""

MACHINE = """\
Measured on kernel {kernel} with {cores} cores, in {network},
by probes {interval} ms apart: real packets and real agents, but no cloud API,
whose time to change a route comes on top."""


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
                for line, good in api_lines(event.outcome):
                    self.line(f"  {line}", "green" if good else "red")
            case NodeBack():
                self.line(f"  {back_line(event)}", "red" if event.rejoin.failed_back else "green")

    def _built(self, event: LabBuilt) -> None:
        if not self.pictured:
            self.line(f"\n{event.picture}")
            self.pictured = True
        if event.ownership == "off":
            self.line(
                "\nThe same lab again with ownership of the nftables table switched off, as on\n"
                "a kernel before 6.9: now a foreign flush succeeds, and the agent repairs it."
            )
        else:
            self.line(f"\n{_headline(event.mode)}", "bold")


class LiveView(View):
    """The same lines, and below them how the probes fare at this moment."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.live = Live(console=console, transient=True, auto_refresh=False)
        self.began = 0.0
        self.strips: dict[tuple[str, str], deque[float]] = defaultdict(lambda: deque(maxlen=STRIP))

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
                self.strips[event.client, "probes"].append(event.share)
                self.strips[event.client, "download"].append(event.downloaded)
                self.live.update(self._region(), refresh=True)
            case FaultEnded():
                self.began = 0.0
                self.live.update(Text("  healing ...", style="dim"), refresh=True)

    def _region(self) -> Group:
        width = max(len(client) for client, _ in self.strips)
        rows = [
            _strip(f"{client:{width}}  {what:8}", shares)
            for (client, what), shares in sorted(self.strips.items(), key=_place)
        ]
        since = f"{time.monotonic() - self.began:4.1f} s since the fault" if self.began else ""
        return Group(*rows, Text(f"  {'':{width}}  {'':8}  {since}", style="dim"))


def _place(item: tuple[tuple[str, str], object]) -> tuple[str, bool]:
    """Clients by name; the probes of each before its download."""
    (client, what), _ = item
    return client, what == "download"


def _strip(label: str, shares: deque[float]) -> Text:
    row = Text(f"  {label}  ")
    enough = NEARLY if "download" in label else 1
    for share in shares:
        row.append(BLOCKS[round(share * (len(BLOCKS) - 1))], "green" if share >= enough else "red")
    return row


def _good(outcome: Outcome) -> bool:
    survived = outcome.download_survived and outcome.stream_survived
    return survived and outcome.wrong_source_packets == 0


def _headline(mode: str) -> str:
    return f"{mode}: {MODES[mode]}" if mode in MODES else mode


def _cost(outcome: Outcome) -> tuple[str, str, str]:
    """What a fault cost, in three lines."""
    lost = f"{outcome.probes_lost} of {outcome.probes_sent} probes lost"
    apart = ", ".join(f"{client} {ms} ms" for client, ms in outcome.outage_by_client.items())
    outage = f"{outcome.outage_ms} ms" + (f" ({apart})" if outcome.outage_ms else "")
    moved = f"{outcome.active_before} -> {outcome.active_after}"
    went_on = f"{outcome.node} goes on" if outcome.repaired_in_place else moved
    return (
        f"outage {outage}; {went_on}",
        f"{lost}; {outcome.wrong_source_packets} packets with a wrong source",
        f"download {_fate(survived=outcome.download_survived, stall=outcome.download_stall_ms)}; "
        f"stream {_fate(survived=outcome.stream_survived, stall=outcome.stream_stall_ms)}",
    )


def _fate(*, survived: bool, stall: float) -> str:
    return f"survived, stalled {stall:.0f} ms" if survived else "lost"


def _row(found: Outcome) -> tuple[str, ...]:
    """One line of the closing table."""
    lasted = found.download_survived and found.stream_survived
    return (
        found.kind + "*" * (found.ownership == "off") + "+" * (not found.carried_returns),
        f"{found.outage_ms} ms",
        str(found.wrong_source_packets),
        found.node if found.repaired_in_place else f"-> {found.active_after or 'nobody'}",
        "survived" if found.download_survived else "lost",
        "survived" if found.stream_survived else "lost",
        f"{found.stall_ms:.0f} ms" if lasted else "-",
        BY_HAND.get(found.kind, "-"),
    )


COLUMNS = ("FAULT", "OUTAGE", "WRONG", "GOES ON", "DOWNLOAD", "STREAM", "STALL", "BY HAND")


def print_result(console: Console, result: Result) -> None:
    """The closing tables beside a pair built by hand, and what was measured on what."""
    for mode in dict.fromkeys(found.mode for found in result.faults):
        rows = [_row(found) for found in result.faults if found.mode == mode]
        table = output.table(*COLUMNS)
        for row in rows:
            table.add_row(*row)
        console.print(f"\n{_headline(mode)}\n", style="bold", markup=False)
        console.print(table)
    console.print("\n" + NOTES, markup=False, style="dim")
    if any(found.ownership == "off" for found in result.faults):
        console.print("*         ownership off, as on a kernel before 6.9", style="dim")
    if not all(found.carried_returns for found in result.faults):
        console.print(
            "+         of a node that carries its own zone, but not the returns", style="dim"
        )
    machine = result.machine
    text = MACHINE.format(
        interval=machine.probe_interval_ms,
        kernel=machine.kernel,
        cores=machine.cores,
        network=machine.network,
    )
    console.print("\n" + text, markup=False)
