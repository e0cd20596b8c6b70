"""The history of a log, one JSON object a line: starts, stops and gaps.

`render_entry` and `parse_history` are a pair. A line that a kill cut short is left out.
"""

import json
from collections.abc import Iterator
from typing import Any

from natgate.model.error import HostError
from natgate.model.logged import Entry, Gap, Reason, Run, Stop


def render_entry(entry: Entry) -> str:
    """One line with its end."""
    return json.dumps(_document(entry)) + "\n"


def _document(entry: Entry) -> dict[str, Any]:
    if isinstance(entry, Gap):
        return {"gap": entry.reason, "from": entry.start, "to": entry.stop}
    if isinstance(entry, Stop):
        return {"stop": entry.at}
    told = {"destinations": entry.destinations, "retention": entry.retention, "new": entry.new}
    return {"start": entry.at, **told}


def parse_history(text: str, name: str) -> tuple[Entry, ...]:
    """Every entry in order; HostError if a line that is whole says nothing that can be."""
    return tuple(_entries(text, name))


def _entries(text: str, name: str) -> Iterator[Entry]:
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if not line.endswith("\n"):
            return
        try:
            yield _entry(json.loads(line))
        except (ValueError, KeyError, TypeError):
            raise HostError(f"{name}: line {number} is no entry of a log's history") from None


def _entry(found: dict[str, Any]) -> Entry:
    if "gap" in found:
        return Gap(start=int(found["from"]), stop=int(found["to"]), reason=Reason(found["gap"]))
    if "stop" in found:
        return Stop(at=int(found["stop"]))
    return Run(
        at=int(found["start"]),
        destinations=int(found["destinations"]),
        retention=int(found["retention"]),
        new=bool(found["new"]),
    )
