"""Flows as people and programs read them: a table, JSON, CSV."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from natgate.model.open_flow import (
    DESTINATION_TRANSLATED,
    SOURCE_TRANSLATED,
    WITH_PORTS,
    OpenFlow,
    address_text,
    protocol_text,
    state_of,
)

NONE = "-"
HEADINGS = (
    "KIND", "PROTO", "FROM", "SEEN AS", "TO", "REACHES", "STATE", "LEFT", "AGE", "PACKETS",
    "BYTES", "ENTRY", "NODE",
)  # fmt: skip
RIGHT = frozenset({"LEFT", "AGE", "PACKETS", "BYTES", "FLOWS"})
BOLD, PLAIN = "\033[1m", "\033[0m"
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A flow with what is to be said of it; `idle` in seconds, `now` in nanoseconds since 1970."""

    flow: OpenFlow
    now: int
    entry: str = ""
    node: str = ""
    idle: int | None = None


def cells(shown: Shown) -> tuple[str, ...]:
    """One line of the table, a cell for each heading."""
    flow, age = shown.flow, _age(shown)
    packets, size = flow.packets + flow.reply_packets, flow.bytes + flow.reply_bytes
    asked = (flow.destination, _port(flow, flow.destination_port))
    reached = (flow.reply_source, _port(flow, flow.reply_source_port))
    seen_port = flow.reply_source_port if flow.is_echo else flow.reply_destination_port
    return (
        flow.kind,
        protocol_text(flow.protocol),
        end_text(flow.family, flow.source, flow.source_port if _has_ports(flow) else None),
        end_text(flow.family, flow.reply_destination, seen_port if _has_ports(flow) else None)
        if flow.status & SOURCE_TRANSLATED
        else NONE,
        end_text(flow.family, *asked),
        end_text(flow.family, *reached) if flow.status & DESTINATION_TRANSLATED else NONE,
        state_of(flow),
        duration_text(flow.timeout),
        NONE if age is None else duration_text(age),
        amount_text(packets) if packets else NONE,
        amount_text(size) if packets else NONE,
        shown.entry or NONE,
        shown.node or NONE,
    )


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, colour: bool = False) -> str:
    """Aligned lines under their headings; a column in which nothing stands is left out."""
    kept = [i for i in range(len(headings)) if any(row[i] != NONE for row in rows)]
    widths = {i: max(len(headings[i]), *(len(row[i]) for row in rows)) for i in kept}

    def line(row: Sequence[str]) -> str:
        padded = (
            row[i].rjust(widths[i]) if headings[i] in RIGHT else row[i].ljust(widths[i])
            for i in kept
        )
        return "  ".join(padded).rstrip()

    head = line(headings)
    return "\n".join((f"{BOLD}{head}{PLAIN}" if colour else head, *map(line, rows))) + "\n"


def as_json(shown: Shown) -> dict[str, Any]:
    """Everything that is known of a flow; null is what the kernel does not tell."""
    flow, counted = shown.flow, bool(shown.flow.packets)
    return {
        "kind": flow.kind,
        "protocol": protocol_text(flow.protocol),
        **_end("source", flow, flow.source, flow.source_port),
        **_end("destination", flow, flow.destination, flow.destination_port),
        **_end("reply_source", flow, flow.reply_source, flow.reply_source_port),
        **_end("reply_destination", flow, flow.reply_destination, flow.reply_destination_port),
        "client": address_text(flow.family, flow.client),
        **_end("address", flow, flow.address, flow.address_port),
        "entry": shown.entry or None,
        "node": shown.node or None,
        "state": state_of(flow),
        "timeout_s": flow.timeout,
        "idle_s": shown.idle,
        "age_s": _age(shown),
        "packets": flow.packets if counted else None,
        "bytes": flow.bytes if counted else None,
        "reply_packets": flow.reply_packets if counted else None,
        "reply_bytes": flow.reply_bytes if counted else None,
        "mark": flow.mark,
        "zone": flow.zone,
        "status": flow.status,
        "id": flow.id,
    }


def end_text(family: int, address: int, port: int | None) -> str:
    """An address with its port, or with the id of an echo."""
    text = address_text(family, address)
    if port is None:
        return text
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"


def duration_text(seconds: int) -> str:
    """Seconds in two units at most: 45s, 14m52s, 3h05m, 4d02h."""
    if seconds < 60:  # noqa: PLR2004 (seconds in a minute)
        return f"{seconds}s"
    for unit, smaller, size, below in (("m", "s", 60, 3600), ("h", "m", 3600, 86400)):
        if seconds < below:
            return f"{seconds // size}{unit}{seconds % size // (size // 60):02}{smaller}"
    return f"{seconds // 86400}d{seconds % 86400 // 3600:02}h"


def amount_text(number: int) -> str:
    """A number in three digits or so: 999, 12.3k, 4.56M."""
    value, units = float(number), iter("kMGTPE")
    unit = ""
    while value >= 999.5:  # noqa: PLR2004 (three digits)
        value, unit = value / 1000, next(units)
    return f"{value:.3g}{unit}"


def grouped(by: str, groups: Iterable[tuple[str, int, int, int]], *, colour: bool = False) -> str:
    """Groups with their flows, packets and bytes, in the order in which they come."""
    rows = [
        (name or NONE, str(flows), *(amount_text(n) if n else NONE for n in amounts))
        for name, flows, *amounts in groups
    ]
    return table((by.upper(), "FLOWS", "PACKETS", "BYTES"), rows, colour=colour)


def _has_ports(flow: OpenFlow) -> bool:
    return flow.is_echo or _port(flow, 0) is not None


def _port(flow: OpenFlow, port: int) -> int | None:
    """The port, where the protocol has any; an echo has an id on one side only."""
    ported = flow.protocol in WITH_PORTS or bool(flow.destination_port or flow.source_port)
    return port if ported and not flow.is_echo else None


def _end(name: str, flow: OpenFlow, address: int, port: int) -> dict[str, Any]:
    known = port if _has_ports(flow) and (port or not flow.is_echo) else None
    return {name: address_text(flow.family, address), f"{name}_port": known}


def _age(shown: Shown) -> int | None:
    """Whole seconds since the flow began."""
    start = shown.flow.start_ns
    return max(0, shown.now - start) // _SECOND_NS if start else None
