"""Entries of every kind, with real packets: the kernel does what `plan.resolve` says."""

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from natgate.model.error import SpecError
from natgate.model.spec import Spec
from natgate.plan.explain import entries
from natgate.plan.resolve import Packet, resolve
from tests.kernel.net import CLIENTS, TARGETS, Net, network, spec_with

ADDRESSES = [f"10.1.200.{n}" for n in range(1, 7)]
PORTS = (22, 53, 80, 443, 5000, 5001, 7000)
SOURCES = ("10.1.0.0/24", "10.1.0.0/25", "10.1.0.64/26", "10.1.0.10/32", "10.1.0.130/32")
FAR = ("203.0.113.0/24", "203.0.113.20/32", "203.0.113.20/31", "198.51.100.0/24")


def spec_of(**parts: Any) -> Spec:  # noqa: ANN401 (whatever a spec may say)
    """The network of `net` with entries of every kind."""
    return spec_with({"name": "g", "addresses": [{"address": a} for a in ADDRESSES], **parts})


@pytest.fixture
def net() -> Iterator[Net]:
    """Client, node and target; the second client address serves, too."""
    with network() as made:
        yield made


def tcp_server(net: Net, side: str, address: str, port: int) -> socket.socket:
    """A listening socket on one side."""
    with getattr(net, side).entered():
        server = socket.create_server((address, port))
    server.settimeout(3)
    net.open.callback(server.close)
    return server


def accepted(net: Net, server: socket.socket) -> tuple[str, int]:
    """Who connected, as the server sees it."""
    made, (seen, port) = server.accept()
    net.open.callback(made.close)
    return seen, port


def connect(net: Net, side: str, source: str, to: tuple[str, int]) -> None:
    """A connection that stays open."""
    with getattr(net, side).entered():
        made = socket.create_connection(to, 3, (source, 0))
    net.open.callback(made.close)


SERVE: dict[str, Any] = {"name": "web", "address": ADDRESSES[0], "protocol": "tcp", "port": 80,
         "target": CLIENTS[1], "target_port": 8080}  # fmt: skip


def test_a_host_is_reached_at_a_port_and_sees_who_asks(net: Net) -> None:
    """The real client address is kept."""
    net.bring(spec_of(dnat=[SERVE]))
    server = tcp_server(net, "client", CLIENTS[1], 8080)
    connect(net, "target", TARGETS[0], (ADDRESSES[0], 80))
    seen, _ = accepted(net, server)
    assert seen == TARGETS[0]
    assert net.counters()["g/web"] == 1


def test_a_range_leads_port_by_port(net: Net) -> None:
    """The sixth public port is the sixth of the host."""
    ranged: dict[str, Any] = {
        **SERVE,
        "port": "10/20",
        "target_port": "8110/8120",
        "protocol": "both",
    }
    net.bring(spec_of(dnat=[ranged]))
    server = tcp_server(net, "client", CLIENTS[1], 8115)
    connect(net, "target", TARGETS[0], (ADDRESSES[0], 15))
    accepted(net, server)
    with net.client.entered():
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    net.open.callback(udp.close)
    udp.settimeout(3)
    udp.bind((CLIENTS[1], 8120))
    with net.target.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.sendto(b"x", (ADDRESSES[0], 20))
    assert udp.recvfrom(9)[1][0] in TARGETS


def test_a_host_inside_reaches_a_service_of_its_own_gateway(net: Net) -> None:
    """It is seen as coming from the address that it asked, or the answer would not come back."""
    net.bring(spec_of(dnat=[SERVE]))
    server = tcp_server(net, "client", CLIENTS[1], 8080)
    connect(net, "client", CLIENTS[0], (ADDRESSES[0], 80))
    seen, port = accepted(net, server)
    assert seen == ADDRESSES[0]
    assert 1025 <= port <= 65535


def test_an_echo_is_answered_by_the_gateway_and_by_the_host_of_all_ports(net: Net) -> None:
    """Switched off, or at an address of a single host, the gateway does not answer."""
    every: dict[str, Any] = {"name": "every", "address": ADDRESSES[1], "protocol": "any", "port": "any",
             "target": CLIENTS[1]}  # fmt: skip
    net.bring(spec_of(dnat=[SERVE, every]))
    for address in ADDRESSES[:2]:
        assert "1 received" in net.target.run(f"ping -c1 -W2 {address}")
    assert net.counters()["g/every"] == 1
    net.bring(spec_of(dnat=[SERVE, every], icmp_reply=False))
    assert "1 received" in net.target.run(f"ping -c1 -W2 {ADDRESSES[1]}")
    with pytest.raises(AssertionError):
        net.target.run(f"ping -c1 -W1 {ADDRESSES[0]}")


def test_a_withdrawn_address_takes_no_new_flow_and_keeps_the_old_ones(net: Net) -> None:
    """New flows go on with the addresses that are left."""
    entry = {"name": "all", "network": True}

    def used(*gone: str) -> set[str]:
        addresses = [{"address": a, "withdrawn": a in gone} for a in ADDRESSES[:3]]
        net.bring(spec_of(snat=[entry], addresses=addresses))
        net.packets()
        return {net.source_of(CLIENTS[0], TARGETS[0]) for _ in range(60)}

    assert used() == set(ADDRESSES[:3])
    flow = net.udp(CLIENTS[0])
    net.send(CLIENTS[0], TARGETS[0], flow)
    before = net.arrival()
    assert used(before.source) == set(ADDRESSES[:3]) - {before.source}
    net.send(CLIENTS[0], TARGETS[0], flow)
    assert net.arrival() == before


