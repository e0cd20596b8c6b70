"""What can be written of the NAT log."""

import json

import pytest
from pydantic import ValidationError

from natgate.model.logged import FULL, NONE
from natgate.model.natlog import Log


@pytest.mark.parametrize(("text", "bits"), [("none", NONE), ("full", FULL), (24, 24), (1, 1)])
def test_destinations_are_kept_by_name_or_length(text: object, bits: int) -> None:
    """And are written as they were read."""
    log = Log.model_validate({"destinations": text})
    assert log.destinations == bits
    assert json.loads(log.model_dump_json())["destinations"] == text


@pytest.mark.parametrize("value", ["all", 0, 32, True, None, "24"])
def test_what_is_no_length_is_refused(value: object) -> None:
    """With what can be written."""
    with pytest.raises(ValidationError, match="write none, full, or a prefix length"):
        Log.model_validate({"destinations": value})


def test_destinations_are_not_logged_unless_asked_for() -> None:
    """RFC 6888, REQ-12."""
    assert Log().destinations == NONE
    assert Log().ipfix is None
