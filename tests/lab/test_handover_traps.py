"""What went wrong when hand-over was tried first, in a lab (research/ha-prototype.md section 5).

Each test has the number of its trap; those that need nodes without agents are in
test_handover_alone.py, and trap 12 is `divided.disagreement`, which every test here asks.
"""

import errno
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from natgate.lab import namespace
from natgate.model.error import HostError

from . import divided
from .capture import capture, of_protocol
from .conftest import Bench

pytestmark = pytest.mark.lab

MEGABYTES = 4
NARROW = 1300
IP_MTU_DISCOVER, IP_MTU, IP_PMTUDISC_DO = 10, 14, 2
"""ip(7); Python has no names for them."""

SETTING = "net.ipv4.conf.{}.{}"


@pytest.fixture(scope="module", params=["vxlan", "route"])
def both(
    request: pytest.FixtureRequest,
    bring_up: Callable[..., Bench],
    tmp_path_factory: pytest.TempPathFactory,
) -> Bench:
    """Both nodes at work, by each carrier; others may change natgate's table."""
    directory = tmp_path_factory.mktemp("scenes")
    return bring_up(divided.scene_file(directory, request.param), "--ownership", "off")


@pytest.fixture(autouse=True)
def _settled(both: Bench) -> Iterator[None]:
    """Statuses, tables and port maps agree before and after; no source was ever wrong (trap 12)."""
    divided.settled(both)
    yield
    both.heal()
    divided.settled(both)
    divided.never_wrong(both)


def carrier(both: Bench) -> str:
    """How packets are handed over."""
    return both.lab.scene.spec.handover.carrier


def exchange(both: Bench, count: int = 20) -> None:
    """So many packets there and back, of a client whose returns are handed over."""
    with divided.udp(both, "client-c") as flow:
        for _ in range(count):
            divided.echoed(flow, b"x" * 100, (divided.target(both), divided.ECHO))


def download(both: Bench, client: str) -> None:
    """Some megabytes come within the deadline."""
    with divided.tcp(both, client, divided.DOWNLOAD) as stream:
        left = MEGABYTES << 20
        end = time.monotonic() + divided.DEADLINE
        while left > 0:
            assert time.monotonic() < end, f"{left} bytes of {MEGABYTES} MB are missing"
            piece = stream.recv(1 << 20)
            assert piece, "the download has ended"
            left -= len(piece)


def setting(both: Bench, node: str, link: str, key: str) -> str:
    """A setting of a node's link."""
    name = SETTING.format(link, key)
    return divided.at(both, node, "sysctl", "-n", name).strip()


def change(both: Bench, node: str, link: str, key: str, value: int) -> None:
    """Change a setting, as a foreign root process would."""
    divided.at(both, node, "sysctl", "-q", "-w", f"{SETTING.format(link, key)}={value}")


def test_trap_1_a_handed_packet_crosses_exactly_once(both: Bench) -> None:
    """The packet around a handed one is not handed over itself: as many arrive as were handed."""
    before = divided.counter(both, "node-a", "handed_over")
    handed = f"and dst host {divided.fixed(both)}"
    link = "ng-vx" if carrier(both) == "vxlan" else "eth0"
    with capture(both, "node-c", link, f"udp and src port 7 {handed}") as arrived:
        exchange(both)
        assert len(arrived.packets(20)) == 20
    assert divided.counter(both, "node-a", "handed_over") - before == 20
    assert divided.counter(both, "node-c", "handed_over") == 0


@pytest.mark.parametrize("link", ["all", "eth0", "carrier"])
def test_trap_2_reverse_path_filters_are_switched_off_again(both: Bench, link: str) -> None:
    """A filter that somebody switches on is off again at once, and returns are handed over."""
    if link == "carrier":
        link = "ng-vx" if carrier(both) == "vxlan" else "eth0"
    for node in both.lab.nodes():
        change(both, node, link, "rp_filter", 1)
        divided.until(
            lambda node=node: (
                None  # type: ignore[misc]
                if setting(both, node, link, "rp_filter") == "0"
                else f"the filter of {node} stays on"
            )
        )
    divided.everything_works(both)


