"""Dumps of flows as raw messages, many at a time, for whoever decodes them in columns."""

from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address

import numpy as np
from numpy.typing import NDArray

from natgate.kernel.netlink import NETFILTER, NetlinkSocket
from natgate.wire import conntrack
from natgate.wire.flow_columns import Words, message_starts
from natgate.wire.netlink import Message

Messages = tuple[Words, NDArray[np.int64]]
"""Words, which are good until the next ones are asked for, and where in them messages begin."""


def open_flows() -> Iterator[Messages]:
    """Every IPv4 flow that is open."""
    return _dumped(conntrack.get_flows())


def flows_of(address: IPv4Address) -> Iterator[Messages]:
    """Those whose far end sees this address, or came to it."""
    yield from _dumped(conntrack.get_seen_as(address))
    yield from _dumped(conntrack.get_reached_at(address))


def _dumped(question: Message) -> Iterator[Messages]:
    with closing(NetlinkSocket(NETFILTER)) as netlink:
        for block, number in netlink.blocks(question):
            words = np.frombuffer(block, np.uint32)
            yield words, message_starts(words, number)
