"""The JSON Schema that is published: what a file may say, in the words of the file."""

from typing import Any

from pydantic import BaseModel

from natgate.model.fields import duration_text


def published(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model; a duration's default is text, as in a file."""
    schema = model.model_json_schema(by_alias=True)
    _write_durations(schema)
    return schema


def _write_durations(node: object) -> None:
    if isinstance(node, dict):
        default = node.get("default")
        if node.get("type") == "string" and isinstance(default, float):
            node["default"] = duration_text(default)
        elif isinstance(default, dict):
            # A whole section's default repeats what its fields say.
            del node["default"]
        for value in list(node.values()):
            _write_durations(value)
    elif isinstance(node, list):
        for value in node:
            _write_durations(value)
