"""How much an address may carry: bits per second, as the operator writes them."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

KBIT = 1000
UNITS = {"Gbit/s": KBIT**3, "Mbit/s": KBIT**2, "kbit/s": KBIT}
LEAST, MOST = 64 * KBIT, 100 * KBIT**3
"""The kernel's own arithmetic ends at 147 Gbit/s."""

_BANDWIDTH = re.compile(r"^([0-9]+(?:\.[0-9]+)?)([kMG]bit/s)$")


def bits_of(value: object) -> int:
    """Read '500kbit/s', '100Mbit/s' or '1.5Gbit/s' as bits per second."""
    match = _BANDWIDTH.fullmatch(value) if isinstance(value, str) else None
    bits = Decimal(match[1]) * UNITS[match[2]] if match else Decimal(0)
    if bits % KBIT or not LEAST <= bits <= MOST:
        raise ValueError(
            "write a bandwidth with its unit, such as 500kbit/s, 100Mbit/s or 1.5Gbit/s: "
            "from 64kbit/s to 100Gbit/s, in whole kbit/s"
        )
    return int(bits)


def bandwidth_text(bits: int) -> str:
    """The inverse of `bits_of`, in the largest unit of which it has a whole number."""
    unit = next(unit for unit, factor in UNITS.items() if bits % factor == 0)
    return f"{bits // UNITS[unit]}{unit}"


Bandwidth = Annotated[
    int,
    BeforeValidator(bits_of),
    PlainSerializer(bandwidth_text, return_type=str, when_used="json"),
    WithJsonSchema(
        {"type": "string", "pattern": _BANDWIDTH.pattern, "examples": ["100Mbit/s", "1.5Gbit/s"]}
    ),
]
