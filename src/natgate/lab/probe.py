"""The probes of one client: what a fault costs, as traffic sees it.

Every 10 ms one new UDP flow, one new TCP connection, one packet of a continuing UDP flow, and one
message on a long-lived stream go to a target's echo port. Each but the last must be answered within
250 ms, or it is lost; one that cannot even be sent is lost as well, and counted by its error. Stream
and download stay open all the while, and say how long they stood still.

Standard library only: `python -m natgate.lab.probe TARGET`. Each line that it prints is JSON:
"ready" once the lasting flows work, progress each 100 ms, and, when its input ends, the report.
"""

import errno
import json
import selectors
import signal
import socket
import struct
import sys
import time
from collections import Counter
from contextlib import suppress

from natgate.lab.lasting import (
    DOWNLOAD_PORT,
    DOWNLOAD_RATE,
    LAST_WORD,
    SETUP_TIMEOUT,
    Download,
    Stream,
)

INTERVAL = 0.01
"""Seconds between two ticks; each tick sends one probe of each kind."""

PATIENCE = 0.25
"""Seconds after which a probe is lost."""

KINDS = ("udp_new", "tcp_new", "udp_flow")

PROGRESS_TICKS = 10
PROGRESS_LAG = 3
"""Progress looks at ticks that are 30 ms old: a way that works has answered them."""

ECHO_PORT = 7

# An orderly close would leave each connection in TIME_WAIT for two minutes, here and on the node.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

_TICK = struct.Struct("!I")


