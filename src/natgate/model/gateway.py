"""What the operator writes of one gateway: addresses, entries, health."""

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    GetPydanticSchema,
    Tag,
    field_validator,
)

from natgate.model.bandwidth import Bandwidth
from natgate.model.fields import Duration, Model, Name, Port, PortRange, PortRangeOrAny, Prefix
from natgate.model.timeouts import Timeouts


class FixedAddress(Model):
    """An address that the far side sees."""

    address: IPv4Address = Field(description="in an address subnet, or in network.address_ranges")
    withdrawn: bool = Field(
        default=False,
        description="takes no new flows of SNAT entries, which go on with their other addresses; "
        "flows that have it keep it",
    )
    bandwidth: Bandwidth | None = Field(
        default=None,
        description="how much it may carry in each direction, such as 100Mbit/s; what is over that "
        "is dropped; no limit if left out",
    )


class AddressRange(Model):
    """All addresses of a prefix, as if each were written."""

    range: Prefix = Field(description="at most 256 addresses (/24); the quota counts each")
    withdrawn: bool = Field(default=False, description="the same for each of them")
    bandwidth: Bandwidth | None = Field(default=None, description="the same for each of them")

    @field_validator("range")
    @classmethod
    def _small(cls, prefix: IPv4Network) -> IPv4Network:
        if prefix.prefixlen < LARGEST_RANGE:
            raise ValueError(f"{prefix} holds more than 256 addresses; take a /24 or less")
        return prefix


LARGEST_RANGE = 24


def _kind_of(value: object) -> str:
    """Which of the two an item is; these words are no keys of either."""
    return "many" if isinstance(value, dict) and "range" in value else "single"


def _each(written: tuple[FixedAddress | AddressRange, ...]) -> tuple[FixedAddress, ...]:
    return tuple(
        FixedAddress.model_construct(
            address=address, withdrawn=item.withdrawn, bandwidth=item.bandwidth
        )
        for item in written
        for address in (item.range if isinstance(item, AddressRange) else (item.address,))
    )


_Written = Annotated[
    tuple[
        Annotated[
            Annotated[FixedAddress, Tag("single")] | Annotated[AddressRange, Tag("many")],
            Discriminator(_kind_of),
        ],
        ...,
    ],
    AfterValidator(_each),
]
Addresses = Annotated[
    tuple[FixedAddress, ...],
    GetPydanticSchema(lambda _, handler: handler.generate_schema(_Written)),
]
"""Single addresses, where a file may say ranges as well."""


class SnatEntry(Model):
    """Which sources leave with which address, and to where; the longest source mask wins."""

    name: Name
    network: bool = Field(default=False, description="all hosts of network.ranges are sources")
    subnets: tuple[Name, ...] = Field(default=(), description="client subnets that are sources")
    hosts: tuple[IPv4Address, ...] = Field(
        default=(), description="hosts, or single interfaces, that are sources: each is a /32"
    )
    sources: tuple[Prefix, ...] = Field(
        default=(), description="prefixes inside client subnets that are sources"
    )
    destinations: tuple[Prefix, ...] = Field(
        default=(),
        description="where this entry applies; everywhere outside the network if left out",
    )
    addresses: tuple[IPv4Address, ...] = Field(
        default=(),
        description="which of the gateway's addresses to use, by a hash over each connection if "
        "there are several; if left out, all that serve no single host",
    )
    affinity: bool = Field(
        default=False,
        description="a host always reaches the same destination from the same address",
    )
    protocols: tuple[Literal["tcp", "udp", "icmp"], ...] = Field(
        default=(), description="what it applies to; all protocols if left out"
    )
    ports: tuple[PortRange, ...] = Field(
        default=(), description="destination ports of TCP and UDP that it applies to"
    )
    block_size: int | None = Field(
        default=None,
        ge=64,
        le=64511,
        description="every host has a block of so many ports of one address, always the same one: "
        "natgate blocks lists them; drawn from all ports for each flow if left out",
    )


Protocol = Literal["tcp", "udp", "both", "any"]


