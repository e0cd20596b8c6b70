"""One conntrack message as a flow; tests/unit/wire/test_flow_columns.py has every attribute."""

import struct

from natgate.model.open_flow import IPV4
from natgate.wire.conntrack import NEW_FLOW
from natgate.wire.netlink import Message, attribute
from natgate.wire.open_flow import parse_open


def test_a_flow_keeps_the_bytes_that_name_it() -> None:
    """By them the kernel is told to end just this flow."""
    original = attribute(1, b"anything")
    body = bytes([IPV4, 0, 0, 0]) + attribute(1, original) + attribute(2, b"")
    flow = parse_open(Message(type=NEW_FLOW, body=body + attribute(12, struct.pack(">I", 7))))
    assert flow is not None
    assert (flow.tuple, flow.id, flow.source) == (original, 7, 0)
