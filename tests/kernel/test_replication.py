"""Flows of one node in the kernel of another, by the real conntrackd."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.namespaces import nft

from .two_nodes import PORT, SHORT, TARGET, Node, Rig, rig, until

DROP = """\
table ip t {
    chain c { type filter hook prerouting priority 0; tcp dport 7001 drop; }
}
"""


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Rig]:
    """Two nodes without agents."""
    with rig(tmp_path) as made:
        yield made


@pytest.fixture
def both(nodes: Rig) -> Rig:
    """Two nodes whose agents have begun, and which hold each other's flows."""
    return begun(nodes)


@pytest.fixture
def short(tmp_path: Path) -> Iterator[Rig]:
    """The same, of a gateway with short idle time-outs."""
    with rig(tmp_path, SHORT) as made:
        yield begun(made)


def begun(nodes: Rig) -> Rig:
    """The nodes, once their agents have begun and hold each other's flows."""
    nodes.a.up()
    nodes.b.up()
    until(nodes.a.filled, "the first node is filled")
    until(nodes.b.filled, "the second node is filled")
    return nodes


def begin_anew(node: Node) -> None:
    """Its conntrackd is killed, and its agent has started another one."""
    pid, session = node.daemon.lives(), node.view.session
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: node.view.session not in {"", session}, "started again")


def test_an_open_connection_goes_on_through_the_other_node(both: Rig) -> None:
    """The replica is translated to the same address and port, so the far end sees no change."""
    connection = both.connect(both.listen())
    until(lambda: connection.port in both.b.ports(), "a replica")
    both.through(both.b)
    assert connection.works()
    assert connection.port in both.b.ports()


def test_half_open_connections_stay_where_they_are(both: Rig) -> None:
    """A scan costs the peer nothing: none of it is there when later connections are."""
    with both.target.entered():
        nft(DROP)
    with both.client.entered():
        half = socket.socket()
    with half:
        half.setblocking(False)
        half.connect_ex((TARGET, PORT + 1))
        until(lambda: len(both.a.flows()) == 1, "a half-open flow")
        connection = both.connect(both.listen())
        until(lambda: connection.port in both.b.ports(), "a replica")
        assert both.b.ports() == {connection.port}
        assert len(both.a.flows()) == 2


def test_a_flow_outlives_its_timeout_as_a_replica_while_it_is_used(short: Rig) -> None:
    """Conntrackd sends it once; it is touched as long as it lives, and an idle one is not."""
    server = short.listen()
    used = [short.stream(), short.connect(server)]
    idle = [short.stream(), short.connect(server)]
    ports = {each.port for each in used}
    until(lambda: all(c.works() for c in (*used, *idle)) and _both(short, *ports), "replicas")
    until(lambda: _both(short, *(each.port for each in idle)), "replicas of the idle ones")
    over = time.monotonic() + 2.5 * SHORT.gateways[0].timeouts.tcp
    while time.monotonic() < over:
        assert all(each.works() for each in used)
        assert short.b.ports() >= ports
        time.sleep(0.5)
    for node in (short.a, short.b):
        assert node.ports() == ports
    short.through(short.b)
    assert all(each.works() for each in used)


def _both(nodes: Rig, *ports: int) -> bool:
    return nodes.b.ports() >= set(ports)


def test_a_node_that_comes_back_empty_is_filled_with_what_it_once_carried(both: Rig) -> None:
    """Also with flows that the other node has only as replicas of the time before."""
    server = both.listen()
    before = [both.connect(server) for _ in range(20)]
    ports = {connection.port for connection in before}
    until(lambda: both.b.ports() >= ports, "replicas")
    both.a.die()
    both.through(both.b)
    run = both.b.run
    assert run is not None
    run.moved()
    ports.add(both.connect(server).port)
    assert both.a.ports() == set()
    back = both.a.up()
    assert back.replication.view().empty
    assert back.replication.reasons() == ("being filled with flows from node-b",)
    until(both.a.filled, "filled")
    assert both.a.ports() == ports
    assert not back.replication.warnings()
    both.through(both.a)
    assert all(connection.works() for connection in before)


