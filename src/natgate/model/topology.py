"""The file natgate.routes/v1: hosts, their links and their routes, enough to walk a packet.

Links of one segment reach each other; a next hop is the host on the link's segment that has its
address. A link without a segment leads to where nothing is known.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from typing import Literal

from pydantic import Field

from natgate.model.error import Problem, twice
from natgate.model.fields import Model, Prefix
from natgate.model.resolver import Names

LOCAL, MAIN, DEFAULT = "local", "main", "default"

WHOLE_MARK = 0xFFFFFFFF

Text = str
Stops = Literal["blackhole", "unreachable", "prohibit"]


class PortOfHost(Model):
    """A link of a host."""

    name: Text = Field(min_length=1, description="as its kernel calls it")
    segment: Text | None = Field(
        default=None, description="links with the same segment reach each other"
    )
    addresses: tuple[IPv4Address, ...] = Field(default=(), description="its IPv4 addresses")


class PolicyRule(Model):
    """Which packets look into which table (`ip rule`)."""

    pref: int = Field(ge=0, description="lower ones first")
    iif: Text | None = Field(default=None, description="the link it came in by; lo: made here")
    source: Prefix | None = Field(default=None, description="where it comes from")
    destination: Prefix | None = Field(default=None, description="where it goes")
    mark: int | None = Field(default=None, ge=0, description="packets with this mark")
    mask: int = Field(default=WHOLE_MARK, ge=0, description="the bits of the mark that count")
    inverted: bool = Field(default=False, description="those that it does not describe")
    table: Text | None = Field(default=None, description="the table that they look into")
    stops: Stops | None = Field(default=None, description="instead of a table: they end here")


class TableRoute(Model):
    """One route of a table."""

    to: Prefix = Field(description="the longest one that covers a destination is taken")
    type: Literal["unicast", "local", "blackhole", "unreachable", "prohibit", "throw"] = Field(
        default="unicast",
        description="local: for this host; throw: on with the next rule; else it ends here",
    )
    via: IPv4Address | None = Field(
        default=None, description="the next hop; the destination itself if left out"
    )
    link: Text | None = Field(default=None, description="by which it leaves")
    metric: int = Field(default=0, ge=0, description="of one prefix the lower one first")
    source: IPv4Address | None = Field(
        default=None, description="the source of packets that are made here"
    )


STANDARD_RULES = (
    PolicyRule(pref=0, table=LOCAL),
    PolicyRule(pref=32766, table=MAIN),
    PolicyRule(pref=32767, table=DEFAULT),
)
"""What a kernel begins with."""


class RoutedHost(Model):
    """One machine."""

    name: Text = Field(min_length=1, description="a node has the name that the spec gives it")
    role: Text = Field(default="host", description="client, router, node, target, ...")
    forwards: bool = Field(default=False, description="net.ipv4.ip_forward")
    links: tuple[PortOfHost, ...] = Field(default=(), description="all but the loopback")
    rules: tuple[PolicyRule, ...] = Field(
        default=STANDARD_RULES, description="local, main and default if left out"
    )
    tables: dict[Text, tuple[TableRoute, ...]] = Field(
        default_factory=dict, description="the host's own addresses need no routes in table local"
    )

    @property
    def addresses(self) -> tuple[IPv4Address, ...]:
        """All its addresses, in the order of its links."""
        return tuple(address for link in self.links for address in link.addresses)

    def link(self, name: str | None) -> PortOfHost | None:
        """The link of that name."""
        return next((link for link in self.links if link.name == name), None)


Neighbour = tuple[RoutedHost, PortOfHost]
"""A host, and the link by which it is reached."""


class Topology(Model):
    """A whole natgate.routes/v1 file."""

    api_version: Literal["natgate.routes/v1"] = Field(
        alias="apiVersion", description="the version of this format"
    )
    hosts: tuple[RoutedHost, ...] = Field(min_length=1, description="every one that it may meet")
    carriers: dict[Text, Text] = Field(
        default_factory=dict,
        description="the node that carries each share of a gateway, as natgate status names them; "
        "returns of active-active gateways are handed to it",
    )
    names: Names | None = Field(default=None, description="who knows which names, if anybody does")

    def host(self, name: str) -> RoutedHost | None:
        """The host of that name."""
        return next((host for host in self.hosts if host.name == name), None)

    def holder(self, address: IPv4Address) -> RoutedHost | None:
        """The host that has an address."""
        return next((host for host in self.hosts if address in host.addresses), None)

    def neighbours(self, host: RoutedHost, link: PortOfHost) -> Iterator[Neighbour]:
        """Every other host on a link's segment, with the link by which it is there."""
        for other in self.hosts:
            for port in other.links:
                if port.segment == link.segment and other.name != host.name:
                    yield other, port


def topology_problems(topology: Topology) -> Iterator[Problem]:
    """Names that occur twice, and rules and routes that lead nowhere."""
    yield from twice("hosts[{}].name", "host", (host.name for host in topology.hosts))
    names = {host.name for host in topology.hosts}
    for share, node in topology.carriers.items():
        if node not in names:
            yield Problem(path=f"carriers.{share}", message=f"there is no host {node}")
    if topology.names is not None:
        endpoint = topology.names.resolver.endpoint
        if topology.holder(endpoint) is None:
            message = f"no host has {endpoint}, so nobody asks from there"
            yield Problem(path="names.resolver.endpoint", message=message)
    for index, host in enumerate(topology.hosts):
        path = f"hosts[{index}]"
        links = {link.name for link in host.links}
        yield from twice(f"{path}.links[{{}}].name", "link", (link.name for link in host.links))
        for r, rule in enumerate(host.rules):
            yield from _rule(rule, f"{path}.rules[{r}]")
        for table, routes in host.tables.items():
            yield from _routes(host.name, links, routes, f"{path}.tables.{table}")


def _rule(rule: PolicyRule, path: str) -> Iterator[Problem]:
    if (rule.table is None) == (rule.stops is None):
        message = "give the table that it looks into, or stops if packets end here"
        yield Problem(path=path, message=message)


def _routes(
    host: str, links: Iterable[str], routes: tuple[TableRoute, ...], path: str
) -> Iterator[Problem]:
    for index, route in enumerate(routes):
        at = f"{path}[{index}].link"
        if route.type == "unicast" and route.link is None:
            yield Problem(path=at, message="missing; say by which link it leaves")
        elif route.link is not None and route.link not in links:
            yield Problem(path=at, message=f"{host} has no link {route.link}")
