"""The kernel's trace of packets through nftables, as it happens."""

import errno
import select
import time
from collections.abc import Iterator
from pathlib import Path

from natgate.kernel.netlink import NETFILTER, listener
from natgate.model.error import HostError, RefusedError
from natgate.wire.netlink import parse_messages
from natgate.wire.nft_trace import TraceEvent, parse_trace

TRACE_GROUP = 9
_BUFFER = 1 << 22
_LARGEST = 1 << 16


class TraceEvents:
    """The events of one network namespace as they come; RefusedError without CAP_NET_ADMIN.

    `deadline`: the time of the monotonic clock at which they end; it may be put off meanwhile.
    `overruns`: how often the buffer was full, so that events are missing.
    """

    def __init__(self, namespace: Path | None = None) -> None:
        self.deadline = 0.0
        self.overruns = 0
        try:
            self._socket = listener(NETFILTER, (TRACE_GROUP,), buffer=_BUFFER, namespace=namespace)
        except PermissionError:
            raise RefusedError("tracing rules needs CAP_NET_ADMIN: run as root") from None

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def __iter__(self) -> Iterator[TraceEvent]:
        while (left := self.deadline - time.monotonic()) > 0:
            if select.select([self._socket], [], [], left)[0]:
                yield from self._waiting()

    def _waiting(self) -> Iterator[TraceEvent]:
        try:
            data = self._socket.recv(_LARGEST)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise HostError(f"no trace of rules: {error.strerror}") from None
            self.overruns += 1
            return
        for message in parse_messages(data):
            event = parse_trace(message)
            if event is not None:
                yield event