def test_what_ends_after_a_failover_ends_on_the_other_node_too(both: Rig) -> None:
    """Flows that were taken over are told of like flows that began there."""
    server = both.listen()
    connection = both.connect(server)
    until(lambda: connection.port in both.b.ports(), "a replica")
    both.through(both.b)
    run = both.b.run
    assert run is not None
    run.moved()
    assert connection.works()
    until(lambda: (run.replication.status() or {})["flows"] == 1, "its conntrackd knows")
    both.b.space.run("conntrack -F")
    until(lambda: connection.port not in both.a.ports(), "gone")


def test_conntrackd_outlives_the_agent_and_is_found_again(both: Rig) -> None:
    """Flows go on being sent without an agent, and the next one neither starts nor fills anew."""
    pid, session = both.a.daemon.lives(), both.a.view.session
    assert pid is not None
    both.a.down()
    connection = both.connect(both.listen())
    until(lambda: connection.port in both.b.ports(), "a replica")
    both.a.up()
    assert both.a.daemon.lives() == pid
    assert (both.a.view.session, both.a.view.empty) == (session, False)


def test_a_conntrackd_that_died_is_started_again_and_sends_all(both: Rig) -> None:
    """What it missed while it was dead reaches the peer."""
    first = both.a.daemon.lives()
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: both.a.daemon.lives() is None, "dead")
    missed = both.connect(both.listen())
    until(lambda: both.a.daemon.lives() not in {None, first}, "alive again")
    until(lambda: missed.port in both.b.ports(), "a replica")


def test_flows_of_a_living_node_are_never_replaced(both: Rig) -> None:
    """Whatever the other node sends: a flow that is made anew loses its port if a packet is quicker.

    The kernel gives each flow an id, which stays as long as the flow does.
    """
    server = both.listen()
    opened = [both.connect(server) for _ in range(30)]
    ports = {connection.port for connection in opened}
    until(lambda: both.b.ports() >= ports, "replicas")
    ids = {flow.key for flow in both.a.flows()}
    run = both.b.run
    assert run is not None
    run.moved()
    begin_anew(both.a)
    until(lambda: both.b.view.filled.get("node-a") == both.a.view.session, "told")
    opened.append(both.connect(server))
    until(lambda: opened[-1].port in both.b.ports(), "a later replica")
    assert {flow.key for flow in both.a.flows()} >= ids
    assert all(connection.works() for connection in opened)


def test_a_replica_that_expires_ends_nothing_where_the_flow_lives(both: Rig) -> None:
    """Also in a conntrackd that was started again, and has read the replicas out of the kernel."""
    server = both.listen()
    connection = both.connect(server)
    until(lambda: connection.port in both.b.ports(), "a replica")
    begin_anew(both.b)
    until(lambda: both.b.view.filled.get("node-a") == both.a.view.session, "told")
    both.b.forget()
    both.through(both.b)
    later = both.connect(server)
    until(lambda: later.port in both.a.ports(), "what came later")
    assert connection.port in both.a.ports()


def test_strangers_cannot_make_flows(both: Rig) -> None:
    """Conntrackd believes everybody, so nobody but the peer gets through to it."""
    both.client.run("ip route replace 192.0.2.0/24 via 10.1.0.2")
    with both.client.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"x" * 64, ("192.0.2.2", 3780))
    until(lambda: "packets 1 " in both.b.space.run("nft list counter ip natgate not_a_node"), "it")


def test_a_removed_node_leaves_nothing(nodes: Rig) -> None:
    """Neither the process nor its files."""
    nodes.a.up()
    nodes.a.down()
    pid = nodes.a.daemon.lives()
    assert pid is not None
    nodes.a.daemon.remove()
    assert not nodes.a.directory.exists()
    assert (
        not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()
    )
