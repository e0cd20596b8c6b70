"""Instances of a lab: a node's namespace, its processes and its link."""

import shutil
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from natgate.lab import agents, faults, namespace
from natgate.lab.record import Lab
from natgate.model.error import NatgateError


class NodeMachines:
    """The nodes' namespaces; booting goes on beside the endpoint, since the new agent asks it."""

    def __init__(self, lab: Lab, say: Callable[[str], None]) -> None:
        self._lab, self._say = lab, say
        self._busy = {node: threading.Lock() for node in lab.nodes()}
        self._pool = ThreadPoolExecutor(len(lab.nodes()))

    def kill(self, node: str) -> None:
        """Cut the node's link and end all its processes, by their ids."""
        name = self._lab.namespace(node)
        namespace.configure(name, ["link set eth0 down"])
        namespace.send(namespace.processes([name]), signal.SIGKILL)
        self._say(f"the machine of {node} is off")

    def boot(self, node: str, address: str, *, fresh: bool) -> None:
        """A machine that has just booted: no rules or flows, and an empty state if it is fresh.

        One that is up already, and is not fresh, gets what it lacks.
        """
        self._pool.submit(self._boot, node, address, fresh=fresh)

    def _boot(self, node: str, address: str, *, fresh: bool) -> None:
        try:
            with self._busy[node]:
                if fresh or not faults.link_is_up(self._lab, node):
                    faults.boot(self._lab, node, address)
                if fresh:
                    self._empty(node)
                if not agents.pids(self._lab, node):
                    agents.start(self._lab, node)
        except (NatgateError, OSError) as error:
            self._say(f"the machine of {node} did not come up: {error}")
        else:
            self._say(f"the machine of {node} is up with {address}")

    def _empty(self, node: str) -> None:
        """Only the log stays, for whoever wants to read what happened."""
        for entry in self._lab.state(node).iterdir():
            if entry == self._lab.log(node):
                continue
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def end(self) -> None:
        """Wait for what is being booted."""
        self._pool.shutdown(cancel_futures=True)


def say(line: str) -> None:
    """A line of the host's log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
