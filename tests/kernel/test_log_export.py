"""NAT events at a real collector, nfcapd, read back with nfdump."""

import json
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.log_process import (
    FIRST,
    GATEWAY,
    HOST,
    end_all,
    flows,
    logged,
    logging,
    spec_file,
    until,
)
from tests.kernel.net import CLIENTS, FIXED, TARGETS, Net, network, spec_with

PORT, RELAY = 4739, 4740
COUNT = 2000


@pytest.fixture
def net() -> Iterator[Net]:
    """A node that translates."""
    with network() as made:
        made.bring(spec_with(GATEWAY))
        yield made


@contextmanager
def nfcapd(net: Net, place: Path) -> Iterator[list[dict[str, Any]]]:
    """A collector on the node; its records are in the list once it has ended."""
    place.mkdir()
    found: list[dict[str, Any]] = []
    with net.node.entered(), (place / "said").open("w") as said:
        argv = ["nfcapd", "-b", "127.0.0.1", "-p", str(PORT), "-w", str(place), "-t", "3600"]
        process = subprocess.Popen([*argv, "-B", "8000000"], stdout=said, stderr=said)
    try:
        until(lambda: "Startup nfcapd" in (place / "said").read_text(), "no collector")
        yield found
    finally:
        process.terminate()
        process.wait()
    assert "Sequence Errors: 0, Bad Packets: 0" in (place / "said").read_text()
    for file in sorted(place.glob("nfcapd.*")):
        argv = ["nfdump", "-r", str(file), "-o", "json"]
        found += json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)


FIELDS = ("src4_addr", "src_port", "src4_xlt_ip", "src_xlt_port", "dst4_addr", "dst_port", "proto")
Events = Counter[tuple[str, ...]]


def events(found: list[dict[str, Any]], event: int) -> Events:
    """What the collector knows of one kind of events: ends, protocol and time of each."""
    return Counter(
        tuple(str(each.get(field)) for field in (*FIELDS, "t_event"))
        for each in found
        if each["nat_event_id"] == str(event)
    )


def written(spec: Path, time: str, *, with_peer: bool) -> Events:
    """The same of what the log itself has."""
    rows = logged(spec)
    peers, ports = (rows[name] * with_peer for name in ("peer", "peer_port"))
    columns = (
        map(IPv4Address, rows["host"].tolist()),
        rows["host_port"],
        map(IPv4Address, rows["address"].tolist()),
        rows["port"],
        map(IPv4Address, peers.tolist()),
        ports,
        rows["protocol"],
        rows[time].astype("datetime64[ms]"),
    )
    return Counter(tuple(map(str, each)) for each in zip(*columns, strict=True))


@pytest.mark.parametrize("destinations", ["none", "full"])
def test_a_collector_learns_of_every_session(net: Net, tmp_path: Path, destinations: str) -> None:
    """A create and a delete of each flow, with the kernel's own times; no message is lost."""
    collector = {"address": "127.0.0.1"}
    spec = spec_file(tmp_path, destinations=destinations, ipfix=collector)
    with nfcapd(net, tmp_path / "nf") as found, logging(net, spec) as log:
        seen = flows(net, range(FIRST, FIRST + COUNT))
        end_all(net)
        until(lambda: len(logged(spec)) == COUNT, "not all are logged")
        assert log.end() == 0
    with_peer = destinations == "full"
    assert len(seen) == COUNT
    assert events(found, 4) == written(spec, "start", with_peer=with_peer)
    assert events(found, 5) == written(spec, "stop", with_peer=with_peer)
    told = Counter(each[:1] + each[2:4] for each in events(found, 5).elements())
    assert told == Counter((HOST, FIXED, str(port)) for port, _ in seen)


def test_a_session_is_told_when_it_begins_if_that_is_logged(net: Net, tmp_path: Path) -> None:
    """Once, and its end once."""
    spec = spec_file(tmp_path, new=True, destinations="full", ipfix={"address": "127.0.0.1"})
    with nfcapd(net, tmp_path / "nf") as found, logging(net, spec) as log:
        flows(net, range(FIRST, FIRST + 10))
        until(lambda: len(logged(spec)) == 10, "beginnings are not logged")
        end_all(net)
        until(lambda: len(logged(spec)) == 20, "ends are not logged")
        assert log.end() == 0
    ports = [(TARGETS[0], str(port)) for port in range(FIRST, FIRST + 10)]
    for event in (4, 5):
        assert sorted(each[4:6] for each in events(found, event).elements()) == ports


