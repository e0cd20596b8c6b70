"""Network namespaces by name: made, entered, searched for processes, and taken away.

Nothing here touches the machine's own namespace; both ends of every link lie in these.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from natgate.kernel.program import run as run  # noqa: PLC0414 (what runs inside is run by it)

NETNS = Path("/run/netns")
DEADLINE = 2.0
"""Seconds that a process has to end after SIGTERM, before SIGKILL."""


def inside(namespace: str, argv: Iterable[str]) -> list[str]:
    """The command that runs `argv` in a namespace, as the same process."""
    return ["nsenter", f"--net={NETNS / namespace}", "--", *argv]


def create(namespaces: Iterable[str]) -> None:
    """Make empty namespaces."""
    run(["ip", "-batch", "-"], stdin="".join(f"netns add {name}\n" for name in namespaces))


def configure(namespace: str, lines: Iterable[str]) -> None:
    """Run lines of `ip` in a namespace; the first one that fails ends it with a HostError."""
    run(["ip", "-n", namespace, "-batch", "-"], stdin="\n".join(lines) + "\n")


def load_rules(namespace: str, script: str) -> None:
    """Run an nft script in a namespace, as one transaction."""
    run(inside(namespace, ["nft", "-f", "-"]), stdin=script)


def set_sysctls(namespace: str, values: Mapping[str, int]) -> None:
    """Write kernel settings of a namespace, in the given order."""
    lines = "".join(f"{key} = {value}\n" for key, value in values.items())
    run(inside(namespace, ["sysctl", "--quiet", "-p", "-"]), stdin=lines)


def start(namespace: str, argv: Sequence[str], *, log: Path, env: Mapping[str, str]) -> None:
    """Start a program that outlives this one, in a session of its own, its output added to `log`.

    `env` is added to the environment, which no process list shows to others than root.
    """
    with log.open("ab") as output:
        subprocess.run(
            ["setsid", "--fork", *inside(namespace, argv)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **env},
            check=True,
        )


def existing(prefix: str) -> list[str]:
    """The namespaces whose names begin with `prefix`."""
    return sorted(entry.name for entry in NETNS.glob(f"{prefix}*"))


def processes(namespaces: Iterable[str]) -> dict[int, list[str]]:
    """Every process in one of the namespaces, by pid, with its arguments."""
    wanted = {(NETNS / name).stat().st_ino for name in namespaces if (NETNS / name).exists()}
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "ns/net").stat().st_ino in wanted:
                found[int(entry.name)] = (entry / "cmdline").read_text().split("\0")[:-1]
        except (OSError, UnicodeDecodeError):
            continue  # it has ended meanwhile
    return found


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each process that still exists."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def end_processes(namespaces: Sequence[str]) -> None:
    """End every process in the namespaces: asked first, also the stopped ones, then killed."""
    asked = processes(namespaces)
    send(asked, signal.SIGTERM)
    send(asked, signal.SIGCONT)
    deadline = time.monotonic() + DEADLINE
    while left := processes(namespaces):
        if time.monotonic() > deadline:
            send(left, signal.SIGKILL)
        time.sleep(0.01)


def delete(namespaces: Sequence[str]) -> None:
    """Take namespaces away, with their links and every process in them."""
    end_processes(namespaces)
    if namespaces:
        run(["ip", "-batch", "-"], stdin="".join(f"netns delete {name}\n" for name in namespaces))
