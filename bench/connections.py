"""TCP connections that are opened at a steady rate, and stay open: both ends of them.

`python -m bench.connections serve PORT` accepts them; `... open ADDRESS PORT RATE` opens RATE of
them a second until it gets a line, says how many, and closes them when its input ends. Standard
library only.
"""

import gc
import json
import resource
import select
import socket
import sys
import time
from contextlib import suppress

SPARE = 100
"""Files that a process keeps for itself, of those that it may open."""

TURN = 0.002
"""Seconds between two batches of new connections."""


def serve(port: int) -> None:
    """Accept for ever, and close nothing."""
    kept = []
    with socket.create_server(("0.0.0.0", port), backlog=65535) as listening:
        say("ready")
        while True:
            kept.append(listening.accept()[0])


def open_many(target: tuple[str, int], rate: float, most: int) -> None:
    """Open connections until told to stop; a handshake goes on by itself while others begin."""
    kept: list[socket.socket] = []
    refused = 0
    began = time.monotonic()
    while not select.select([sys.stdin], [], [], TURN)[0]:
        due = min(int((time.monotonic() - began) * rate), most)
        while len(kept) + refused < due:
            connection = socket.socket()
            connection.setblocking(False)
            try:
                with suppress(BlockingIOError):
                    connection.connect(target)
            except OSError:
                refused += 1
                connection.close()
                continue
            kept.append(connection)
    seconds = time.monotonic() - began
    say({"opened": len(kept), "refused": refused, "seconds": round(seconds, 3)})
    sys.stdin.read()


def say(value: object) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    gc.disable()  # it would walk all open connections again and again
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        open_many((sys.argv[2], int(sys.argv[3])), float(sys.argv[4]), limit - SPARE)