class Probes:
    """All probes of one client towards one target."""

    def __init__(self, target: str) -> None:
        self.target = (target, ECHO_PORT)
        self.source = (target, DOWNLOAD_PORT)
        self.selector = selectors.DefaultSelector()
        self.outcomes = {kind: bytearray() for kind in KINDS}
        self.errors: Counter[str] = Counter()
        self.sent: list[float] = []
        self.open: dict[socket.socket, tuple[str, int]] = {}
        self.late = 0.0
        self.shown = 0
        self.stopping = False

    def prepare(self) -> None:
        """Open the flows that last and see them work; OSError if one does not."""
        self.flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.flow.settimeout(SETUP_TIMEOUT)
        self.flow.connect(self.target)
        self.flow.send(_TICK.pack(0))
        self.flow.recv(64)
        self.flow.settimeout(0)
        self.stream = Stream(self.target)
        self.download = Download(self.source)
        for readable in (self.flow, self.stream.socket, sys.stdin):
            self.selector.register(readable, selectors.EVENT_READ)

    def run(self) -> None:
        """Probe until told to stop, then wait for the last answers."""
        started = time.monotonic()
        self.stream.begin(started)
        self.download.begin(started)
        while not self.stopping:
            due = started + len(self.sent) * INTERVAL
            while due <= time.monotonic():
                self.late = max(self.late, time.monotonic() - due)
                self.send()
                due += INTERVAL
            self.wait(due - time.monotonic())
        self.stopped = time.monotonic()
        while self.unanswered() and time.monotonic() < self.stopped + PATIENCE:
            self.wait(INTERVAL)
        while self.doubtful() and time.monotonic() < self.stopped + LAST_WORD:
            self.stream.send(_TICK.pack(0))
            self.wait(INTERVAL)
            self.download.receive(time.monotonic())

    def unanswered(self) -> bool:
        """Whether a probe may still be answered in time."""
        return bool(self.open) or not all(self.outcomes["udp_flow"][-1:])

    def doubtful(self) -> bool:
        """Whether stream or download may still live, and has yet to show it."""
        return self.stream.doubtful(self.stopped) or self.download.doubtful(self.stopped)

    def send(self) -> None:
        """One tick: one probe of each kind."""
        tick = len(self.sent)
        self.sent.append(time.monotonic())
        for kind in KINDS:
            self.outcomes[kind].append(0)
        self.begin("udp_new", socket.SOCK_DGRAM, selectors.EVENT_READ, tick)
        self.begin("tcp_new", socket.SOCK_STREAM, selectors.EVENT_WRITE, tick)
        try:
            self.flow.send(_TICK.pack(tick))
        except OSError as error:
            self.note(error)
        self.stream.send(_TICK.pack(tick))
        self.download.look(time.monotonic())
        if tick % PROGRESS_TICKS == PROGRESS_TICKS - 1:
            self.progress(tick)

    def begin(self, kind: str, protocol: socket.SocketKind, event: int, tick: int) -> None:
        """Send a probe from a source port of its own."""
        probe = socket.socket(socket.AF_INET, protocol)
        probe.settimeout(0)
        try:
            if protocol == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                with suppress(BlockingIOError):
                    probe.connect(self.target)
            else:
                probe.connect(self.target)
                probe.send(_TICK.pack(tick))
        except OSError as error:
            self.note(error)
            probe.close()
            return
        self.selector.register(probe, event)
        self.open[probe] = (kind, tick)

    def wait(self, seconds: float) -> None:
        """Handle what happens within so many seconds, and give up on what is too old.

        Answers count as of the last look before them: being late itself must not lose a probe.
        """
        looked = time.monotonic()
        for key, _ in self.selector.select(max(seconds, 0)):
            if key.fileobj is sys.stdin:
                self.stopping = True
                self.selector.unregister(sys.stdin)
            elif key.fileobj is self.flow:
                self.flow_answered(looked)
            elif key.fileobj is self.stream.socket:
                self.stream.receive(time.monotonic())
                if self.stream.broken:
                    self.selector.unregister(key.fileobj)
            elif isinstance(key.fileobj, socket.socket):
                self.answered(key.fileobj, looked)
        self.expire(looked - PATIENCE)

    def flow_answered(self, looked: float) -> None:
        """Mark the ticks whose packets came back in time."""
        while True:
            try:
                tick = _TICK.unpack(self.flow.recv(64))[0]
            except BlockingIOError:
                return
            except OSError as error:
                self.note(error)
                continue
            if looked - self.sent[tick] <= PATIENCE:
                self.outcomes["udp_flow"][tick] = 1

    def answered(self, probe: socket.socket, looked: float) -> None:
        """A new flow was answered, or refused."""
        kind, tick = self.open[probe]
        code = probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self.errors[errno.errorcode[code]] += 1
        elif looked - self.sent[tick] <= PATIENCE:
            self.outcomes[kind][tick] = 1
        self.close(probe)

    def expire(self, before: float) -> None:
        """Close the probes that were sent before; their outcome stays lost."""
        for probe, (_, tick) in list(self.open.items()):
            if self.sent[tick] > before:
                break  # they are in order of sending
            self.close(probe)

    def close(self, probe: socket.socket) -> None:
        """Forget a probe."""
        del self.open[probe]
        self.selector.unregister(probe)
        probe.close()

    def note(self, error: OSError) -> None:
        """Count an error by its name."""
        self.errors[errno.errorcode.get(error.errno or 0, type(error).__name__)] += 1

    def progress(self, tick: int) -> None:
        """Say how many of ten recent probes were answered, for each kind, and what was downloaded."""
        end = tick - PROGRESS_LAG
        came, self.shown = self.download.bytes - self.shown, self.download.bytes
        share = min(came / (DOWNLOAD_RATE * PROGRESS_TICKS * INTERVAL), 1.0)
        if end >= PROGRESS_TICKS:
            recent = {k: sum(o[end - PROGRESS_TICKS : end]) for k, o in self.outcomes.items()}
            say({"tick": tick, "answered": recent, "downloaded": round(share, 2)})

    def report(self) -> dict[str, object]:
        """Every outcome by kind, one character for each tick: 1 answered, 0 lost."""
        return {
            "outcomes": {kind: "".join(map(str, o)) for kind, o in self.outcomes.items()},
            "errors": dict(self.errors),
            "late_ms": round(self.late * 1000, 1),
            "stream": self.stream.report(self.stopped),
            "download": self.download.report(self.stopped),
        }


def say(value: object) -> None:
    """One line on standard output."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main(target: str) -> int:
    """Probe a target until told to stop; 1 if it cannot be reached to begin with."""
    probes = Probes(target)
    signal.signal(signal.SIGTERM, lambda *_: setattr(probes, "stopping", True))
    try:
        probes.prepare()
    except OSError as error:
        say({"failed": f"{target} cannot be reached before any fault: {error}"})
        return 1
    say("ready")
    probes.run()
    say(probes.report())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
