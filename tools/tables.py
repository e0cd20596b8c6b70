"""A pydantic model as Markdown: one table for each part of the file it describes."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from natgate.wire.schema import published

Schema = dict[str, Any]
DURATION = "(ms|s|m|h|d)"
"""What tells a duration from any other string with a pattern."""


def model(described: type[BaseModel], linked: Mapping[str, str] | None = None) -> str:
    """Every field of a model and of the models inside, in the order in which they are met.

    `linked` names the models inside that have a page of their own.
    """
    pages = linked or {}
    schema = published(described)
    parts = schema.get("$defs", {})
    names = list(pages)
    _collect(schema, parts, names)
    text = _fields(schema)
    for name in names[len(pages) :]:
        part = parts[name]
        text += f"\n## {name}\n\n{part.get('description', '')}\n\n{_fields(part)}"
    for name, page in pages.items():
        text = text.replace(f"(#{name.lower()})", f"({page})")
    return text


def row(*cells: str) -> str:
    """One line of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"


def head(*cells: str) -> str:
    """The head of a table."""
    return row(*cells) + "|" + "---|" * len(cells) + "\n"


def _collect(schema: Schema, parts: Schema, names: list[str]) -> None:
    for name in list(_references(schema.get("properties", {}))):
        if name not in names:
            names.append(name)
            _collect(parts[name], parts, names)


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rpartition("/")[2]
        for key, inner in value.items():
            if key != "default":
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _fields(schema: Schema) -> str:
    needed = schema.get("required", [])
    text = head("field", "value", "default", "meaning")
    for name, field in schema["properties"].items():
        default = "required" if name in needed else _default(field)
        text += row(f"`{name}`", _type(field), default, field.get("description", ""))
    return text


def _default(field: Schema) -> str:
    value = field.get("default")
    if value in (None, [], {}):
        return ""
    return f"`{value}`"


def _type(field: Schema) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    choices = field.get("anyOf") or field.get("oneOf")
    if choices:
        return " or ".join(_type(each) for each in choices if each.get("type") != "null")
    values = field.get("enum", [field["const"]] if "const" in field else [])
    if values:
        return " or ".join(f"`{value}`" for value in values)
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    return _scalar(field)


def _scalar(field: Schema) -> str:
    if DURATION in field.get("pattern", ""):
        return "duration"
    if "format" in field:
        return {"ipv4": "IPv4 address", "ipv4network": "IPv4 prefix"}[field["format"]]
    if field["type"] == "integer":
        low, high = field.get("minimum"), field.get("maximum")
        return f"{low} to {high}" if high is not None else "whole number"
    if field["type"] == "object":
        # Where the keys have a form of their own, the values are listed by its pattern.
        values = field.get("patternProperties") or {"": field["additionalProperties"]}
        return f"map to {_type(next(iter(values.values())))}"
    return {"string": "text", "number": "number", "boolean": "yes or no"}[field["type"]]