class DnatEntry(Model):
    """Which host answers at an address: at some of its ports, or at all of them (1:1)."""

    name: Name
    address: IPv4Address = Field(description="one of the gateway's addresses")
    protocol: Protocol = Field(
        description="tcp, udp, or both; any (which needs port any) also takes ICMP and the rest"
    )
    port: PortRangeOrAny = Field(description="where the far side connects to: 443, 10/20, or any")
    target: IPv4Address = Field(description="the host, in a client subnet; it sees who connects")
    target_port: PortRangeOrAny | None = Field(
        default=None, description="as many ports as `port` has; the same ones if left out"
    )
    clients: tuple[Prefix, ...] = Field(
        default=(), description="who may connect, outside the network; everybody if left out"
    )
    port_override: bool = Field(
        default=False,
        description="allow ports above 1024 of an address that SNAT entries use as well; flows "
        "that have just this port may end",
    )

    @property
    def protocols(self) -> tuple[str, ...]:
        """Its protocols by name."""
        return ("tcp", "udp") if self.protocol == "both" else (self.protocol,)

    @property
    def whole(self) -> bool:
        """Whether it takes all that comes to the address."""
        return self.port == "any"


class OwnAddress(Model):
    """A host's own address (1:1), in both directions; it comes before every other entry."""

    name: Name
    address: IPv4Address = Field(description="one of the gateway's addresses")
    host: IPv4Address = Field(description="the host, in a client subnet")
    destinations: tuple[Prefix, ...] = Field(
        default=(), description="with whom it speaks, outside the network; everybody if left out"
    )


Entry = SnatEntry | DnatEntry | OwnAddress


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


class AddressCheck(Model):
    """Echo requests from each address of the gateway, sent by the node that receives its returns."""

    address: IPv4Address = Field(description="who must answer, beyond the node")
    interval: Duration = Field(default=0.5, description="one request for each address")
    timeout: Duration = Field(
        default=1.5, description="an address fails after so long without an answer"
    )


Check = Annotated[IcmpCheck | TcpCheck, Field(discriminator="kind")]


class Health(Model):
    """What must be true of a node before it may carry a gateway.

    Forwarding and verified rules are always checked; these are the checks beyond the node.
    """

    upstream: tuple[Check, ...] = Field(default=(), description="a failing one is enough")
    addresses: AddressCheck | None = Field(
        default=None,
        description="an address whose echoes are not answered takes no new flows of SNAT entries "
        "that have another one; not checked if left out",
    )
    verify_interval: Duration = Field(
        default=1.0, description="full check of rules and settings, beside the notifications"
    )
    hold_down: Duration = Field(
        default=1.0,
        description="how long a recovered node must be healthy before it may take over, and a "
        "recovered address before it takes new flows",
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


class PortRules(Model):
    """How the ports of a gateway's addresses are given out."""

    per_client: int | None = Field(
        default=None,
        ge=1,
        description="the most flows that one host has at once through one node, over TCP, UDP and "
        "ICMP echo; no limit if left out",
    )


class Gateway(Model):
    """One or more fixed addresses, the nodes that may carry them, and the entries."""

    name: Name
    deletion_protection: bool = Field(
        default=False, description="refuse every apply and remove that would take it away"
    )
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
    addresses: Addresses = Field(
        min_length=1, description="what the far side sees, whichever node carries the gateway"
    )
    snat: tuple[SnatEntry, ...] = Field(
        default=(), description="what is translated; the rest may not leave the network"
    )
    dnat: tuple[DnatEntry, ...] = Field(
        default=(), description="which hosts are reached from outside, and at which ports"
    )
    own: tuple[OwnAddress, ...] = Field(
        default=(), description="hosts with an address of their own"
    )
    icmp_reply: bool = Field(
        default=True,
        description="answer ICMP echo at the gateway's addresses, but those of single hosts; it "
        "says nothing about the hosts behind",
    )
    health: Health = Field(default=Health(), description="what a node needs to carry it")
    timeouts: Timeouts = Field(default=Timeouts(), description="how long its flows may be idle")

    ports: PortRules = Field(default=PortRules(), description="how its ports are given out")

    @property
    def withdrawn(self) -> frozenset[IPv4Address]:
        """The addresses that take no new flows."""
        return frozenset(fixed.address for fixed in self.addresses if fixed.withdrawn)

    def label(self, entry: Entry) -> str:
        """How rules, plans and counters name one of its entries."""
        return f"{self.name}/{entry.name}"

    @property
    def entry_names(self) -> tuple[str, ...]:
        """The names of all its entries."""
        names = [own.name for own in self.own] + [served.name for served in self.dnat]
        return (*names, *(entry.name for entry in self.snat))


def single_addresses(gateway: Gateway) -> frozenset[IPv4Address]:
    """The addresses that serve one host alone, and no other entry."""
    whole = (entry.address for entry in gateway.dnat if entry.whole)
    return frozenset((*whole, *(own.address for own in gateway.own)))
