"""Two clients of a node, one of whose addresses has a limit, and how fast their TCP is."""

import socket
import threading
import time
from contextlib import suppress

from natgate.model.spec import Spec
from tests.kernel.net import CLIENTS, PORT, TARGETS, Net, spec_with
from tests.namespaces import Namespace

LIMITED, FREE = "10.1.200.5", "10.1.200.6"
CHUNK = bytes(1 << 16)


def spec_of(bandwidth: str | None = "40Mbit/s") -> Spec:
    """An address with a limit for one client, and one without for another."""
    return spec_with(
        {
            "name": "g",
            "addresses": [{"address": LIMITED, "bandwidth": bandwidth}, {"address": FREE}],
            "snat": [
                {"name": "limited", "hosts": [CLIENTS[0]], "addresses": [LIMITED]},
                {"name": "free", "hosts": [CLIENTS[1]], "addresses": [FREE]},
            ],
        }
    )


def _send(connection: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection.sendall(CHUNK)


def _received(connection: socket.socket, seconds: float) -> int:
    """Bytes that arrive within some seconds."""
    found, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        found += len(connection.recv(1 << 18))
    return found


def rate(net: Net, client: str, direction: str, seconds: float = 4.0) -> float:
    """Bits per second of TCP payload, once what a second allows at first has been used up."""
    with net.target.entered(), socket.create_server((TARGETS[0], PORT)) as server:
        ours = _connected(net.client, client)
        theirs, _ = server.accept()
    sender, receiver = (ours, theirs) if direction == "out" else (theirs, ours)
    with ours, theirs:
        receiver.settimeout(10)
        work = threading.Thread(target=_send, args=(sender,))
        work.start()
        _received(receiver, 2.0)
        began = time.monotonic()
        bits = 8 * _received(receiver, seconds)
        took = time.monotonic() - began
        sender.shutdown(socket.SHUT_RDWR)
        work.join()
    return bits / took


def _connected(side: Namespace, source: str) -> socket.socket:
    with side.entered():
        return socket.create_connection((TARGETS[0], PORT), 3, (source, 0))
