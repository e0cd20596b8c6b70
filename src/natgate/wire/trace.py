"""A trace as plain data, and what is traced as people write it: tcp:443, udp:53, icmp."""

import re
from typing import Any

from natgate.model.trace import Hop, Packet, Protocol, Trace

_ASKED = re.compile(r"^(tcp|udp):(\d{1,5})$")
_LAST_PORT = 65535


def parse_protocol(text: str) -> tuple[Protocol, int | None]:
    """Protocol and destination port; ValueError with the way out."""
    if text == "icmp":
        return "icmp", None
    match = _ASKED.match(text)
    port = int(match[2]) if match else 0
    if match is None or not 1 <= port <= _LAST_PORT:
        raise ValueError(f"{text!r} is not tcp:443, udp:53 or icmp")
    return "tcp" if match[1] == "tcp" else "udp", port


def trace_data(trace: Trace) -> dict[str, Any]:
    """The document of `natgate trace --json`; `predicted` is a list where there is a choice."""
    possible = [str(source) for source in trace.possible]
    predicted: str | list[str] | None = possible if len(possible) > 1 else _text(trace.predicted)
    data: dict[str, Any] = {
        "hops": [_hop(hop) for hop in trace.hops],
        "source_at_target": {
            "predicted": predicted,
            "dry_run": _text(trace.dry_run),
            "observed": _text(trace.observed),
        },
        "match": trace.match,
        "reason": trace.reason,
    }
    return data if trace.query is None else {**data, "query": trace_data(trace.query)}


def _hop(hop: Hop) -> dict[str, Any]:
    return {
        "host": hop.host,
        "role": hop.role,
        "in": hop.link,
        "table": hop.table,
        "prefix": _text(hop.prefix),
        "next_hop": hop.next_hop,
        "out": hop.out,
        "verdict": hop.verdict,
        "entry": hop.entry,
        "rule": hop.rule,
        "after": _packet(hop.after),
        "sources": [str(source) for source in hop.sources],
        "note": hop.note,
    }


def _packet(packet: Packet) -> dict[str, Any]:
    return {
        "protocol": packet.protocol,
        "source": str(packet.source),
        "source_port": packet.source_port,
        "destination": str(packet.destination),
        "destination_port": packet.destination_port,
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
