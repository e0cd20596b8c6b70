"""A name in another region: where its question comes from, and where the traffic comes from.

Both are taken at the far hosts, in the three routings of the network (research/virtual-servers-dns.md,
section 5), before and after the death of the node that translates.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from natgate.agent.places import SOCKET
from natgate.api.client import AgentClient
from natgate.lab import namespace, network, record, resolving
from natgate.lab.scene import VPC

from .capture import capture
from .conftest import Bench, natgate

pytestmark = pytest.mark.lab

NAME = "ec2.ohio.internal"
CLIENT, ENDPOINT, NAT = "172.31.1.159", "172.31.2.10", "172.31.3.30"
FAR = "10.20.0.0/16"
SUBNETS = ("ec2", "endpoint")
"""Those whose route table may lead to the far region by the gateway."""

ROUTINGS = [
    pytest.param((), ENDPOINT, CLIENT, id="no NAT"),
    pytest.param(("ec2",), ENDPOINT, NAT, id="the client's subnet"),
    pytest.param(("ec2", "endpoint"), NAT, NAT, id="both subnets"),
]
"""The subnets that an entry covers; where the question, and where the traffic, comes from."""


@pytest.fixture(scope="module")
def regions(bring_up: Callable[..., Bench]) -> Bench:
    """The scene, up."""
    return bring_up("resolver")


def entry(regions: Bench, node: str, verb: str, *arguments: str) -> None:
    """`natgate entry` on a node; it must succeed."""
    state = str(regions.lab.state(node))
    argv = [sys.executable, "-m", "natgate", "entry", verb, "--state", state, "private", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def route_by(regions: Bench, subnets: tuple[str, ...]) -> None:
    """Let entries cover these subnets and no others; return when the route tables say so."""
    for node in regions.lab.nodes():
        agent = AgentClient(regions.lab.state(node) / SOCKET)
        held = {each["entry"] for each in agent.entries()}
        for subnet in SUBNETS:
            name = f"{subnet}-to-ohio"
            if subnet in subnets and name not in held:
                text = f"{{name: {name}, subnets: [{subnet}], destinations: [{FAR}]}}"
                entry(regions, node, "add", "snat", text)
            elif subnet not in subnets and name in held:
                entry(regions, node, "remove", name)
    wait(lambda: by_gateway(regions) == subnets, "the route tables are not as the entries say")


def by_gateway(regions: Bench) -> tuple[str, ...]:
    """The subnets whose route table leads to the far region by a node."""
    numbers = network.tables(regions.lab.scene.spec)
    argv = ["ip", "-n", regions.lab.namespace(VPC), "-j", "route", "show", FAR, "table"]
    return tuple(
        subnet
        for subnet in SUBNETS
        if json.loads(namespace.run([*argv, str(numbers[subnet])]) or "[]")
    )


def wait(true: Callable[[], bool], otherwise: str) -> None:
    """Return when it is true; the sentence after 10 s."""
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


def sources(regions: Bench) -> tuple[set[str], set[str]]:
    """Ping by name from the client: where question and echo come from, as the far hosts see it."""
    with (
        capture(regions, "inbound", "eth0", "udp dst port 53") as questions,
        capture(regions, "ec2", "eth0", "icmp[icmptype] == icmp-echo") as echoes,
    ):
        # -n: no question for the name of the address that answers.
        regions.ok("exec", "osec2", "--", "ping", "-n", "-4", "-c1", "-W2", NAME)
        found = questions.packets(1), echoes.packets(1)
    asked, pinged = ({str(IPv4Address(packet[12:16])) for packet in each} for each in found)
    return asked, pinged


def foretold(*where: str) -> tuple[set[str], set[str]]:
    """The same as `natgate trace` foretells it, which a dry run must not contradict."""
    argv = [sys.executable, "-m", "natgate", "trace", *where, "--json"]
    argv += ["--from", "osec2", "--to", NAME, "--proto", "icmp"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    trace = json.loads(done.stdout)
    asked, pinged = (each["source_at_target"]["predicted"] for each in (trace["query"], trace))
    return {asked}, {pinged}


@pytest.mark.parametrize(("subnets", "question", "traffic"), ROUTINGS)
def test_each_flow_has_the_source_that_its_own_route_table_gives_it(
    regions: Bench, subnets: tuple[str, ...], question: str, traffic: str
) -> None:
    """The six cells, seen and foretold; they are the same once another node translates."""
    route_by(regions, subnets)
    assert sources(regions) == foretold("--lab", regions.name) == ({question}, {traffic})
    regions.settle()
    dead = regions.active()
    regions.ok("fault", "node-dead", dead)
    wait(lambda: regions.active() != dead, f"{dead} is still active")
    wait(lambda: by_gateway(regions) == subnets, "the route tables did not follow")
    assert sources(regions) == foretold("--lab", regions.name) == ({question}, {traffic})
    regions.heal()
    assert regions.packets("wrong") == {}


def test_two_files_are_enough_to_foretell_both_sources(regions: Bench, tmp_path: Path) -> None:
    """The spec, and the routes as the lab wrote them down."""
    spec, written = tmp_path / "spec.yaml", tmp_path / "routes.yaml"
    state = regions.lab.state(regions.active())
    spec.write_text(AgentClient(state / SOCKET).spec()["text"])
    argv = [sys.executable, "-m", "natgate", "lab", "routes", regions.name]
    written.write_text(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    live = foretold("--lab", regions.name)
    assert foretold("--spec", str(spec), "--routes", str(written)) == live


def test_a_name_is_resolved_through_both_resolvers(regions: Bench) -> None:
    """The client's own programs get the address; each server's log shows who asked it."""
    said = regions.ok("exec", "osec2", "--", "getent", "hosts", NAME)
    assert said.split() == ["10.20.1.20", NAME]
    assert f"query[AAAA] {NAME} from {CLIENT}" in regions.ok("logs", "resolver")
    assert f"forwarded {NAME} to 10.20.2.53" in regions.ok("logs", "resolver")
    assert f"query[AAAA] {NAME} from {ENDPOINT}" in regions.ok("logs", "inbound")


@pytest.mark.parametrize("name", ["lost.ohio.internal", "ec2.elsewhere.internal"])
def test_a_name_that_nobody_knows_is_not_found(regions: Bench, name: str) -> None:
    """Neither one of the far zone that does not exist, nor one of a zone that is not forwarded."""
    assert regions.run("exec", "osec2", "--", "getent", "hosts", name).returncode != 0


def test_other_hosts_ask_whom_the_machine_asks(regions: Bench) -> None:
    """Only clients have the resolver; the machine's own file is never touched."""
    before = Path("/etc/resolv.conf").read_text()
    show = ("--", "cat", "/etc/resolv.conf")
    assert regions.ok("exec", "osec2", *show) == "nameserver 172.31.0.2\n"
    assert regions.ok("exec", "nat-1", *show) == before
    assert Path("/etc/resolv.conf").read_text() == before


def test_nothing_is_left_of_a_resolver(bring_up: Callable[..., Bench]) -> None:
    """Its processes end with the lab; one that nobody has waited for yet has no arguments."""
    bench = bring_up("resolver")
    hosts = ("resolver", "inbound")
    running = namespace.processes([bench.lab.namespace(host) for host in hosts])
    assert sum(argv[0] == resolving.PROGRAM for argv in running.values()) == len(hosts)
    assert natgate("down", "--name", bench.name).returncode == 0
    assert bench.name not in record.names()
    left = [Path(f"/proc/{pid}/cmdline") for pid in running]
    assert not any(path.exists() and path.read_bytes() for path in left)
