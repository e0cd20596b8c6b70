"""Dumps of flows as raw messages, many at a time, for whoever decodes them in columns."""

from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address

import numpy as np
from numpy.typing import NDArray

from natgate.kernel.netlink import NETFILTER, NetlinkSocket
from natgate.wire import conntrack
from natgate.wire.netlink import Message

Messages = tuple[NDArray[np.uint32], NDArray[np.int64]]
"""Words, and the word offset of each message."""

_TOGETHER = 1 << 21
"""Bytes that are decoded at once."""


def open_flows() -> Iterator[Messages]:
    """Every IPv4 flow that is open."""
    return _dumped(conntrack.get_flows())


def flows_of(address: IPv4Address) -> Iterator[Messages]:
    """Those whose far end sees this address, or came to it."""
    yield from _dumped(conntrack.get_seen_as(address))
    yield from _dumped(conntrack.get_reached_at(address))


def _dumped(question: Message) -> Iterator[Messages]:
    parts: list[bytes] = []
    starts: list[int] = []
    size = 0
    with closing(NetlinkSocket(NETFILTER)) as netlink:
        for data, found in netlink.datagrams(question):
            starts += [size // 4 + start for start in found]
            parts.append(data)
            size += len(data)
            if size >= _TOGETHER:
                yield _together(parts, starts)
                parts, starts, size = [], [], 0
    if starts:
        yield _together(parts, starts)


def _together(parts: list[bytes], starts: list[int]) -> Messages:
    return np.frombuffer(b"".join(parts), np.uint32), np.array(starts, np.int64)
