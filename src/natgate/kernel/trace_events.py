"""The kernel's trace of packets through nftables, as it happens."""

import contextlib
import errno
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from natgate.kernel.netlink import ADD_MEMBERSHIP, NETFILTER, SOL_NETLINK
from natgate.kernel.netns import open_socket
from natgate.model.error import HostError, RefusedError
from natgate.wire.netlink import parse_messages
from natgate.wire.nft_trace import TraceEvent, parse_trace

TRACE_GROUP = 9
_RECEIVE_BUFFER_FORCE = 33
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
        self._socket = open_socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER, namespace)
        try:
            self._socket.setblocking(False)
            with contextlib.suppress(PermissionError):
                self._socket.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER_FORCE, _BUFFER)
            self._socket.bind((0, 0))
            self._socket.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, TRACE_GROUP)
        except PermissionError:
            self._socket.close()
            raise RefusedError("tracing rules needs CAP_NET_ADMIN: run as root") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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
