"""Idle time-outs, with real packets: each gateway's flows have its own."""

import re
import socket
from collections.abc import Iterator

import pytest

from natgate.model.spec import Spec
from tests.kernel.net import CLIENTS, PORT, TARGETS, Net, network, spec_with
from tests.namespaces import execute

QUICK = {"tcp": "20s", "udp": "2s"}
USUAL, SHARED, OWN = "10.1.200.1", "10.1.200.5", "10.1.200.6"


def spec_of(quick: dict[str, str]) -> Spec:
    """A gateway with these time-outs and another with the usual ones, of one client each."""
    to = [f"{target}/32" for target in TARGETS]
    return spec_with(
        {
            "name": "usual",
            "addresses": [{"address": USUAL}],
            "snat": [{"name": "one", "hosts": [CLIENTS[0]], "destinations": [to[0]]}],
        },
        {
            "name": "quick",
            "addresses": [{"address": SHARED}, {"address": OWN}],
            "snat": [{"name": "two", "hosts": [CLIENTS[1]], "destinations": [to[1]]}],
            "dnat": [
                {
                    "name": "web",
                    "address": SHARED,
                    "protocol": "tcp",
                    "port": 80,
                    "target": CLIENTS[1],
                    "clients": [to[1]],
                }
            ],
            "own": [{"name": "own", "address": OWN, "host": CLIENTS[2], "destinations": [to[2]]}],
            "timeouts": quick,
        },
        fixed={"usual": "10.1.200.0/30", "quick": "10.1.200.4/30"},
    )


@pytest.fixture
def net() -> Iterator[Net]:
    """Client, node and target."""
    with network() as made:
        yield made


def left(net: Net, protocol: str, host: str) -> list[int]:
    """The seconds that flows between a client and the target still have."""
    with net.node.entered():
        listing = execute("conntrack", "-L", "-p", protocol)
    lines = [line for line in listing.splitlines() if f"={host} " in line]
    assert not [line for line in lines if "SYN" in line], lines
    return [int(re.split(r"\s+", line)[2]) for line in lines]


def test_each_gateway_has_its_own_and_an_idle_flow_is_forgotten(net: Net) -> None:
    """One flow each over UDP: the shorter one goes, the other keeps its time."""
    net.bring(spec_of(QUICK))
    for client, target in zip(CLIENTS, TARGETS, strict=True):
        net.send(client, target)
    for client in CLIENTS[1:]:
        assert left(net, "udp", client) in ([2], [1])
    (usual,) = left(net, "udp", CLIENTS[0])
    assert 20 < usual <= 30
    net.until(lambda: not left(net, "udp", CLIENTS[1]) and not left(net, "udp", CLIENTS[2]))
    assert left(net, "udp", CLIENTS[0])


def test_established_connections_in_both_directions_have_their_gateways_timeout(net: Net) -> None:
    """By an SNAT entry, a DNAT entry and an own address, from inside and from outside."""
    net.bring(spec_of(QUICK))
    with net.target.entered():
        far = socket.create_server(("", PORT))
    net.open.callback(far.close)
    with net.client.entered():
        served = [socket.create_server((CLIENTS[1], 80)), socket.create_server((CLIENTS[2], 80))]
    for server in served:
        net.open.callback(server.close)
    ways = [
        *((net.client, CLIENTS[n], (TARGETS[n], PORT)) for n in range(3)),
        (net.target, TARGETS[1], (SHARED, 80)),
        (net.target, TARGETS[2], (OWN, 80)),
    ]
    for side, source, to in ways:
        with side.entered():
            made = socket.create_connection(to, 3, (source, 0))
        net.open.callback(made.close)
    (usual,) = left(net, "tcp", CLIENTS[0])
    assert 880 < usual <= 900
    for host in TARGETS[1:]:
        quick = left(net, "tcp", host)
        assert len(quick) == 2
        assert all(10 < seconds <= 20 for seconds in quick)


def test_what_is_held_is_what_is_wanted_whatever_the_timeouts(net: Net) -> None:
    """A second look finds nothing to change, also with what nft itself takes as usual."""
    for quick in (QUICK, {"tcp": "432000s", "udp": "120s"}, {}, QUICK):
        spec = spec_of(quick)
        net.bring(spec)
        with net.node.entered():
            assert net.keeper.bring(spec).changes == ()
            listing = execute("nft", "list", "table", "ip", "natgate")
        assert len(re.findall(r"ct timeout \S+ \{", listing)) == (4 if quick else 2)


def test_a_change_of_rules_leaves_open_flows_their_timeout(net: Net) -> None:
    """The objects stay, so that flows that have them keep them."""
    net.bring(spec_of(QUICK))
    flow = net.udp(CLIENTS[1])
    net.send(CLIENTS[1], TARGETS[1], flow)
    spec = spec_of(QUICK)
    (usual, quick) = spec.gateways
    fewer = spec.model_copy(
        update={"gateways": (usual, quick.model_copy(update={"dnat": (), "own": ()}))}
    )
    net.bring(fewer)
    net.send(CLIENTS[1], TARGETS[1], flow)
    assert left(net, "udp", CLIENTS[1]) in ([2], [1])


def test_open_flows_have_the_times_of_linux_once_their_gateways_change(net: Net) -> None:
    """From their next packet on; new flows have the new ones at once."""
    net.bring(spec_of({"udp": "10s"}))
    flow = net.udp(CLIENTS[1])
    net.send(CLIENTS[1], TARGETS[1], flow)
    net.bring(spec_of({"udp": "15s"}))
    net.send(CLIENTS[1], TARGETS[1], flow)
    (old,) = left(net, "udp", CLIENTS[1])
    assert 20 < old <= 30
    net.send(CLIENTS[1], TARGETS[1])
    assert [10 < seconds <= 15 for seconds in left(net, "udp", CLIENTS[1])].count(True) == 1
