"""The kinds of values that a spec holds: names, durations, prefixes, ports."""

import re
from decimal import Decimal
from ipaddress import IPv4Network
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h)$")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(value: object) -> float:
    """Read '50ms', '1.5s', '2m' or '1h' as seconds."""
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a duration with its unit, such as 50ms, 1.5s, 2m or 1h")
    return float(match[1]) * _SECONDS[match[2]]


def duration_text(seconds: float) -> str:
    """The inverse of `seconds_of`: whole milliseconds where that is exact, else seconds."""
    thousandths = round(seconds * 1000)
    if seconds != int(seconds) and thousandths * _SECONDS["ms"] == seconds:
        return f"{thousandths}ms"
    return f"{Decimal(repr(seconds)).normalize():f}s"


def _whole_prefix(value: object) -> object:
    """Refuse host bits, and anything but an IPv4 prefix, with a sentence that shows the way out."""
    if isinstance(value, IPv4Network):
        return value
    if not isinstance(value, str):
        raise ValueError("write an IPv4 prefix, such as 10.10.0.0/27")  # noqa: TRY004 (pydantic's way)
    try:
        return IPv4Network(value)
    except ValueError:
        try:
            wider = IPv4Network(value, strict=False)
        except ValueError:
            raise ValueError(f"{value!r} is not an IPv4 prefix, such as 10.10.0.0/27") from None
        raise ValueError(f"{value} has host bits set; the prefix is {wider}") from None


Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,30}$", description="lower-case letters, digits and hyphens"
    ),
]
Duration = Annotated[
    float,
    BeforeValidator(seconds_of),
    Field(gt=0, allow_inf_nan=False),
    PlainSerializer(duration_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern, "examples": ["50ms", "1.5s"]}),
]
Prefix = Annotated[
    IPv4Network,
    BeforeValidator(_whole_prefix),
    WithJsonSchema({"type": "string", "format": "ipv4network", "examples": ["10.10.0.0/27"]}),
]
Port = Annotated[int, Field(ge=1, le=65535)]
Endpoint = Annotated[
    str,
    Field(
        pattern=r"^https?://[A-Za-z0-9][A-Za-z0-9.-]{0,252}:[0-9]{1,5}$",
        examples=["https://10.0.0.5:2379"],
    ),
]


class Model(BaseModel):
    """Base of all that can be written: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
