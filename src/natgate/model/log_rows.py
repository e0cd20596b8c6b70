"""The rows of a log: flows of 36 bytes, and blocks of ports.

`address` and `port` are what the far end sees, an echo's id being its port; `host` is the machine
inside; `peer` is who it spoke with. Times are milliseconds since 1970; addresses are numbers.
"""

from ipaddress import IPv4Address
from typing import Any

import numpy as np
from numpy.typing import NDArray

from natgate.model.logged import Held

Rows = NDArray[Any]
Numbers = NDArray[Any]

ROW = np.dtype(
    [
        ("start", "<i8"),
        ("stop", "<i8"),
        ("address", "<u4"),
        ("host", "<u4"),
        ("peer", "<u4"),
        ("port", "<u2"),
        ("host_port", "<u2"),
        ("peer_port", "<u2"),
        ("protocol", "u1"),
        ("kind", "u1"),
    ]
)
BLOCK = np.dtype(
    [
        ("address", "<u4"),
        ("host", "<u4"),
        ("first", "<u2"),
        ("last", "<u2"),
        ("since", "<i8"),
        ("until", "<i8"),
    ]
)
"""A block of ports that a host has; `until` is 0 while it still has it."""

ENDED, OPEN, NEW = 1, 2, 3
"""A flow that ended; one that was seen open, at least until `stop`; one that began."""


def prefix_mask(length: int) -> int:
    """The mask of a prefix length."""
    return 0xFFFFFFFF ^ (0xFFFFFFFF >> length)


def held_of(row: Rows) -> Held:
    """A row as a block that people read."""
    address, host, first, last, since, until = row.tolist()
    return Held(
        host=IPv4Address(host),
        address=IPv4Address(address),
        first=first,
        last=last,
        since=since,
        until=until or None,
    )
