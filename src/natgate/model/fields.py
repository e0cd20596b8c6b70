"""The kinds of values that a spec holds: names, durations, prefixes, ports."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from natgate.model.address import LAST_PORT

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h|d)$")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_of(value: object) -> float:
    """Read '50ms', '1.5s', '2m', '1h' or '30d' as seconds."""
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a duration with its unit, such as 50ms, 1.5s, 2m, 1h or 30d")
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


@dataclass(frozen=True, slots=True, order=True)
class Ports:
    """One port, or a range with both ends included."""

    first: int
    last: int

    def __str__(self) -> str:
        """As a spec says it: 443, or 8000/8010."""
        return str(self.first) if self.first == self.last else f"{self.first}/{self.last}"

    def __len__(self) -> int:
        """How many ports."""
        return self.last - self.first + 1

    def __iter__(self) -> Iterator[int]:
        """Each port, in order."""
        return iter(range(self.first, self.last + 1))

    def __contains__(self, port: object) -> bool:
        """Whether a port lies in it."""
        return isinstance(port, int) and self.first <= port <= self.last

    def overlaps(self, other: "Ports") -> bool:
        """Whether a port lies in both."""
        return self.first <= other.last and other.first <= self.last


_PORTS = re.compile(r"^(\d{1,5})(?:/(\d{1,5}))?$")


def _ports(value: object) -> object:
    """Read 443 or '8000/8010'."""
    if isinstance(value, Ports):
        return value
    plain = isinstance(value, int | str) and not isinstance(value, bool)
    match = _PORTS.match(str(value)) if plain else None
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last <= LAST_PORT:
        raise ValueError("write a port such as 443, or a range such as 8000/8010")
    return Ports(first, last)


def _ports_or_any(value: object) -> object:
    """Read the same, or 'any'."""
    try:
        return value if value == "any" else _ports(value)
    except ValueError as error:
        raise ValueError(f"{error}, or any") from None


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
_PORTS_SCHEMA = [
    {"type": "integer", "minimum": 1, "maximum": LAST_PORT},
    {"type": "string", "pattern": _PORTS.pattern},
]
PortRange = Annotated[
    Ports,
    BeforeValidator(_ports),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"anyOf": _PORTS_SCHEMA, "examples": [443, "8000/8010"]}),
]
PortRangeOrAny = Annotated[
    Ports | Literal["any"],
    BeforeValidator(_ports_or_any),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"anyOf": [*_PORTS_SCHEMA, {"const": "any"}], "examples": [443, "any"]}),
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
