"""What the operator writes: one network, with any number of gateways.

The fields are the public interface of natgate/v1: later versions add, and do not rename.
`model.rules` holds what must be true between the fields.
"""

import re
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h)$")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(value: object) -> float:
    """Read '50ms', '1.5s', '2m' or '1h' as seconds."""
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a duration with its unit, such as 50ms, 1.5s, 2m or 1h")
    return float(match[1]) * _SECONDS[match[2]]


def duration_text(seconds: float) -> str:
    """The inverse of `seconds_of`: whole milliseconds where that is exact, else seconds."""
    thousandths = round(seconds * 1000)
    if seconds != int(seconds) and thousandths * _SECONDS["ms"] == seconds:
        return f"{thousandths}ms"
    return f"{Decimal(repr(seconds)).normalize():f}s"


def _whole_prefix(value: object) -> object:
    """Refuse host bits, and anything but an IPv4 prefix, with a sentence that shows the way out."""
    if isinstance(value, IPv4Network):
        return value
    if not isinstance(value, str):
        raise ValueError("write an IPv4 prefix, such as 10.10.0.0/27")  # noqa: TRY004 (pydantic's way)
    try:
        return IPv4Network(value)
    except ValueError:
        try:
            wider = IPv4Network(value, strict=False)
        except ValueError:
            raise ValueError(f"{value!r} is not an IPv4 prefix, such as 10.10.0.0/27") from None
        raise ValueError(f"{value} has host bits set; the prefix is {wider}") from None


def _off(value: object) -> object:
    """YAML 1.1 reads a bare off as false."""
    return "off" if value is False else value


Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,30}$", description="lower-case letters, digits and hyphens"
    ),
]
Duration = Annotated[
    float,
    BeforeValidator(seconds_of),
    Field(gt=0, allow_inf_nan=False),
    PlainSerializer(duration_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern, "examples": ["50ms", "1.5s"]}),
]
Prefix = Annotated[
    IPv4Network,
    BeforeValidator(_whole_prefix),
    WithJsonSchema({"type": "string", "format": "ipv4network", "examples": ["10.10.0.0/27"]}),
]
Port = Annotated[int, Field(ge=1, le=65535)]
Endpoint = Annotated[
    str,
    Field(
        pattern=r"^https?://[A-Za-z0-9][A-Za-z0-9.-]{0,252}:[0-9]{1,5}$",
        examples=["https://10.0.0.5:2379"],
    ),
]


class Model(BaseModel):
    """Base of all that can be written: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Subnet(Model):
    """A subnet of the network and the route table that its hosts use."""

    name: Name
    cidr: Prefix = Field(description="its prefix, inside network.ranges and apart from the others")
    zone: Name | None = Field(
        default=None, description="the zone it lies in; none for an address subnet"
    )
    kind: Literal["client", "node", "address"] = Field(
        default="client",
        description="client: hosts whose traffic is translated; node: gateway nodes; "
        "address: holds fixed addresses and no host, so that a cloud can route it to a node",
    )
    route_table: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,62}$",
        description="the route table of its hosts; the subnet's name unless told otherwise",
    )

    @property
    def table(self) -> str:
        """The route table that hosts of this subnet use."""
        return self.route_table or self.name


class Network(Model):
    """The network around the gateways: zones, subnets, and the ranges addresses come from."""

    name: Name
    ranges: tuple[Prefix, ...] = Field(
        min_length=1, description="the network's own prefixes (a cloud's VPC CIDRs)"
    )
    address_ranges: tuple[Prefix, ...] = Field(
        default=(),
        description="further prefixes that fixed addresses may come from, routed from outside",
    )
    zones: tuple[Name, ...] = Field(min_length=1, description="the zones that can fail alone")
    subnets: tuple[Subnet, ...] = Field(min_length=1, description="every subnet that natgate meets")
    edge_table: str = Field(
        default="edge",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,62}$",
        description="the route table of returning traffic (a VPN gateway's edge table)",
    )


class Node(Model):
    """A machine that forwards."""

    name: Name
    zone: Name = Field(description="one of network.zones")
    address: IPv4Address = Field(
        description="its own address: heartbeats, probes and routes go there"
    )
    sync_address: IPv4Address | None = Field(
        default=None,
        description="a dedicated address for flow replication; its own address if left out",
    )

    @property
    def sync(self) -> IPv4Address:
        """Where flow replication reaches it."""
        return self.sync_address or self.address


class FixedAddress(Model):
    """An address that the far side sees."""

    address: IPv4Address = Field(description="in an address subnet, or in network.address_ranges")


class SnatEntry(Model):
    """Which sources leave with which address, and to where."""

    name: Name
    sources: tuple[Prefix, ...] = Field(
        min_length=1, description="prefixes inside client subnets; the longest mask wins"
    )
    destinations: tuple[Prefix, ...] = Field(
        default=(),
        description="where this entry applies; everywhere outside the network if left out",
    )
    addresses: tuple[IPv4Address, ...] = Field(
        default=(),
        description="which of the gateway's addresses to use, by a hash over source and "
        "destination if there are several; all of them if left out",
    )


class IcmpCheck(Model):
    """The upstream answers ICMP echo, sent with the node's own address."""

    kind: Literal["icmp"] = Field(description="echo requests")
    address: IPv4Address = Field(description="who must answer, beyond the node")
    interval: Duration = Field(default=0.05, description="one request each")
    timeout: Duration = Field(default=0.15, description="unhealthy after so long without an answer")