def test_trap_3_a_full_size_stream_is_handed_over(both: Bench) -> None:
    """Megabytes in full packets pass the tunnel, and no node has to complain to the target."""
    addresses = " or ".join(f"src host {n.address}" for n in both.lab.scene.spec.nodes)
    with capture(both, "vpn", "eth0", f"icmp[0] = 3 and ({addresses})") as complaints:
        for client in divided.clients(both):
            download(both, client.name)
        assert complaints.packets(0) == []


def test_trap_3_a_client_learns_of_a_narrow_link_beyond_the_node(both: Bench) -> None:
    """A router's complaint about a packet's size finds the client, translated."""
    port = divided.port_of(both, "target")
    wide, narrow = (f"mtu {mtu}" for mtu in (1500, NARROW))
    try:
        namespace.configure(both.lab.namespace("vpn"), [f"link set {port} {narrow}"])
        namespace.configure(both.lab.namespace("target"), [f"link set eth0 {narrow}"])
        for client in divided.clients(both):
            learns(both, client.name)
            with divided.tcp(both, client.name) as connection:
                divided.echoed(connection, b"t" * 200_000)
            download(both, client.name)
    finally:
        namespace.configure(both.lab.namespace("vpn"), [f"link set {port} {wide}"])
        namespace.configure(both.lab.namespace("target"), [f"link set eth0 {wide}"])
        for client in divided.clients(both):
            divided.at(both, client.name, "ip", "route", "flush", "cache")


def learns(both: Bench, client: str) -> None:
    """A client that forbids fragments is told how large a packet may be."""
    with (
        capture(both, client, "eth0", "icmp[0] = 3 and icmp[1] = 4") as told,
        divided.udp(both, client) as flow,
    ):
        flow.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
        flow.connect((divided.target(both), divided.ECHO))
        flow.send(b"x" * 1400)
        (packet,) = told.packets(1)
        assert flow.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.EMSGSIZE
        assert flow.getsockopt(socket.IPPROTO_IP, IP_MTU) == NARROW
        divided.echoed(flow, b"x" * (NARROW - 28))
    quoted = packet[28:]
    assert socket.inet_ntoa(quoted[12:16]) == address_of(both, client)
    assert socket.inet_ntoa(quoted[16:20]) == divided.target(both)


def address_of(both: Bench, client: str) -> str:
    """A client's own address."""
    return next(str(c.address) for c in divided.clients(both) if c.name == client)


def test_trap_5_handed_replies_are_not_invalid(both: Bench) -> None:
    """The node that hands a reply over does not know its flow, and drops none as invalid."""
    before = {node: divided.counter(both, node, "invalid") for node in both.lab.nodes()}
    exchange(both)
    download(both, "client-c")
    with divided.tcp(both, "client-c") as connection:
        divided.echoed(connection, b"t" * 100_000)
    assert {node: divided.counter(both, node, "invalid") for node in before} == before


def test_trap_6_echo_ids_lie_in_the_nodes_block(both: Bench) -> None:
    """Whatever id a client's echo has, outside it has one of its node, and the answer comes back."""
    for client in divided.clients(both):
        block = divided.block_of(both, divided.home_of(both, client))
        for echo_id in (1, 1024, block.first, block.last, 65535 if block.first == 1025 else 1025):
            with capture(both, "target", "eth0", "icmp[0] = 8 and not src net 192.168.100") as seen:
                divided.echo(both, client.name, echo_id)
                (packet,) = seen.packets(1)
            (outside,) = struct.unpack_from("!H", packet, 24)
            assert outside in block, (echo_id, outside)


def test_trap_7_fragments_pass_in_both_directions(both: Bench) -> None:
    """Datagrams and echoes of several fragments go there and back, and were fragments there."""
    for client in divided.clients(both):
        with capture(both, "target", "eth0", "ip[6:2] & 0x3fff != 0 and src net 10") as pieces:
            for size in (1473, divided.LONG, 60_000):
                divided.ping(both, client.name, size=size)
                with divided.udp(both, client.name) as flow:
                    divided.echoed(flow, b"x" * size, (divided.target(both), divided.ECHO))
            assert len(pieces.packets(2 * (2 + 3 + 41))) == 2 * (2 + 3 + 41)


