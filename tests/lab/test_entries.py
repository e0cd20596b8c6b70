"""Every kind of entry in a lab, as both far ends see it, and after the node that carries it has died."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from natgate.lab import namespace

from .conftest import Bench

pytestmark = pytest.mark.lab

WORLD = "203.0.113.20"
SERVE = """\
import socket, sys
server = socket.create_server(("", int(sys.argv[1])))
print(1, flush=True)
while True:
    made, (seen, _) = server.accept()
    made.recv(999)
    made.sendall(f"HTTP/1.0 200 OK\\r\\n\\r\\nyou are {seen}\\n".encode())
    made.close()
"""


@pytest.fixture(scope="module")
def lab(bring_up: Callable[..., Bench]) -> Bench:
    """The scene, up."""
    return bring_up("entries")


@contextmanager
def serving(lab: Bench, client: str, port: int) -> Iterator[None]:
    """A host that says who it sees."""
    argv = [sys.executable, "-c", SERVE, str(port)]
    argv = namespace.inside(lab.lab.namespace(client), argv)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            server.stdout.readline()
            yield
        finally:
            server.kill()


def asked(lab: Bench, host: str, where: str) -> str:
    """What a host gets from a server."""
    return lab.run("exec", host, "--", "curl", "-s", "--max-time", "3", f"http://{where}/").stdout


LEAVES = {"client-a": "198.51.100.2", "client-b": "198.51.100.3", "client-c": "198.51.100.4",
          "client-d": "198.51.100.5"}  # fmt: skip
REACHED = [
    ("client-a", 8080, "198.51.100.3"),
    ("client-b", 8105, "198.51.100.3:105"),
    ("client-c", 9000, "198.51.100.4:9000"),
    ("client-d", 9001, "198.51.100.5:9001"),
]


def everything(lab: Bench) -> None:
    """Who leaves with which address, and who is reached at which."""
    for client, address in LEAVES.items():
        assert lab.fetch(client, WORLD) == f"ok: source={address}\n"
    for client, port, where in REACHED:
        with serving(lab, client, port):
            assert asked(lab, "world", where) == f"you are {WORLD}\n"
            if client != "client-d":
                inside = asked(lab, "client-d", where)
                assert inside == f"you are {where.partition(':')[0]}\n"
    assert lab.packets("wrong") == {}


def test_every_entry_does_what_it_says(lab: Bench) -> None:
    """From inside to outside, from outside to inside, and from inside to an address of the gateway."""
    everything(lab)
    entries = {each["entry"]: each["flows_started"] for each in active_entries(lab)}
    assert all(entries[name] > 0 for name in ("own", "all-ports", "http", "range", "zone-a", "one"))


def active_entries(lab: Bench) -> list[dict[str, Any]]:
    """The entries of the active node with their counts."""
    state = str(lab.lab.state(lab.active()))
    argv = [sys.executable, "-m", "natgate", "entries", "--json", "--state", state]
    return list(json.loads(subprocess.run(argv, capture_output=True, check=True).stdout))


def test_an_echo_reaches_a_host_only_where_it_has_all_ports(lab: Bench) -> None:
    """Else the gateway answers for its address."""
    for address in ("198.51.100.4", "198.51.100.5", "198.51.100.3"):
        done = lab.run("exec", "world", "--", "ping", "-c1", "-W2", address)
        assert done.returncode == 0, done.stdout


def test_all_of_it_goes_on_when_the_node_dies(lab: Bench) -> None:
    """Addresses, ports and hosts are the same on the node that takes over."""
    lab.settle()
    dead = lab.active()
    lab.ok("fault", "node-dead", dead)
    deadline = time.monotonic() + 10
    while lab.active() == dead:
        assert time.monotonic() < deadline, "nobody took over"
        time.sleep(0.05)
    everything(lab)
    lab.heal()


def test_flows_are_named_by_the_entries_that_translated_them(lab: Bench) -> None:
    """With who carries them, what they moved and how old they are; nodes' own probes only if asked."""
    for client in LEAVES:
        assert lab.fetch(client, WORLD)
    active = lab.active()
    base = [
        sys.executable,
        "-m",
        "natgate",
        "flows",
        "--json",
        "--state",
        str(lab.lab.state(active)),
    ]

    def listed(*options: str) -> list[dict[str, Any]]:
        argv = namespace.inside(lab.lab.namespace(active), [*base, *options])
        return list(
            json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)["flows"]
        )

    found = [each for each in listed("--proto", "tcp") if each["destination"] == WORLD]
    names = {each["client"]: each["entry"] for each in found}
    assert names == {
        "10.60.0.10": "web/zone-a",
        "10.60.0.11": "web/one",
        "10.60.0.42": "web/own",
        "10.60.0.43": "web/all-ports",
    }
    assert {each["node"] for each in found} == {active}
    counted = [each for each in found if each["packets"]]
    assert counted, "the node counts what it carries itself"
    assert all(each["reply_bytes"] > 0 and each["age_s"] is not None for each in counted)
    assert {each["entry"] for each in listed("--entry", "web/one")} == {"web/one"}
    probes = {each["entry"] for each in listed("--probes")}
    assert "(probe)" in probes
    assert "(probe)" not in {each["entry"] for each in listed()}