def test_without_affinity_every_connection_draws_its_address(net: Net) -> None:
    """A host then reaches one destination from several addresses."""
    net.bring(spec_of(snat=[{"name": "all", "network": True}]))
    net.packets()
    assert len({net.source_of(CLIENTS[0], TARGETS[0]) for _ in range(40)}) > 1


def some(values: tuple[str, ...], most: int = 2) -> st.SearchStrategy[list[str]]:
    """None to a few of them."""
    return st.lists(st.sampled_from(values), max_size=most, unique=True)


SCOPES: list[dict[str, Any]] = [
    {"network": True},
    {"subnets": ["clients"]},
    {"hosts": [CLIENTS[1]]},
    *({"sources": [source]} for source in SOURCES),
]
SNAT = st.fixed_dictionaries(
    {"addresses": some(tuple(ADDRESSES[:4])), "destinations": some(FAR)},
    optional={
        "protocols": some(("tcp", "udp", "icmp")),
        "ports": st.lists(st.sampled_from([22, "50/100", 443, "5000/6000"]), max_size=2, unique_by=str),
        "affinity": st.booleans(),
    },
).flatmap(
    lambda entry: st.sampled_from(SCOPES).map(lambda scope: {**entry, **scope})
)  # fmt: skip
DNAT = st.fixed_dictionaries(
    {
        "address": st.sampled_from(ADDRESSES[:4]),
        "protocol": st.sampled_from(["tcp", "udp", "both"]),
        "port": st.sampled_from([22, 80, "50/90", "5000/5001"]),
        "target": st.sampled_from(CLIENTS),
        "port_override": st.just(value=True),
    },
    optional={"clients": some(FAR)},
)
WHOLE = st.fixed_dictionaries(
    {
        "address": st.sampled_from(ADDRESSES[3:]),
        "protocol": st.just("any"),
        "port": st.just("any"),
        "target": st.sampled_from(CLIENTS),
    },
    optional={"clients": some(FAR)},
)
OWN = st.fixed_dictionaries(
    {"address": st.sampled_from(ADDRESSES[4:]), "host": st.sampled_from(CLIENTS)},
    optional={"destinations": some(FAR)},
)


def named(kind: str, chosen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each with a name."""
    return [{"name": f"{kind}{index}", **entry} for index, entry in enumerate(chosen)]


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Any valid spec for this network."""
    snat = draw(st.lists(SNAT, min_size=1, max_size=6))
    dnat = draw(st.lists(DNAT, max_size=3)) + draw(st.lists(WHOLE, max_size=1))
    own = draw(st.lists(OWN, max_size=1))
    try:
        return spec_of(snat=named("s", snat), dnat=named("d", dnat), own=named("o", own))
    except SpecError:
        assume(condition=False)
        raise


LEAVING = st.tuples(st.sampled_from(CLIENTS), st.sampled_from(TARGETS))
ARRIVING = st.tuples(st.sampled_from(TARGETS), st.sampled_from(ADDRESSES))
TURNING = st.tuples(st.sampled_from(CLIENTS), st.sampled_from(ADDRESSES))
PACKETS = st.builds(
    lambda ends, protocol, port: Packet(
        source=IPv4Address(ends[0]),
        destination=IPv4Address(ends[1]),
        protocol=protocol,
        port=port,
    ),
    LEAVING | ARRIVING | TURNING,
    st.sampled_from(["tcp", "udp"]),
    st.sampled_from(PORTS),
)


def put(net: Net, packet: Packet) -> None:
    """Send it as the first packet of a flow of its own."""
    side = net.client if str(packet.source) in CLIENTS else net.target
    kind = socket.SOCK_STREAM if packet.protocol == "tcp" else socket.SOCK_DGRAM
    with side.entered(), socket.socket(socket.AF_INET, kind) as flow:
        flow.setblocking(False)
        flow.bind((str(packet.source), 0))
        with suppress(BlockingIOError, ConnectionRefusedError):
            flow.connect((str(packet.destination), packet.port))
        if packet.protocol == "udp":
            flow.send(b"x")


@pytest.fixture(scope="module")
def shared() -> Iterator[Net]:
    """The same, for many specs one after the other."""
    with network() as made:
        yield made


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(spec=specs(), packets=st.lists(PACKETS, min_size=40, max_size=60))
def test_the_kernel_uses_the_entry_that_is_named(
    shared: Net, spec: Spec, packets: list[Packet]
) -> None:
    """For any entries and packets the counters of the kernel's rules are those of `resolve`."""
    net = shared
    net.bring(spec)
    net.node.run("conntrack -F")
    labels = {f"g/{shown['entry']}" for shown in entries(spec, {})}

    def counted() -> dict[str, int]:
        return {name: count for name, count in net.counters().items() if name in labels}

    before = counted()
    for packet in packets:
        put(net, packet)
    answers = [resolve(spec, "node-a", packet) for packet in packets]
    named_by_us = Counter(answer.entry for answer in answers if answer.entry)
    # A hairpin of a host that leaves with an address for itself passes one entry, as any other.
    grown = {name: count - before.get(name, 0) for name, count in counted().items()}
    assert Counter({name: count for name, count in grown.items() if count}) == named_by_us
