"""Divided networks: all nodes live, and some cannot reach each other or the fence.

Each test looks again and again at the rules of both nodes: no port may be given out by two at once.
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from natgate.lab import catalogue, namespace

from .conftest import Bench

pytestmark = pytest.mark.lab

NODES = ("node-a", "node-c")
CLIENTS = ("client-a", "client-c")
TARGET = "192.168.100.20"
ETCD = "http://192.168.100.5:2379"
LOOKED = 4.0
"""Seconds after a cut: longer than the lease after which a silent node's ports may be adopted."""

DEADLINE = 20.0
Ports = tuple[int, int]


@pytest.fixture(scope="module")
def divided(
    bring_up: Callable[..., Bench], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """Both zones forward, with an etcd beyond the nodes as their fence."""
    text = catalogue.text_of(catalogue.DEFAULT_SCENE)
    text = text.replace("- name: partner\n", "- name: partner\n      mode: active-active\n")
    text += f'  fence: {{kind: etcd, endpoints: ["{ETCD}"], insecure: true}}\n'
    scene = tmp_path_factory.mktemp("scene") / "divided.yaml"
    scene.write_text(text)
    bench = bring_up(str(scene))
    with _etcd(bench, tmp_path_factory.mktemp("etcd")):
        _settle(bench)
        yield bench


@contextmanager
def _etcd(bench: Bench, directory: Path) -> Iterator[None]:
    """One etcd on the router, beside the upstream that the nodes check."""
    argv = ["etcd", "--data-dir", str(directory / "data"), "--log-level", "error"]
    argv += ["--listen-client-urls", ETCD, "--advertise-client-urls", ETCD]
    argv += ["--listen-peer-urls", "http://127.0.0.1:2380"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            namespace.inside(bench.lab.namespace("vpn"), argv), stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.kill()
            process.wait()


def _settle(bench: Bench) -> None:
    """Each node carries its own zone, gives out its own ports and owns its block."""
    operate(bench, "failover", "--home")
    wait(lambda: claims(bench) == {"partner@node-a": "node-a", "partner@node-c": "node-c"})
    wait(lambda: all(given_out(bench, node) for node in NODES))


def operate(bench: Bench, *arguments: str) -> None:
    """A command of an operator on node a."""
    state = str(bench.lab.state("node-a"))
    argv = [sys.executable, "-m", "natgate", *arguments, "--state", state]
    namespace.run(namespace.inside(bench.lab.namespace("node-a"), argv))


def wait(holds: Callable[[], bool]) -> None:
    """Return when something holds."""
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def given_out(bench: Bench, node: str) -> set[Ports]:
    """The ports that the rules of a node give to new flows."""
    argv = ["nft", "list", "chain", "ip", "natgate", "snat.partner.to-partner"]
    rules = namespace.run(namespace.inside(bench.lab.namespace(node), argv))
    return {(int(first), int(last)) for first, last in re.findall(r"85:(\d+)-(\d+)", rules)}


def claims(bench: Bench) -> dict[str, str]:
    """Who owns each block by the word of the fence, as etcd has it."""
    argv = ["etcdctl", "--endpoints", ETCD, "get", "--prefix", "natgate/fence/", "-w", "simple"]
    lines = namespace.run(
        ["env", "ETCDCTL_API=3", *namespace.inside(bench.lab.namespace("vpn"), argv)]
    ).split()
    pairs = dict(zip(lines[::2], lines[1::2], strict=True))
    return {f"partner@{key.rpartition('/')[2]}": owner for key, owner in pairs.items()}


def carriers(bench: Bench) -> set[str]:
    """Whom the router's own tables lead to."""
    addresses = {"10.10.0.68": "node-a", "10.10.0.100": "node-c"}
    argv = ["ip", "-n", bench.lab.namespace("vpc"), "route", "show", "table", "all"]
    found = re.findall(
        r"^(?:10\.10\.0\.80/28|192\.168\.100\.0/24) via (\S+)", _out(argv), re.MULTILINE
    )
    return {addresses[via] for via in found if via in addresses}


def _out(argv: list[str]) -> str:
    return namespace.run(argv)


def overlap(one: set[Ports], other: set[Ports]) -> bool:
    """Whether two sets of ranges share a port."""
    return any(a[0] <= b[1] and b[0] <= a[1] for a in one for b in other)


def watch_ports(bench: Bench, seconds: float) -> int:
    """Look at both nodes' rules for so long; no port is given out by both at once. How many looks.

    One node is looked at before and after the other: what it gave out both times it gave out then.
    """
    end = time.monotonic() + seconds
    looks = 0
    while time.monotonic() < end:
        before = given_out(bench, "node-a")
        between = given_out(bench, "node-c")
        after = given_out(bench, "node-a")
        assert not overlap(before & after, between), (before, between, after)
        looks += 1
    return looks


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("kind", ["path-cut", "isolated", "one-way"])
def test_no_port_is_given_out_by_two_nodes(divided: Bench, kind: str, node: str) -> None:
    """Whoever is cut off: traffic goes on with the right source, and each port has one giver."""
    divided.ok("fault", kind, node)
    assert watch_ports(divided, LOOKED) > 10
    wait(lambda: len(carriers(divided)) == 1)
    for client in CLIENTS:
        wait(lambda client=client: divided.fetch(client, TARGET) is not None)  # type: ignore[misc]
    assert divided.packets("wrong") == {}
    divided.heal()
    assert watch_ports(divided, 1.0) > 2
    _settle(divided)
    for client in CLIENTS:
        assert divided.fetch(client, TARGET) == "ok: source=10.10.0.85\n"
    assert divided.packets("wrong") == {}


def test_a_fence_that_is_away_costs_ports_and_no_traffic(divided: Bench) -> None:
    """A node that dies while the fence is away is relieved; its ports are adopted when it is back."""
    ports = given_out(divided, "node-c")
    fence = [pid for pid, argv in _processes(divided).items() if argv[0] == "etcd"]
    namespace.run(["kill", "-STOP", *map(str, fence)])
    try:
        divided.ok("fault", "node-dead", "node-a")
        wait(lambda: carriers(divided) == {"node-c"})
        for client in CLIENTS:
            wait(lambda client=client: divided.fetch(client, TARGET) is not None)  # type: ignore[misc]
        assert given_out(divided, "node-c") == ports
    finally:
        namespace.run(["kill", "-CONT", *map(str, fence)])
    wait(lambda: given_out(divided, "node-c") == {(1025, 65535)})
    assert claims(divided)["partner@node-a"] == "node-c"
    assert divided.packets("wrong") == {}
    divided.heal()
    _settle(divided)


def _processes(bench: Bench) -> dict[int, list[str]]:
    return namespace.processes([bench.lab.namespace("vpn")])
