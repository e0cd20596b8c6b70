"""The published JSON Schema."""

from typing import Any

from natgate.model.spec import Heartbeat, Spec
from natgate.wire.schema import published


def test_the_default_of_a_duration_is_what_a_file_would_say() -> None:
    """A default in the schema is a value that the schema admits."""
    properties: dict[str, Any] = published(Heartbeat)["properties"]
    assert properties["interval"]["default"] == "50ms"
    assert properties["timeout"]["default"] == "150ms"
    assert properties["port"]["default"] == 4646


def test_every_key_of_the_spec_is_in_its_schema() -> None:
    """The schema knows the names that a file uses, and nothing else is admitted."""
    schema = published(Spec)
    assert set(schema["properties"]) == {
        "apiVersion", "network", "nodes", "gateways", "steering", "heartbeat", "fence", "replication", "handover",
        "host", "metrics", "log", "quotas",
    }  # fmt: skip
    assert schema["additionalProperties"] is False
