"""What the operator writes of one gateway: addresses, entries, health."""

from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import Field

from natgate.model.fields import Duration, Model, Name, Port, Prefix


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
    addresses: tuple[FixedAddress, ...] = Field(
        min_length=1, description="what the far side sees, whichever node carries the gateway"
    )
    snat: tuple[SnatEntry, ...] = Field(
        default=(), description="what is translated; the rest may not leave the network"
    )
    health: Health = Field(default=Health(), description="what a node needs to carry it")
