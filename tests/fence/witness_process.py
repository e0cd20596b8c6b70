"""A witness in a process of its own, as its unit runs it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from natgate.model.steering import WitnessFence as Settings
from natgate.store.witness import WitnessFence
from tests.specs import spec_with

from .processes import running, until

ADDRESS, PORT, TIMEOUT = "127.0.0.1", 4650, 0.25
KEY = b"0123456789abcdef"
SPEC = spec_with(
    (
        "{key_env: NATGATE_KEY}",
        f"{{key_env: NATGATE_KEY}}\nfence: {{kind: witness, address: {ADDRESS}}}",
    )
)


def client(key: bytes = KEY, timeout: float = TIMEOUT) -> WitnessFence:
    """A node's end."""
    return WitnessFence(
        Settings.model_validate(
            {"kind": "witness", "address": IPv4Address(ADDRESS), "timeout": f"{timeout}s"}
        ),
        key,
    )


@contextmanager
def witness(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A witness that listens, with its claims in `directory`."""
    spec, log = directory / "spec.yaml", directory / "log"
    spec.write_text(SPEC)
    log.unlink(missing_ok=True)
    argv = [
        sys.executable,
        "-m",
        "natgate",
        "witness",
        "--spec",
        str(spec),
        "--state",
        str(directory / "state"),
    ]
    with running(argv, log, {"NATGATE_KEY": KEY.decode()}) as process:
        until(lambda: "witness of main" in log.read_text(), f"no witness: {argv}")
        yield process
