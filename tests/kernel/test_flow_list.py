"""`natgate flows` as an operator runs it, on real entries of the kernel's table."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any

import pytest
from bench.filled import fill

from natgate.agent.places import SOCKET
from tests.namespaces import execute

SNAT = "-s 10.1.0.10 -d 203.0.113.20 --sport 5000 --dport 443 --src-nat 198.51.100.1:2000"
MADE = {
    "snat tcp": f"-p tcp --state ESTABLISHED {SNAT} --mark 0x17",
    "snat udp": "-p udp -s 10.1.0.11 -d 203.0.113.20 --sport 5001 --dport 53 "
    "--src-nat 198.51.100.1:2001",
    "dnat tcp": "-p tcp --state ESTABLISHED -s 203.0.113.20 -d 198.51.100.2 --sport 7000 "
    "--dport 80 --dst-nat 10.1.0.10:8080",
    "both udp": "-p udp -s 10.1.0.10 -d 198.51.100.2 --sport 6000 --dport 53 "
    "--src-nat 198.51.100.2:3000 --dst-nat 10.1.0.11:5353",
    "dnat udp": "-p udp -s 203.0.113.21 -d 198.51.100.3 --sport 7001 --dport 53 "
    "--dst-nat 198.51.100.3:5353",
    "none tcp": "-p tcp --state ESTABLISHED -s 10.1.0.12 -d 10.1.0.13 --sport 1 --dport 2",
    "none udp": "-p udp -s 2001:db8::1 -d 2001:db8::2 --sport 1 --dport 2",
}
"""One flow of each kind: hairpin is `both`, and a changed port alone is a translation too."""


def natgate(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """The command, beside no agent."""
    argv = [sys.executable, "-m", "natgate", "flows", *arguments]
    return subprocess.run(
        argv, input=stdin, capture_output=True, text=True, check=False, timeout=60
    )


def listed(*arguments: str) -> list[dict[str, Any]]:
    """The flows of the JSON document."""
    done = natgate("--json", *arguments)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["count"] == len(told["flows"])
    return list(told["flows"])


def kinds(*arguments: str) -> list[str]:
    """Kind and protocol of each, in the alphabet's order."""
    return sorted(f"{each['kind']} {each['protocol']}" for each in listed(*arguments))


@pytest.fixture(autouse=True)
def table() -> None:
    """One flow of each kind."""
    execute("nft", "add table ip nat")
    for words in MADE.values():
        execute(*f"conntrack -I -t 100 -u SEEN_REPLY,ASSURED {words}".split())


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("", ["both udp", "dnat tcp", "dnat udp", "snat tcp", "snat udp"]),
        ("--kind all", sorted(MADE)),
        ("--kind none", ["none tcp", "none udp"]),
        ("--kind dnat", ["dnat tcp", "dnat udp"]),
        ("--kind all -6", ["none udp"]),
        ("--client 10.1.0.10", ["dnat tcp", "snat tcp"]),
        ("--client 10.1.0.11", ["both udp", "snat udp"]),
        ("--client 10.1.0.0/24", ["both udp", "dnat tcp", "snat tcp", "snat udp"]),
        ("--source 10.1.0.10", ["both udp", "snat tcp"]),
        ("--destination 10.1.0.11", ["both udp"]),
        ("--address 198.51.100.1", ["snat tcp", "snat udp"]),
        ("--address 198.51.100.2", ["both udp", "dnat tcp"]),
        ("--address 198.51.100.2 --port 53 --proto udp", ["both udp"]),
        ("--address 198.51.100.1 --port 2000 --proto tcp", ["snat tcp"]),
        ("--address 198.51.100.0/30 --port 53", ["both udp", "dnat udp"]),
        ("--proto udp", ["both udp", "dnat udp", "snat udp"]),
        ("--flow-state established", ["dnat tcp", "snat tcp"]),
        ("--mark 0x7/0xf", ["snat tcp"]),
        ("--zone 0 --kind snat", ["snat tcp", "snat udp"]),
        ("--zone 5", []),
    ],
)
def test_flows_are_chosen_by_what_the_kernel_did(options: str, found: list[str]) -> None:
    """Each once, also where the kernel is asked for both sides."""
    assert kinds(*options.split()) == found


def test_the_table_shows_what_each_end_sees() -> None:
    """In the order that is asked for, and as many as are asked for."""
    lines = natgate("--sort", "port").stdout.splitlines()
    assert lines[0].split() == [
        "KIND",
        "PROTO",
        "FROM",
        "SEEN",
        "AS",
        "TO",
        "REACHES",
        "STATE",
        "LEFT",
    ]
    assert [line.split()[0] for line in lines[1:]] == ["both", "dnat", "dnat", "snat", "snat"]
    assert lines[-1].split()[2:6] == ["10.1.0.11:5001", "198.51.100.1:2001", "203.0.113.20:53", "-"]
    assert len(natgate("--top", "2").stdout.splitlines()) == 3
    groups = [line.split()[:2] for line in natgate("--by", "address").stdout.splitlines()[1:]]
    assert groups == [["198.51.100.1", "2"], ["198.51.100.2", "2"], ["198.51.100.3", "1"]]
    assert natgate("--zone", "5").stdout == "no flow is like that\n"
    assert len(natgate("--csv").stdout.splitlines()) == 6