class TcpCheck(Model):
    """The upstream accepts a TCP connection, opened with the node's own address."""

    kind: Literal["tcp"] = Field(description="connections, closed at once")
    address: IPv4Address = Field(description="who must accept, beyond the node")
    port: Port = Field(description="the port that must accept")
    interval: Duration = Field(default=1.0, description="one connection each")
    timeout: Duration = Field(default=1.0, description="how long one connection may take")
    failures: int = Field(default=2, ge=1, description="failures in a row that mean unhealthy")


Check = Annotated[IcmpCheck | TcpCheck, Field(discriminator="kind")]


class Health(Model):
    """What must be true of a node before it may carry a gateway.

    Forwarding and verified rules are always checked; these are the checks beyond the node.
    """

    upstream: tuple[Check, ...] = Field(default=(), description="a failing one is enough")
    verify_interval: Duration = Field(
        default=1.0, description="full check of rules and settings, beside the notifications"
    )
    hold_down: Duration = Field(
        default=1.0, description="how long a recovered node must be healthy before it may take over"
    )


class Failback(Model):
    """Whether a share returns to the node that carried it first."""

    policy: Literal["sticky", "preferred"] = Field(
        default="sticky",
        description="sticky: it stays until an operator or a failure moves it; preferred: it "
        "returns to its first node once that has been healthy for the delay",
    )
    delay: Duration = Field(
        default=60.0, description="how long the first node must be healthy (policy preferred)"
    )


class Gateway(Model):
    """One or more fixed addresses, the nodes that may carry them, and the entries."""

    name: Name
    mode: Literal["active-standby", "active-active"] = Field(
        default="active-standby",
        description="active-standby: one node carries it, the others wait; active-active: every "
        "node carries its own zone, with a block of each address's ports",
    )
    failback: Failback = Field(
        default=Failback(), description="what happens when a node that was relieved is well again"
    )
    nodes: tuple[Name, ...] = Field(
        default=(), description="nodes that may carry it, preferred first; all if left out"
    )
    addresses: tuple[FixedAddress, ...] = Field(
        min_length=1, description="what the far side sees, whichever node carries the gateway"
    )
    snat: tuple[SnatEntry, ...] = Field(
        default=(), description="what is translated; the rest may not leave the network"
    )
    health: Health = Field(default=Health(), description="what a node needs to carry it")


class NoSteering(Model):
    """Routes are moved by somebody else, or there is one node only."""

    kind: Literal["none"] = Field(description="natgate moves no routes")


class LabSteering(Model):
    """Routes live in a router made of a network namespace (`natgate lab`)."""

    kind: Literal["lab"] = Field(description="natgate moves the routes of the lab's router")
    router: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        description="the router's namespace; the lab fills it in",
    )
    tables: dict[str, int] = Field(
        default_factory=dict, description="kernel table of each route table; filled in by the lab"
    )


LinkName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$", description="a link, the same on every node"
    ),
]


class VrrpSteering(Model):
    """Addresses move from node to node on a flat network (keepalived, unicast VRRPv3)."""

    kind: Literal["vrrp"] = Field(description="keepalived moves addresses between the nodes")
    interface: LinkName = Field(
        description="the link of the hosts' segment: adverts and inside addresses"
    )
    fixed_interface: LinkName | None = Field(
        default=None, description="the link of the fixed addresses; `interface` if left out"
    )
    router_id: int = Field(
        ge=1, le=255, description="virtual router id; no other router of the segment has it"
    )
    inside: tuple[IPv4Address, ...] = Field(
        min_length=1, description="addresses that hosts use as their next hop"
    )
    advert_interval: Duration = Field(
        default=0.05, description="one advert each; the active node is dead after three and a bit"
    )

    @property
    def outer_interface(self) -> str:
        """The link of the fixed addresses."""
        return self.fixed_interface or self.interface


class FrrSteering(Model):
    """Routes are announced by BGP through the FRR that runs on each node."""

    kind: Literal["frr"] = Field(description="natgate announces the routes through FRR's bgpd")
    routers: tuple[IPv4Address, ...] = Field(
        min_length=1,
        description="the BGP neighbours that forward to the nodes; a node takes those it has a "
        "session with",
    )
    vty_dir: str = Field(
        default="/run/frr",
        pattern=r"^/[A-Za-z0-9._{}/-]*$",
        description="where bgpd has its vty; {node} in it is the name of the node",
    )


Steering = Annotated[
    NoSteering | LabSteering | VrrpSteering | FrrSteering, Field(discriminator="kind")
]


class NoFence(Model):
    """Nobody decides between the nodes: no node ever hands out ports from another's share."""

    kind: Literal["none"] = Field(description="there is no fence")


