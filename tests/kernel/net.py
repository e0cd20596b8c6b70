"""A client, a node and a target in namespaces of their own, with real packets between them."""

import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

import yaml

from natgate.agent.keeper import Keeper
from natgate.kernel.host import HostKernel
from natgate.model.spec import Spec
from natgate.store.fake import FakeStore
from natgate.wire.config import parse_spec
from tests.namespaces import Namespace, namespace

CLIENTS = ("10.1.0.10", "10.1.0.77", "10.1.0.130")
TARGETS = ("203.0.113.20", "203.0.113.21", "203.0.113.22")
FIXED, SECOND = "10.1.200.5", "10.1.200.6"
PORT = 7000
SECONDS = 3.0
"""A packet between namespaces takes microseconds; after so long it is lost."""

_ALL_IP, _OUTGOING = 0x0800, 4
_ICMP, _TCP, _UDP = 1, 6, 17

SPEC = """\
apiVersion: natgate/v1
network:
  name: net
  ranges: [10.1.0.0/16]
  zones: [a]
  subnets:
    - {name: clients, zone: a, cidr: 10.1.0.0/24}
    - {name: fixed, cidr: 10.1.200.0/28, kind: address}
nodes: [{name: node-a, zone: a, address: 203.0.113.1}]
gateways:
  - name: g
    addresses: [{address: 10.1.200.5}, {address: 10.1.200.6}]
    snat:
ENTRIES
host: {ownership: "auto"}
"""
ONE = f"{{name: one, sources: [10.1.0.0/24], addresses: [{FIXED}]}}"


def spec_of(*entries: str, owned: bool = True) -> Spec:
    """The spec of this network with entries."""
    text = SPEC.replace("ENTRIES", "\n".join(f"      - {entry}" for entry in entries))
    return parse_spec(text if owned else text.replace('"auto"', '"off"'))


def spec_with(*gateways: dict[str, Any], fixed: dict[str, str] | None = None) -> Spec:
    """The spec of this network with gateways; `fixed`: their address subnets, if they need several."""
    addresses = fixed or {"fixed": "10.1.200.0/28"}
    network = {
        "name": "net",
        "ranges": ["10.1.0.0/16"],
        "zones": ["a"],
        "subnets": [
            {"name": "clients", "zone": "a", "cidr": "10.1.0.0/24"},
            *({"name": n, "cidr": cidr, "kind": "address"} for n, cidr in addresses.items()),
        ],
    }
    nodes = [{"name": "node-a", "zone": "a", "address": "203.0.113.1"}]
    document = {"network": network, "nodes": nodes, "gateways": list(gateways)}
    return parse_spec(yaml.safe_dump({"apiVersion": "natgate/v1", **document}))


@dataclass(frozen=True, slots=True)
class Packet:
    """What the far end saw: port is the source port, or the id of an echo."""

    source: str
    destination: str
    protocol: int
    port: int


def _parse(data: bytes) -> Packet:
    head = (data[0] & 0xF) * 4
    protocol = data[9]
    at = head + (4 if protocol == _ICMP else 0)
    port = struct.unpack_from("!H", data, at)[0] if len(data) >= at + 2 else 0
    source, destination = (str(IPv4Address(data[i : i + 4])) for i in (12, 16))
    return Packet(source, destination, protocol, port)


@dataclass
class Net:
    """The three machines; everything is sent and received by this one process."""

    client: Namespace
    node: Namespace
    target: Namespace
    kernel: HostKernel
    keeper: Keeper
    capture: socket.socket
    open: ExitStack
    seen: list[Packet] = field(default_factory=list)

    def bring(self, spec: Spec) -> None:
        """The node holds the spec."""
        with self.node.entered():
            kept = self.keeper.bring(spec)
            self.keeper.end_withdrawn(spec)
        assert kept.error is None, kept.error

    def counters(self) -> dict[str, int]:
        """The node's counts."""
        with self.node.entered():
            return dict(self.kernel.counters())

    def udp(self, source: str) -> socket.socket:
        """A client's socket with a fresh port."""
        with self.client.entered():
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((source, 0))
        self.open.callback(made.close)
        return made

    def send(self, source: str, destination: str, flow: socket.socket | None = None) -> None:
        """One UDP packet, of a fresh flow unless one is given."""
        (flow or self.udp(source)).sendto(b"x", (destination, PORT))

    def packets(self) -> list[Packet]:
        """Every packet that has reached the target since the last call."""
        found: list[Packet] = []
        while True:
            try:
                data, address = self.capture.recvfrom(2048)
            except BlockingIOError:
                self.seen += found
                return found
            if address[2] != _OUTGOING and data[9] in {_ICMP, _TCP, _UDP}:
                found.append(_parse(data))

    def arrival(self) -> Packet:
        """The next packet at the target."""
        assert select.select([self.capture], [], [], SECONDS)[0], "nothing arrives"
        found: list[Packet] = []
        deadline = time.monotonic() + SECONDS
        while not found and time.monotonic() < deadline:
            found = self.packets()
        return found[0]

    def source_of(self, source: str, destination: str) -> str:
        """The source that the target sees when a client sends to it."""
        self.send(source, destination)
        return self.arrival().source

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until something becomes true; it must, in time."""
        deadline = time.monotonic() + SECONDS
        while not true():
            assert time.monotonic() < deadline, "it does not come true"
            time.sleep(0.001)


@contextmanager
def network() -> Iterator[Net]:
    """The three machines, the node forwarding nothing yet."""
    with ExitStack() as stack:
        client, node, target = (stack.enter_context(namespace()) for _ in range(3))
        _link(client, node, target)
        with node.entered():
            kernel = stack.enter_context(closing(HostKernel()))
        with target.entered():
            kind = socket.htons(_ALL_IP)
            capture = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, kind)
        stack.callback(capture.close)
        capture.setblocking(False)
        capture.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        keeper = Keeper(node="node-a", kernel=kernel, store=FakeStore())
        yield Net(client, node, target, kernel, keeper, capture, stack)


def _link(client: Namespace, node: Namespace, target: Namespace) -> None:
    client.run(
        f"ip link add eth0 type veth peer name in netns {node.path}",
        *(f"ip address add {address}/24 dev eth0" for address in CLIENTS),
        "ip link set eth0 up",
        "ip route add default via 10.1.0.1",
    )
    target.run(
        f"ip link add eth0 type veth peer name out netns {node.path}",
        *(f"ip address add {address}/24 dev eth0" for address in TARGETS),
        "ip link set eth0 up",
    )
    node.run(
        "ip address add 10.1.0.1/24 dev in",
        "ip link set in up",
        "ip address add 203.0.113.1/24 dev out",
        "ip link set out up",
    )
    target.run("ip route add default via 203.0.113.1")
