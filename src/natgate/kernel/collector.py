"""The way to an IPFIX collector, which may be slow or away: telling it of events never waits."""

import contextlib
import errno
import select
import socket
from collections.abc import Iterable

from natgate.model.natlog import Collector as Settings

_BUFFER = 1 << 22
_AGAIN = 5.0
"""Seconds between attempts at a collector that refuses TCP."""

_PATIENCE = 1.0
"""Seconds that beginning and ending a session may take; nothing else waits."""

_UNDER_WAY = {errno.EINPROGRESS, errno.EALREADY}


class Collector:
    """`session` grows with each transport session: sequence and templates begin anew (RFC 7011, 8.1)."""

    def __init__(self, settings: Settings) -> None:
        self._place = (str(settings.address), settings.port)
        self._tcp = settings.protocol == "tcp"
        self._socket: socket.socket | None = None
        self._connected = False
        self._pending = b""
        self._next = 0.0
        self.session = 0
        self.lost = 0
        if not self.ready(0.0) and self._socket is not None:
            select.select([], [self._socket], [], _PATIENCE)

    def ready(self, now: float) -> bool:
        """Whether messages can be sent now (seconds, any clock); begins a session if there is none."""
        if self._socket is None and now >= self._next:
            self._next = now + _AGAIN
            kind = socket.SOCK_STREAM if self._tcp else socket.SOCK_DGRAM
            self._socket = socket.socket(socket.AF_INET, kind)
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        if self._socket is not None and not self._connected:
            self._connect(self._socket)
        return self._connected

    def send(self, messages: Iterable[bytes]) -> None:
        """Hand messages over; one that there is no room for is lost, and counted."""
        for message in messages:
            if self._socket is None:
                self.lost += 1
            elif self._tcp:
                self._stream(self._socket, message)
            else:
                self._datagram(self._socket, message)

    def end(self) -> None:
        """Send what is left, and close."""
        if self._socket is not None:
            self._socket.settimeout(_PATIENCE)
            with contextlib.suppress(OSError):
                self._socket.sendall(self._pending)
        self._close()

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._connected, self._pending = None, False, b""

    def _connect(self, made: socket.socket) -> None:
        code = made.connect_ex(self._place)
        if code in {0, errno.EISCONN}:
            self._connected = True
            self.session += 1
        elif code not in _UNDER_WAY:
            self._close()

    def _datagram(self, made: socket.socket, message: bytes) -> None:
        try:
            made.send(message)
        except OSError:  # full, or the ICMP answer to an earlier one
            self.lost += 1

    def _stream(self, made: socket.socket, message: bytes) -> None:
        """What was begun is ended first, so that the collector never sees half a message."""
        data = self._pending + message if len(self._pending) < _BUFFER else self._pending
        self.lost += len(self._pending) >= _BUFFER
        try:
            self._pending = data[made.send(data) :]
        except BlockingIOError:
            self._pending = data
        except OSError:
            self.lost += 1
            self._close()
