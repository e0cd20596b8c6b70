"""The lab with its routes in an API like EC2's: packets follow it, and the nodes fail over by it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from natgate.lab import namespace, network, record, vpc
from natgate.lab.measure import Figures, figures
from natgate.lab.scene import paths
from natgate.lab.watch import Watch

from .aws_calls import CLIENTS_A, EDGE, call, in_kernel, instances, interface, leading, tables, wait
from .conftest import SOON_MS, Bench, natgate

pytestmark = pytest.mark.lab

TARGET, FROM_FIXED = "192.168.100.20", "ok: source=10.10.0.85\n"


@pytest.fixture(scope="module")
def bench(bring_up: Callable[..., Bench]) -> Bench:
    """The built-in scene on the lab's own cloud."""
    return bring_up("--cloud", "aws")


@pytest.fixture(autouse=True)
def _healed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Heal the API and the nodes after each test of the shared lab."""
    yield
    if "bench" in request.fixturenames:
        bench = request.getfixturevalue("bench")
        bench.ok("api", "heal")
        wait(lambda: len(instances(bench)) == 2, "an instance for each node")
        bench.heal()


def other(node: str) -> str:
    """The other node."""
    return {"node-a": "node-c", "node-c": "node-a"}[node]


def under_traffic(bench: Bench, act: Callable[[], object], seconds: float = 4) -> Figures:
    """What traffic loses while something is done to the lab."""
    bench.settle()
    with Watch(bench.lab, list(paths(bench.lab.scene))) as watch:
        list(watch.samples(0.3))
        act()
        list(watch.samples(seconds))
        return figures(watch.stop())


def test_both_zones_leave_with_the_fixed_address(bench: Bench) -> None:
    """Clients of both zones reach the partner through routes that natgate made in the API."""
    for client in ("client-a", "client-c"):
        assert bench.fetch(client, TARGET) == FROM_FIXED
    wait(
        lambda: set(leading(bench).values()) == {interface(bench, bench.active())},
        "every route at the active node",
    )
    wait(lambda: set(in_kernel(bench).values()) == {bench.active()}, "the kernel's routes as well")


def test_the_api_is_a_host_of_the_lab(bench: Bench) -> None:
    """`hosts` lists it, and `logs` has what it and the referee say."""
    hosts = {row["host"]: row for row in bench.json("hosts")}
    assert hosts["aws"]["addresses"] == [vpc.API, vpc.METADATA]
    assert f"the API answers at http://{vpc.API}" in bench.ok("logs", "aws")


def test_a_node_sees_itself_in_the_metadata(bench: Bench) -> None:
    """Its instance is known by the address that it asks from; clients are nobody and cannot ask."""
    token = f"curl -s -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {vpc.METADATA}"
    script = (
        f'T=$({token}/latest/api/token); curl -s -m 2 -H "X-aws-ec2-metadata-token: $T" '
        f"{vpc.METADATA}/latest/meta-data/instance-id"
    )
    answer = bench.ok("exec", "node-c", "--", "sh", "-c", script)
    assert answer == instances(bench)["node-c"]["InstanceId"]
    argv = ["curl", "-s", "-m", "1", f"http://{vpc.API}/"]
    assert bench.run("exec", "client-a", "--", *argv).returncode != 0


def test_the_kernel_has_a_route_before_the_api_answers(bench: Bench) -> None:
    """Create, replace and delete are in the router's table when the call returns."""
    route = {
        "RouteTableId": tables(bench)[CLIENTS_A]["RouteTableId"],
        "DestinationCidrBlock": "198.51.100.0/24",
    }
    for act, node, address in (
        ("create_route", "node-a", "10.10.0.68"),
        ("replace_route", "node-c", "10.10.0.100"),
    ):
        call(bench, "ec2", act, **route, NetworkInterfaceId=interface(bench, node))
        assert f"via {address}" in shown(bench, "198.51.100.0/24")
    call(bench, "ec2", "delete_route", **route)
    assert shown(bench, "198.51.100.0/24") == ""


def shown(bench: Bench, destination: str) -> str:
    """A route of client-a's table as the kernel has it."""
    number = network.tables(bench.lab.scene.spec)[CLIENTS_A]
    argv = ["ip", "-n", bench.lab.namespace("vpc"), "route", "show", "table", str(number)]
    return namespace.run([*argv, destination])


