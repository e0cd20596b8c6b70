"""Bandwidth of addresses, with real traffic: each direction is held to the limit."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import yaml

from natgate.model.spec import Spec
from natgate.plan.metrics import Known, measure
from natgate.wire.config import parse_spec
from tests.kernel.net import CLIENTS, PORT, TARGETS, Net, network
from tests.namespaces import Namespace

LIMIT = 40_000_000
LIMITED, FREE = "10.1.200.5", "10.1.200.6"
CHUNK = bytes(1 << 16)
STATUS: dict[str, Any] = {"generation": 0, "gateways": [], "nodes": [], "warnings": []}


def spec_of(bandwidth: str | None = "40Mbit/s") -> Spec:
    """An address with a limit for one client, and one without for another."""
    document: dict[str, Any] = {
        "apiVersion": "natgate/v1",
        "network": {
            "name": "net",
            "ranges": ["10.1.0.0/16"],
            "zones": ["a"],
            "subnets": [
                {"name": "clients", "zone": "a", "cidr": "10.1.0.0/24"},
                {"name": "fixed", "cidr": "10.1.200.0/28", "kind": "address"},
            ],
        },
        "nodes": [{"name": "node-a", "zone": "a", "address": "203.0.113.1"}],
        "gateways": [
            {
                "name": "g",
                "addresses": [{"address": LIMITED, "bandwidth": bandwidth}, {"address": FREE}],
                "snat": [
                    {"name": "limited", "hosts": [CLIENTS[0]], "addresses": [LIMITED]},
                    {"name": "free", "hosts": [CLIENTS[1]], "addresses": [FREE]},
                ],
            }
        ],
    }
    return parse_spec(yaml.safe_dump(document))


@pytest.fixture
def net() -> Iterator[Net]:
    """Client, node and target."""
    with network() as made:
        yield made


def _send(connection: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection.sendall(CHUNK)


def _received(connection: socket.socket, seconds: float) -> int:
    """Bytes that arrive within some seconds."""
    found, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        found += len(connection.recv(1 << 18))
    return found


def rate(net: Net, client: str, direction: str, seconds: float = 4.0) -> float:
    """Bits per second of TCP payload, once what a second allows at first has been used up."""
    with net.target.entered(), socket.create_server((TARGETS[0], PORT)) as server:
        ours = _connected(net.client, client)
        theirs, _ = server.accept()
    sender, receiver = (ours, theirs) if direction == "out" else (theirs, ours)
    with ours, theirs:
        receiver.settimeout(10)
        work = threading.Thread(target=_send, args=(sender,))
        work.start()
        _received(receiver, 2.0)
        began = time.monotonic()
        bits = 8 * _received(receiver, seconds)
        took = time.monotonic() - began
        sender.shutdown(socket.SHUT_RDWR)
        work.join()
    return bits / took


def _connected(side: Namespace, source: str) -> socket.socket:
    with side.entered():
        return socket.create_connection((TARGETS[0], PORT), 3, (source, 0))


@pytest.mark.parametrize("direction", ["out", "in"])
def test_an_address_carries_its_limit_and_no_more(net: Net, direction: str) -> None:
    """TCP gets most of it; an address without a limit is much faster, and nothing of it is dropped."""
    spec = spec_of()
    net.bring(spec)
    with net.node.entered():
        assert net.keeper.bring(spec).changes == ()
    limited = rate(net, CLIENTS[0], direction)
    assert 0.6 * LIMIT <= limited <= 1.1 * LIMIT
    assert rate(net, CLIENTS[1], direction, 1.0) > 5 * LIMIT
    known = Known(version="1", status=STATUS, counters=net.counters())
    over = {
        (s.labels["address"], s.labels["direction"]): s.value
        for s in measure(known)
        if s.name == "natgate_packets_over_bandwidth_total"
    }
    assert over.keys() == {(LIMITED, "in"), (LIMITED, "out")}
    assert over[LIMITED, direction] > 0


def test_a_limit_that_is_taken_away_leaves_nothing(net: Net) -> None:
    """Neither a rule nor a counter, and the address is as fast as any."""
    net.bring(spec_of())
    assert rate(net, CLIENTS[0], "out", 1.0) < 1.1 * LIMIT
    net.bring(spec_of(None))
    assert not [name for name in net.counters() if name.startswith("over_bandwidth")]
    assert rate(net, CLIENTS[0], "out", 1.0) > 5 * LIMIT