def test_trap_8_nobody_is_redirected(both: Bench) -> None:
    """Packets leave by the link they came from, and no redirect is sent; who allows it is undone."""
    for node in both.lab.nodes():
        for link in ("all", "eth0"):
            change(both, node, link, "send_redirects", 1)
            divided.until(
                lambda node=node, link=link: (
                    None  # type: ignore[misc]
                    if setting(both, node, link, "send_redirects") == "0"
                    else f"{link} of {node} may send redirects"
                )
            )
    with ExitStack() as stack:
        seen = [
            stack.enter_context(capture(both, client.name, "eth0", "icmp[0] = 5"))
            for client in divided.clients(both)
        ]
        divided.everything_works(both)
        assert [redirects.packets(0) for redirects in seen] == [[]] * len(seen)


def test_trap_9_a_flushed_ruleset_lets_nothing_out(both: Bench) -> None:
    """While packets of both zones flow, all rules are taken away again and again: no wrong source."""
    with divided.udp(both, "client-a") as first, divided.udp(both, "client-c") as second:
        for node in both.lab.nodes() * 5:
            both.ok("fault", "ruleset-flushed", node)
            for flow in (first, second):
                for _ in range(50):
                    flow.sendto(b"x", (divided.target(both), divided.ECHO))
            for client in divided.clients(both):
                with divided.udp(both, client.name) as fresh:
                    fresh.sendto(b"x", (divided.target(both), divided.ECHO))
    divided.settled(both)
    divided.everything_works(both)


def test_trap_11_a_link_that_was_down_is_used_again(both: Bench) -> None:
    """Detours, blackhole and the peers in the tunnel are back after a link was down, by natgate."""
    before = {node: ways(both, node) for node in both.lab.nodes()}
    for node in both.lab.nodes():
        links = ("eth0", "ng-vx") if carrier(both) == "vxlan" else ("eth0",)
        for link in links:
            name = both.lab.namespace(node)
            namespace.configure(name, [f"link set {link} down", f"link set {link} up"])
            if link == "eth0":
                # The machine's own network set-up gives back the default route, which natgate needs.
                namespace.configure(name, ["route replace default via 169.254.0.1 dev eth0 onlink"])
            divided.until(
                lambda node=node: (
                    None  # type: ignore[misc]
                    if ways(both, node) == before[node]
                    else f"{node} has other ways: {ways(both, node) ^ before[node]}"
                )
            )
            divided.settled(both)
            divided.everything_works(both)


def ways(both: Bench, node: str) -> set[str]:
    """The rules, routes and peers of the tunnel that a node has made."""
    shown = [("rule",), ("route", "show", "table", "all")]
    found = [line for what in shown for line in divided.at(both, node, "ip", *what).splitlines()]
    kept = {line.strip() for line in found if "proto 78" in line}
    if carrier(both) == "vxlan":
        for argv in (
            ("ip", "neigh", "show", "dev", "ng-vx"),
            ("bridge", "fdb", "show", "dev", "ng-vx"),
        ):
            with suppress(HostError):  # the link is being made anew
                kept |= {line.strip() for line in divided.at(both, node, *argv).splitlines()}
    return {line for line in kept if "fe80" not in line}


@pytest.mark.parametrize("client", ["client-a", "client-c"])
def test_a_closed_port_is_told_to_the_client_that_asked(both: Bench, client: str) -> None:
    """Port-unreachable quotes the outside port, and arrives at the right client's own socket."""
    with divided.udp(both, client) as flow:
        flow.connect((divided.target(both), divided.CLOSED))
        flow.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            flow.recv(1)


@pytest.mark.parametrize("client", ["client-a", "client-c"])
@pytest.mark.parametrize("protocol", ["udp", "icmp", "tcp"])
def test_a_packet_that_dies_on_the_way_is_told_to_its_client(
    both: Bench, client: str, protocol: str
) -> None:
    """Time-exceeded of a router beyond the node arrives, quoting the client's own packet."""
    others = [c.name for c in divided.clients(both) if c.name != client]
    with (
        capture(both, client, "eth0", "icmp[0] = 11 and src net 192.168.100") as told,
        capture(both, others[0], "eth0", "icmp[0] = 11") as untold,
    ):
        divided.dying(both, client, protocol, ttl=4)
        quoted = told.packets(1)[0][28:]
        assert untold.packets(0) == []
    assert socket.inet_ntoa(quoted[12:16]) == address_of(both, client)
    assert socket.inet_ntoa(quoted[16:20]) == divided.target(both)
    assert of_protocol(quoted) == protocol
