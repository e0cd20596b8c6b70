"""How faults of a lab's API are set: one line of JSON over a Unix socket, one line back."""

import json
import os
import socket
import socketserver
from collections.abc import Callable
from pathlib import Path

from natgate.model.error import HostError, NatgateError, RefusedError

PATIENCE = 10.0

VERBS = (
    *("throttle", "refuse", "slow", "stale", "no-credentials", "heal"),
    *("stop", "terminate"),
)
"""What can be asked: faults of the API, their end, and the end of an instance."""

BOOT = "boot"
"""Asked by `natgate lab heal`: start the machine of a node's instance again."""

Act = Callable[[str, str], str]
"""A verb and its argument; a sentence that says what came of it."""


def serve(path: Path, act: Act) -> socketserver.ThreadingUnixStreamServer:
    """A server that waits to be run; only root reaches it."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked = json.loads(self.rfile.readline() or b"{}")
            try:
                told = {"said": act(str(asked.get("verb")), str(asked.get("argument", "")))}
            except NatgateError as error:
                told = {"refused": str(error)}
            self.wfile.write(json.dumps(told).encode() + b"\n")

    path.unlink(missing_ok=True)
    old = os.umask(0o177)
    try:
        server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
    finally:
        os.umask(old)
    server.daemon_threads = True
    return server


def ask(path: Path, verb: str, argument: str = "") -> str:
    """What the lab's cloud says to a verb; RefusedError with its reason, HostError if it is not there."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(PATIENCE)
        try:
            caller.connect(str(path))
            caller.sendall(json.dumps({"verb": verb, "argument": argument}).encode() + b"\n")
            told = json.loads(caller.makefile().readline() or "{}")
        except (OSError, ValueError) as error:
            raise HostError(f"the lab's cloud does not answer at {path}: {error}") from None
    if "refused" in told:
        raise RefusedError(told["refused"])
    if "said" not in told:
        raise HostError(f"the lab's cloud ended while it was asked; its log is {path.parent}/log")
    return str(told["said"])
