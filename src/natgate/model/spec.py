"""What the operator writes: one network, with any number of gateways.

The fields are the public interface of natgate/v1: later versions add, and do not rename.
`model.rules` holds what must be true between the fields.
"""

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from natgate.model.address import Prefixes, collapse
from natgate.model.exposition import Exposition
from natgate.model.fields import Duration, Model, Name, Port, Prefix
from natgate.model.gateway import Gateway, SnatEntry, single_addresses
from natgate.model.natlog import Log
from natgate.model.steering import Fence, NoFence, NoSteering, Steering


def _off(value: object) -> object:
    """YAML 1.1 reads a bare off as false."""
    return "off" if value is False else value


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
    flow_counters: bool = Field(
        default=True,
        description="have the kernel count packets and bytes of each flow and note when it began, "
        "for natgate flows; off saves a little of the work for each packet",
    )


class Quotas(Model):
    """How much a spec may hold, so that a slip of a generator is noticed."""

    gateways: int = Field(default=5, ge=1, description="gateways in the network")
    addresses: int = Field(default=20, ge=1, description="addresses of a gateway")
    snat: int = Field(default=40, ge=1, description="SNAT entries of a gateway")
    dnat: int = Field(default=100, ge=1, description="DNAT entries of a gateway")


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
    metrics: Exposition = Field(
        default=Exposition(), description="where metrics can be read, beside the command"
    )
    log: Log = Field(
        default=Log(), description="who used an address and port: the log of `natgate log run`"
    )
    quotas: Quotas = Field(default=Quotas(), description="how much of each there may be")

    @property
    def verify_interval(self) -> float:
        """Seconds after which rules and settings are looked at again."""
        return min(gateway.health.verify_interval for gateway in self.gateways)

    def node(self, name: str) -> Node:
        """The node of that name; KeyError if the spec has none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def nodes_of(self, gateway: Gateway) -> tuple[str, ...]:
        """The nodes that may carry a gateway, preferred first."""
        return gateway.nodes or tuple(node.name for node in self.nodes)

    def zones_of(self, gateway: Gateway) -> tuple[str, ...]:
        """The zones in which a gateway's nodes stand: with the last of them it is lost."""
        return tuple(dict.fromkeys(self.node(name).zone for name in self.nodes_of(gateway)))

    def addresses_of(self, gateway: Gateway, entry: SnatEntry) -> tuple[IPv4Address, ...]:
        """The addresses an entry uses: its own choice, else all that serve no single host."""
        taken = single_addresses(gateway)
        every = (fixed.address for fixed in gateway.addresses)
        return entry.addresses or tuple(a for a in every if a not in taken)

    def sources_of(self, entry: SnatEntry) -> Prefixes:
        """The prefixes whose hosts an entry translates; the whole network is its ranges."""
        subnets = {subnet.name: subnet.cidr for subnet in self.network.subnets}
        return (
            *entry.sources,
            *(IPv4Network(host) for host in entry.hosts),
            *(subnets[name] for name in entry.subnets if name in subnets),
            *(collapse(self.network.ranges) if entry.network else ()),
        )
