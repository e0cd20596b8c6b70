"""A real etcd of one or three members on the loopback, with its data in a directory of its own."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from natgate.model.steering import EtcdFence as Settings
from natgate.store.etcd import Credentials, EtcdFence

from .processes import PATIENCE, running

TIMEOUT = 0.25
FIRST_PORT = 23790


@dataclass(slots=True, kw_only=True)
class Cluster:
    """The members that run, each by its endpoint."""

    members: dict[str, subprocess.Popen[bytes]]
    scheme: str = "http"
    flags: list[str] = field(default_factory=list)
    """What lets `etcdctl` in."""

    def fence(self, timeout: float = TIMEOUT, **more: object) -> EtcdFence:
        """A node's end."""
        settings = {"kind": "etcd", "endpoints": tuple(self.members), "timeout": f"{timeout}s"}
        return EtcdFence(Settings.model_validate({**settings, **more}), Credentials())

    def etcdctl(self, *arguments: str) -> str:
        """What etcd's own client says."""
        argv = ["etcdctl", f"--endpoints={','.join(self.members)}", *self.flags, *arguments]
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, env={"ETCDCTL_API": "3"}, timeout=30
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def leader(self) -> str:
        """The endpoint that leads, once all are agreed."""
        deadline = time.monotonic() + PATIENCE
        while True:
            lines = [line.split(", ") for line in self.etcdctl("endpoint", "status").splitlines()]
            leaders = [columns[0] for columns in lines if columns[4] == "true"]
            if len(leaders) == 1:
                return leaders[0]
            assert time.monotonic() < deadline, lines
            time.sleep(0.05)


@contextmanager
def etcd(
    directory: Path, count: int = 1, flags: tuple[str, ...] = (), ctl: tuple[str, ...] = ()
) -> Iterator[Cluster]:
    """A cluster that is ready; `flags` for each member, with `ctl` to match for etcdctl."""
    scheme = "https" if "--cert-file" in flags else "http"
    clients = [f"{scheme}://127.0.0.1:{FIRST_PORT + 2 * n}" for n in range(count)]
    peers = [f"http://127.0.0.1:{FIRST_PORT + 2 * n + 1}" for n in range(count)]
    everybody = ",".join(f"m{n}={peer}" for n, peer in enumerate(peers))
    with ExitStack() as stack:
        members = {}
        for n, (client, peer) in enumerate(zip(clients, peers, strict=True)):
            argv = [
                "etcd",
                *("--name", f"m{n}", "--data-dir", str(directory / f"m{n}")),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                *("--initial-cluster", everybody, "--initial-cluster-state", "new"),
                *("--logger", "zap", "--log-level", "warn", *flags),
            ]
            members[client] = stack.enter_context(running(argv, directory / f"m{n}.log"))
        made = Cluster(members=members, scheme=scheme, flags=list(ctl))
        _wait(made)
        yield made


def _wait(cluster: Cluster) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            cluster.etcdctl("endpoint", "health")
            cluster.leader()
        except AssertionError:
            assert time.monotonic() < deadline, "no etcd"
            time.sleep(0.1)
        else:
            return
