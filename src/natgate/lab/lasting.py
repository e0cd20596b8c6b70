"""What one client keeps open through a fault: a stream and a download.

Each is one TCP connection. It survived if it made progress once more after the watch had ended;
its stall is the longest time without progress. Standard library only.
"""

import socket

DOWNLOAD_PORT = 9000

DOWNLOAD_RATE = 12_500_000
"""Bytes a second that a target sends: 100 Mbit/s of payload."""

SETUP_TIMEOUT = 5.0

LAST_WORD = 3.0
"""A connection that makes no progress for so long after the watch is lost."""

ROOM = 1 << 22
"""Bytes that the kernel may keep for a download between two looks.

Left to itself it made room for 60 KB where packets came one by one, through a tunnel: 48 Mbit/s.
"""

SO_RCVBUFFORCE = 33
"""socket(7); Python has no name for it."""

MOST = 1 << 20
"""Bytes taken at one look at a download, far more than arrive between two."""


class Lasting:
    """One open connection; times are those of the caller's clock, in seconds."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.socket = socket.socket()
        self.prepare()
        self.socket.settimeout(SETUP_TIMEOUT)
        self.socket.connect(target)
        self.socket.settimeout(0)
        self.broken = False
        self.stall = 0.0
        self.began = self.progressed = 0.0

    def prepare(self) -> None:
        """Set what must be set before the socket is connected."""

    def begin(self, now: float) -> None:
        """Measure from now on."""
        self.began = self.progressed = now

    def take(self) -> int:
        """Take what came, and say how many bytes it was; 0 at the end."""
        return len(self.socket.recv(65536))

    def receive(self, now: float) -> int:
        """Note progress if there is any; how many bytes came."""
        try:
            came = self.take()
        except BlockingIOError:
            return 0
        except OSError:
            came = 0
        self.broken |= not came
        if came:
            self.stall = max(self.stall, now - self.progressed)
            self.progressed = now
        return came

    def doubtful(self, stopped: float) -> bool:
        """Whether it is neither broken nor has made progress since the watch ended."""
        return not self.broken and self.progressed < stopped

    def report(self, stopped: float) -> dict[str, object]:
        """Whether it made progress after the watch, and its longest time without, in ms."""
        silent = max(stopped - self.progressed, 0.0)
        survived = not self.broken and self.progressed >= stopped
        return {"survived": survived, "stall_ms": round(max(self.stall, silent) * 1000, 1)}


class Stream(Lasting):
    """A long-lived interactive connection: each message is echoed."""

    def prepare(self) -> None:
        """Let no message wait for another."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, message: bytes) -> None:
        """Send one message; a full buffer is the stall that is measured anyway."""
        try:
            self.socket.send(message)
        except BlockingIOError:
            return
        except OSError:
            self.broken = True


class Download(Lasting):
    """A connection on which the target sends as fast as it may; looked at once a tick."""

    def __init__(self, target: tuple[str, int]) -> None:
        super().__init__(target)
        self.buffer = bytearray(MOST)
        self.bytes = 0

    def prepare(self) -> None:
        """Make room before the window's scale is agreed upon."""
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)

    def take(self) -> int:
        """Let the kernel throw away what came: tcp(7), MSG_TRUNC."""
        return self.socket.recv_into(self.buffer, MOST, socket.MSG_TRUNC)

    def look(self, now: float) -> None:
        """Count what came since the last look."""
        if not self.broken:
            self.bytes += self.receive(now)

    def begin(self, now: float) -> None:
        """Measure from now on, without what came before."""
        super().begin(now)
        self.look(now)
        self.bytes = 0

    def report(self, stopped: float) -> dict[str, object]:
        """The same, with the mean rate over the watch, stalls included, in Mbit/s."""
        rate = self.bytes * 8 / max(stopped - self.began, 0.001) / 1e6
        return {**super().report(stopped), "mbit_s": round(rate, 1)}