def test_a_collector_learns_who_has_which_block(net: Net, tmp_path: Path) -> None:
    """One event for each; nfdump of Debian 12 does not show the ports, which the encoder's test does."""
    entry = {"name": "one", "hosts": list(CLIENTS), "addresses": [FIXED], "block_size": 1024}
    gateway = {**GATEWAY, "snat": [entry], "dnat": []}
    spec = spec_file(tmp_path, gateway, ipfix={"address": "127.0.0.1"})
    with nfcapd(net, tmp_path / "nf") as found, logging(net, spec) as log:
        assert log.end() == 0
    assert {each[0] for each in events(found, 16)} == set(CLIENTS)
    assert {each[2] for each in events(found, 16)} == {FIXED}


def relay(server: socket.socket, to: socket.socket) -> None:
    """Take messages of one TCP connection, and send each on as a datagram (RFC 7011, 10.4)."""
    connection, _ = server.accept()
    data = b""
    with connection, suppress(OSError):
        while part := connection.recv(1 << 16):
            data += part
            while len(data) >= 4 and len(data) >= (size := int.from_bytes(data[2:4])):
                to.send(data[:size])
                data = data[size:]


def test_tcp_carries_the_same_messages(net: Net, tmp_path: Path) -> None:
    """A collector behind a stream gets each message whole, templates first."""
    with net.node.entered():
        server = socket.create_server(("127.0.0.1", RELAY))
        to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        to.connect(("127.0.0.1", PORT))
    collector = {"address": "127.0.0.1", "port": RELAY, "protocol": "tcp"}
    spec = spec_file(tmp_path, ipfix=collector)
    work = threading.Thread(target=relay, args=(server, to))
    with server, to, nfcapd(net, tmp_path / "nf") as found:
        work.start()
        with logging(net, spec) as log:
            flows(net, range(FIRST, FIRST + COUNT))
            end_all(net)
            until(lambda: len(logged(spec)) == COUNT, "not all are logged")
            assert log.end() == 0
        work.join()
    assert events(found, 5) == written(spec, "stop", with_peer=False)


def test_a_collector_that_begins_later_learns_the_templates(net: Net, tmp_path: Path) -> None:
    """Over UDP they are sent again and again (RFC 7011, 8.4)."""
    collector = {"address": "127.0.0.1", "templates": "200ms"}
    spec = spec_file(tmp_path, ipfix=collector)
    with logging(net, spec) as log, nfcapd(net, tmp_path / "nf") as found:
        until(lambda: "New ipfix exporter" in said(tmp_path), "no templates come")
        flows(net, range(FIRST, FIRST + 10))
        end_all(net)
        until(lambda: len(logged(spec)) == 10, "not all are logged")
        assert log.end() == 0
    assert events(found, 5) == written(spec, "stop", with_peer=False)


def said(place: Path) -> str:
    """What the collector says."""
    return (place / "nf" / "said").read_text()


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_collector_that_is_away_costs_nothing_but_its_events(
    net: Net, tmp_path: Path, protocol: str
) -> None:
    """The log goes on, and counts what was not told."""
    file = tmp_path / "log.prom"
    collector = {"address": "127.0.0.1", "protocol": protocol}
    spec = spec_file(tmp_path, ipfix=collector, textfile=str(file), interval="100ms")
    with logging(net, spec) as log:
        flows(net, range(FIRST, FIRST + COUNT))
        end_all(net)
        until(lambda: len(logged(spec)) == COUNT, "not all are logged")

        def lost() -> float:
            lines = file.read_text().splitlines() if file.exists() else []
            found = [each.split()[1] for each in lines if "export_lost_total " in each]
            return float(found[-1]) if found else 0.0

        until(lambda: lost() > 0, "what was lost is not counted")
        assert log.end() == 0