def test_packets_go_where_the_api_leads_them(bench: Bench) -> None:
    """With the agents stopped, routes that anybody replaces take the packets to the other node."""
    active = bench.active()
    for node in bench.lab.nodes():
        bench.ok("fault", "agent-stopped", node)
    to = interface(bench, other(active))
    found = tables(bench)
    for name, destination in ((EDGE, "10.10.0.80/28"), (CLIENTS_A, "192.168.100.0/24")):
        call(
            bench,
            "ec2",
            "replace_route",
            RouteTableId=found[name]["RouteTableId"],
            DestinationCidrBlock=destination,
            NetworkInterfaceId=to,
        )
    assert in_kernel(bench)[EDGE] == in_kernel(bench)[CLIENTS_A] == other(active)
    before = seen(bench, other(active))
    bench.fetch("client-a", TARGET)
    assert seen(bench, other(active)) > before


def seen(bench: Bench, node: str) -> int:
    """Packets that a node has received."""
    argv = ["ip", "-n", bench.lab.namespace(node), "-s", "-j", "link", "show", "eth0"]
    return int(json.loads(namespace.run(argv))[0]["stats64"]["rx"]["packets"])


def test_the_source_check_drops_what_is_translated(bench: Bench) -> None:
    """While it is on, an interface carries nobody's packets but its own, as on AWS."""
    for node in bench.lab.nodes():
        bench.ok("fault", "agent-stopped", node)  # it would switch the check off again
    carrier = in_kernel(bench)[EDGE]
    assert carrier is not None
    wanted = {"NetworkInterfaceId": interface(bench, carrier)}
    modify = "modify_network_interface_attribute"
    call(bench, "ec2", modify, **wanted, SourceDestCheck={"Value": True})
    assert bench.fetch("client-a", TARGET) is None
    call(bench, "ec2", modify, **wanted, SourceDestCheck={"Value": False})
    assert bench.fetch("client-a", TARGET) == FROM_FIXED


@pytest.mark.parametrize("verb", ["stop", "terminate"])
def test_a_download_survives_the_end_of_the_active_instance(bench: Bench, verb: str) -> None:
    """The other node takes every route; the replacement rejoins, and does not fail back."""
    before, others = bench.active(), instances(bench)
    cost = under_traffic(bench, lambda: bench.ok("api", verb, before))
    assert cost.download_survived
    assert cost.stream_survived
    assert bench.packets("wrong") == {}
    heir = other(before)
    assert set(leading(bench).values()) == {interface(bench, heir)}
    assert set(in_kernel(bench).values()) == {heir}
    wait(lambda: before in instances(bench), "a new instance")
    bench.heal()
    after = instances(bench)
    assert after[before]["InstanceId"] != others[before]["InstanceId"]
    assert bench.active() == heir
    assert set(leading(bench).values()) == {interface(bench, heir)}


@pytest.mark.parametrize("kind", ["node-dead", "rules-deleted", "upstream-dead"])
def test_a_download_survives_a_broken_node(bring_up: Callable[..., Bench], kind: str) -> None:
    """As in the lab without an API; where the node is lost, both tables lead to the other one."""
    bench = bring_up("--cloud", "aws")
    before = bench.active()
    cost = under_traffic(bench, lambda: bench.ok("fault", kind, before))
    assert cost.download_survived
    assert bench.packets("wrong") == {}
    assert len(set(leading(bench).values())) == 1
    if kind != "rules-deleted":
        assert set(in_kernel(bench).values()) == {other(before)}
    bench.ok("down")


def test_a_download_survives_the_loss_of_a_node_that_was_replaced(
    bring_up: Callable[..., Bench],
) -> None:
    """A node whose address is a secondary one replicates its flows as any other."""
    bench = bring_up("--cloud", "aws")
    first = bench.active()
    under_traffic(bench, lambda: bench.ok("api", "terminate", first))
    wait(lambda: len(instances(bench)) == 2, "an instance for each node")
    bench.heal()
    for lost in (other(first), first):
        cost = under_traffic(bench, partial(bench.ok, "fault", "node-dead", lost))
        bench.heal()
    bench.ok("down")
    assert cost.download_survived


