"""Edits as a program sends them and as the store keeps them."""

import json
from typing import Any

from natgate.model.edit import KINDS, AddEntry, Edit, RemoveEntry
from natgate.model.error import Problem, SpecError
from natgate.wire.config import fail_if_any, validate


def parse_entry(gateway: str, kind: str, data: object) -> AddEntry:
    """An entry to be added, as a spec would say it; else a SpecError with every problem."""
    if kind not in KINDS:
        message = f"{kind} is no kind of entry: {', '.join(KINDS)}"
        raise SpecError((Problem(path="kind", message=message),), source="entry")
    found: list[Problem] = []
    entry: Any = validate(data, KINDS[kind], found)
    fail_if_any(found, {}, "entry")
    return AddEntry(gateway=gateway, kind=kind, entry=entry)


def render_edit(edit: Edit) -> str:
    """One line of JSON."""
    if isinstance(edit, RemoveEntry):
        return json.dumps({"gateway": edit.gateway, "remove": edit.name})
    entry = edit.entry.model_dump(mode="json", exclude_defaults=True)
    return json.dumps({"gateway": edit.gateway, "kind": edit.kind, "entry": entry})


def parse_edit(text: str) -> Edit:
    """The inverse of `render_edit`."""
    data = json.loads(text)
    if "remove" in data:
        return RemoveEntry(gateway=data["gateway"], name=data["remove"])
    return parse_entry(data["gateway"], data["kind"], data["entry"])
