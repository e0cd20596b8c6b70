"""Any open flows, one by one and as columns."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from natgate.model.flow_columns import NAMES, Columns, arrays, room
from natgate.model.open_flow import IPV4, IPV6, OpenFlow

FIELDS = tuple(name for name in NAMES if name not in {"kind", "stop_ns"})
PORTS = st.sampled_from([0, 1, 80, 443, 65_535])
COUNTS = st.sampled_from([0, 1, 999, 1000, 123_456, 10**12])


def flow(**changes: int) -> OpenFlow:
    """A flow to outside, with changes."""
    given = {
        "family": IPV4, "protocol": 6, "status": 0x1E, "id": 7, "source": 0x0A000005,
        "source_port": 40_000, "destination": 0xC6336407, "destination_port": 443,
        "reply_source": 0xC6336407, "reply_source_port": 443, "reply_destination": 0xCB007101,
        "reply_destination_port": 2048, "state": 3, "timeout": 892,
    }  # fmt: skip
    return OpenFlow(**{**given, **changes})  # type: ignore[arg-type]


def flows(family: int) -> st.SearchStrategy[OpenFlow]:
    """Any flow of a family, of few addresses so that flows have some in common."""
    if family == IPV4:
        addresses = st.sampled_from([0x0A000005, 0x0A000105, 0xCB007101, 0xC6336407, 0xFFFFFFFF])
    else:
        addresses = st.sampled_from([1, 1 << 127, (0x20010DB8 << 96) + 0x100, (1 << 128) - 1])
    return st.builds(
        OpenFlow,
        family=st.just(family),
        protocol=st.sampled_from([1, 6, 17, 47, 58, 132, 200]),
        status=st.builds(lambda a, b: a | b, st.sampled_from([0, 2, 6]), st.sampled_from([0, 16, 32, 48])),
        id=st.integers(0, 2**32 - 1),
        **dict.fromkeys(("source", "destination", "reply_source", "reply_destination"), addresses),
        **dict.fromkeys(
            ("source_port", "destination_port", "reply_source_port", "reply_destination_port"), PORTS
        ),
        state=st.integers(0, 11),
        timeout=st.sampled_from([0, 59, 60, 899, 3600, 432_000]),
        mark=st.integers(0, 3),
        zone=st.integers(0, 2),
        packets=COUNTS,
        bytes=COUNTS,
        reply_packets=COUNTS,
        reply_bytes=COUNTS,
        start_ns=st.sampled_from([0, 10**18, 10**18 + 5 * 10**9]),
    )  # fmt: skip


def columns(found: Sequence[OpenFlow], family: int, wanted: Sequence[str] = NAMES) -> Columns:
    """The same flows as columns."""
    made = room(len(found), family, frozenset(wanted) | {"kind"})
    for name in set(FIELDS) & set(wanted):
        array = arrays(made)[name]
        for at, each in enumerate(found):
            value = getattr(each, name)
            array[at] = value if array.ndim == 1 else np.frombuffer(value.to_bytes(16), ">u4")
    return made


BOTH = (IPV4, IPV6)