@pytest.mark.parametrize(
    "fault", [("slow", "300"), ("stale", "3"), ("throttle", "2")], ids=lambda fault: fault[0]
)
def test_a_bad_api_delays_a_takeover_and_does_not_prevent_it(
    bench: Bench, fault: tuple[str, str]
) -> None:
    """Slow, stale or throttled: the other node has every route in the end."""
    before = bench.active()
    bench.settle()
    bench.ok("api", *fault)
    bench.ok("api", "terminate", before)
    wait(lambda: set(in_kernel(bench).values()) == {other(before)}, "every route at the heir")
    assert bench.fetch("client-c", TARGET) == FROM_FIXED


def test_a_refused_table_does_not_keep_the_others_back(bench: Bench) -> None:
    """The other tables follow; the refused one follows once it is allowed."""
    before = bench.active()
    bench.settle()
    bench.ok("api", "refuse", CLIENTS_A)
    bench.ok("api", "terminate", before)
    heir = other(before)
    wait(lambda: in_kernel(bench)[EDGE] == heir, "the edge table at the heir")
    assert in_kernel(bench)[CLIENTS_A] != heir
    assert bench.fetch("client-c", TARGET) == FROM_FIXED
    bench.ok("api", "heal")
    wait(lambda: in_kernel(bench)[CLIENTS_A] == heir, "the refused table at the heir")


def test_nodes_forward_on_without_credentials(bench: Bench) -> None:
    """While nobody may ask the API, packets go on; nothing is moved and nothing is forgotten."""
    active = bench.active()
    cost = under_traffic(bench, lambda: bench.ok("api", "no-credentials"), seconds=6)
    assert cost.outage_ms == 0
    bench.ok("api", "heal")
    assert bench.active() == active
    assert cost.outage_ms <= SOON_MS


def test_an_alarm_reaches_the_referee(bench: Bench) -> None:
    """Every end of an instance and every alarm is told to it, as its log in `logs aws` shows."""
    bench.ok("api", "terminate", other(bench.active()))
    for said in ("EC2 Instance State-change Notification", "EC2 Instance Launch Successful"):
        wait(partial(_said, bench, said), said)


def _said(bench: Bench, words: str) -> bool:
    return words in bench.ok("logs", "aws")


@pytest.mark.parametrize("verb", ["stop", "slow"])
def test_a_mistake_is_refused(bench: Bench, verb: str) -> None:
    """One sentence, exit code 1."""
    done = bench.run("api", verb, "nothing")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr


def left_of(name: str) -> list[str]:
    """What there is of a lab: namespaces and files."""
    left = namespace.existing(network.namespace(name, ""))
    return left + [str(path) for path in (record.ROOT / name,) if path.exists()]


def test_down_leaves_nothing(bring_up: Callable[..., Bench]) -> None:
    """Also not the API, nor the referee's process."""
    bench = bring_up("--cloud", "aws")
    found = list(namespace.processes(namespace.existing(f"ng.{bench.name}.")))
    assert bench.run("down").returncode == 0
    assert left_of(bench.name) == []
    assert not any(Path(f"/proc/{pid}/exe").exists() for pid in found)


@pytest.mark.parametrize("when", ["starting the API", "starting the agents"])
def test_a_lab_killed_while_coming_up_is_taken_away(when: str) -> None:
    """`kill -9` at any step: `down` leaves neither namespace nor process nor file."""
    name = f"killed-{os.getpid()}"
    argv = [sys.executable, "-m", "natgate", "lab", "up", "--cloud", "aws", "--name", name]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as up:
        assert up.stderr
        for line in up.stderr:
            if line.startswith(when):
                break
        up.send_signal(signal.SIGKILL)
    done = natgate("down", "--name", name)
    assert done.returncode == 0, done.stderr
    assert left_of(name) == []


@pytest.mark.parametrize(
    ("scene", "words"),
    [("vrrp", "--cloud aws takes its"), ("two-gateways", "outside the VPC")],
)
def test_a_scene_that_aws_would_not_take_is_refused(scene: str, words: str) -> None:
    """Before anything is built."""
    done = natgate("up", scene, "--cloud", "aws", "--name", "bad")
    assert done.returncode == 1
    assert words in done.stderr
    assert left_of("bad") == []