def test_who_holds_a_port_is_one_look() -> None:
    """By the far end if it is known; to outside and from there."""
    said = natgate("who", "198.51.100.1:2000", "--to", "203.0.113.20:443").stdout
    assert (
        said == "198.51.100.1:2000 tcp is 10.1.0.10:5000 towards 203.0.113.20:443 (established)\n"
    )
    assert natgate("who", "198.51.100.1:2000").stdout == said
    assert natgate("who", "198.51.100.1:2000", "--to", "203.0.113.20").stdout == said
    served = natgate("who", "198.51.100.2:80", "--to", "203.0.113.20:7000", "--proto", "tcp")
    assert "is 10.1.0.10:8080 towards 203.0.113.20:7000" in served.stdout
    nobody = natgate("who", "198.51.100.1:2000", "--to", "203.0.113.20:444")
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert nobody.stderr.count("\n") == 1


def test_just_the_chosen_flows_end() -> None:
    """After they were shown, and only if somebody says yes."""
    assert natgate("end").returncode == 1
    assert natgate("--client", "10.1.0.10", "end", "--kind", "snat", "--yes").returncode == 2
    assert len(listed()) == 5
    asked = natgate("end", "--client", "10.1.0.10", stdin="n\n")
    assert asked.returncode == 1
    assert len(listed()) == 5
    done = natgate("end", "--client", "10.1.0.10", "--yes")
    assert done.stdout.splitlines()[-1] == "2 flows ended"
    assert kinds() == ["both udp", "dnat udp", "snat udp"]


def test_flows_of_another_node_are_added_each_once() -> None:
    """Replicas are the same flow."""
    here = natgate("--json").stdout
    execute(*["conntrack", "-D", "-p", "tcp"])
    assert len(listed()) == 3
    done = natgate("--json", "--with", "-", stdin=here)
    assert json.loads(done.stdout)["count"] == 5


@pytest.mark.parametrize(
    "options",
    [
        ["--client", "nowhere"],
        ["--mark", "x"],
        ["--proto", "nothing"],
        ["--client", "10.0.0.1", "--source", "::1"],
        ["--with", "-"],
        ["--watch"],
        ["--watch", "--with", "-"],
        ["who", "198.51.100.1"],
        ["who", "here:port"],
    ],
)
def test_what_cannot_be_read_is_one_sentence(options: list[str]) -> None:
    """And nothing on standard output."""
    done = natgate(*options, stdin="{}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


class Older(BaseHTTPRequestHandler):
    """An agent that knows nothing of flows."""

    def do_GET(self) -> None:
        """It has no such page."""
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """It says nothing."""


def test_an_agent_of_another_version_only_costs_the_names(tmp_path: Path) -> None:
    """The flows are listed, and what is missing is said."""
    with UnixStreamServer(str(tmp_path / SOCKET), Older) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            done = natgate("--state", str(tmp_path))
        finally:
            server.shutdown()
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 6)
    assert done.stderr.startswith("note: the agent names no entries")


def test_without_the_privilege_it_says_so() -> None:
    """The kernel shows flows to an administrator of the network only."""
    argv = ["setpriv", "--bounding-set", "-net_admin", sys.executable, "-m", "natgate", "flows"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    assert "run as root" in done.stderr


def test_very_many_flows_are_listed_like_a_few() -> None:
    """Columns of a large table say the same as single flows, and as another program counts."""
    execute("conntrack", "-F")
    fill(45_000)
    count = len(execute(*["conntrack", "-L", "-p", "udp"]).splitlines())
    wide = natgate("--proto", "udp").stdout.splitlines()
    assert len(wide) == count + 1
    host = wide[1].split()[2].partition(":")[0]
    alone = natgate("--source", host, "--proto", "udp").stdout.splitlines()
    mine = [line.split()[:7] for line in wide if line.split()[2].startswith(f"{host}:")]
    assert [line.split()[:7] for line in alone[1:]] == mine
    groups = dict(line.split() for line in natgate("--by", "protocol").stdout.splitlines()[1:])
    assert int(groups["udp"]) == count
    assert len(listed("--top", "7", "--sort", "left")) == 7
    assert natgate("--proto", "sctp").stdout == "no flow is like that\n"
    assert len(natgate("--csv", "--kind", "none").stdout.splitlines()) > 1