class EtcdFence(Model):
    """An etcd cluster of one, three or five members (3.4 or later, gRPC)."""

    kind: Literal["etcd"] = Field(description="claims are keys below natgate/fence/")
    endpoints: tuple[Endpoint, ...] = Field(
        min_length=1, description="its members; each call tries all of them within the timeout"
    )
    timeout: Duration = Field(default=0.1, description="how long a claim may take, all in all")
    ca_file: str | None = Field(
        default=None, description="certificates that vouch for the members; needed for https"
    )
    cert_file: str | None = Field(
        default=None, description="this node's certificate, to which etcd gives its rights"
    )
    key_file: str | None = Field(
        default=None, description="the certificate's key, readable by its owner only"
    )
    user: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$",
        description="a user of etcd, where certificates do not give the rights",
    )
    password_env: str | None = Field(
        default=None,
        pattern=r"^[A-Z][A-Z0-9_]*$",
        description="environment variable with the user's password",
    )
    insecure: bool = Field(
        default=False, description="allow http beyond loopback: anybody on the way can claim"
    )


class WitnessFence(Model):
    """A third machine that runs `natgate witness`, authenticated with the heartbeat key."""

    kind: Literal["witness"] = Field(description="claims are kept by the witness")
    address: IPv4Address = Field(description="the witness's own address, where it listens")
    port: Port = Field(default=4650, description="UDP")
    timeout: Duration = Field(default=0.1, description="how long a claim may take, all in all")


Fence = Annotated[NoFence | EtcdFence | WitnessFence, Field(discriminator="kind")]


class Heartbeat(Model):
    """How nodes watch each other."""

    interval: Duration = Field(default=0.05, description="one heartbeat each to every peer")
    timeout: Duration = Field(default=0.15, description="silence after which a node is suspected")
    port: Port = Field(
        default=4646, description="UDP; the next two ports serve probes of silent nodes"
    )
    key_file: str | None = Field(
        default=None, description="file with the shared key, readable by its owner only"
    )
    key_env: str | None = Field(
        default=None,
        pattern=r"^[A-Z][A-Z0-9_]*$",
        description="environment variable with the shared key, at least 16 characters",
    )

    @property
    def probe_port(self) -> int:
        """Where a node reflects a peer's probe."""
        return self.port + 1

    @property
    def reflection_port(self) -> int:
        """Where a node receives its own probe again."""
        return self.port + 2


class Replication(Model):
    """Whether open connections survive the node that carries them: flows are known to all nodes.

    What conntrackd sends is neither encrypted nor authenticated; only nodes are let in.
    """

    kind: Literal["conntrackd", "none"] = Field(
        default="conntrackd",
        description="conntrackd: between the two nodes of the spec; none: flows end with their node",
    )
    port: Port = Field(default=3780, description="UDP port of conntrackd")


class HandOver(Model):
    """How a return reaches the node whose block its port lies in (active-active gateways)."""

    carrier: Literal["vxlan", "route"] = Field(
        default="vxlan",
        description="vxlan: a tunnel between the nodes, on any network and for any number of "
        "them; route: the network's own tables lead from one node to the other, for two nodes",
    )
    port: Port = Field(default=4789, description="UDP port of the tunnel; only nodes are let in")


class Host(Model):
    """What natgate may do on each node."""

    ownership: Annotated[Literal["auto", "off"], BeforeValidator(_off)] = Field(
        default="auto",
        description="auto: own the nftables table where the kernel can (6.9 and later); "
        "off: only notice and repair, as on older kernels",
    )


class Spec(Model):
    """A whole natgate/v1 file."""

    api_version: Literal["natgate/v1"] = Field(
        alias="apiVersion", description="the version of this format"
    )
    network: Network = Field(description="the one network that the gateways serve")
    nodes: tuple[Node, ...] = Field(min_length=1, description="every machine that forwards")
    gateways: tuple[Gateway, ...] = Field(min_length=1, description="any number of them")
    steering: Steering = Field(
        default=NoSteering(kind="none"), description="who moves the routes, and how"
    )
    heartbeat: Heartbeat = Field(default=Heartbeat(), description="how nodes watch each other")
    fence: Fence = Field(
        default=NoFence(kind="none"),
        description="who decides which node may hand out ports of a share",
    )
    replication: Replication = Field(
        default=Replication(), description="how open connections survive their node"
    )
    handover: HandOver = Field(
        default=HandOver(), description="how returns reach their node in active-active gateways"
    )
    host: Host = Field(default=Host(), description="what natgate may do on each node")

    def node(self, name: str) -> Node:
        """The node of that name; KeyError if the spec has none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def nodes_of(self, gateway: Gateway) -> tuple[str, ...]:
        """The nodes that may carry a gateway, preferred first."""
        return gateway.nodes or tuple(node.name for node in self.nodes)

    def addresses_of(self, gateway: Gateway, entry: SnatEntry) -> tuple[IPv4Address, ...]:
        """The addresses an entry uses: its own choice, else all of its gateway."""
        return entry.addresses or tuple(fixed.address for fixed in gateway.addresses)
