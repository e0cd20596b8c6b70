"""Which route one host takes for a packet: rules in order, longest prefix, lowest metric."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from natgate.model.topology import LOCAL, Neighbour, PolicyRule, RoutedHost, TableRoute, Topology
from natgate.model.trace import Packet

MADE_HERE = "lo"
"""The link by which a packet comes in that the host makes itself (ip-rule(8))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The route, the table it stands in, and how many equal ones share its packets."""

    table: str
    route: TableRoute
    equal: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Nowhere:
    """No route: the tables that were looked into, and the rule that ended the search, if one did."""

    tables: tuple[str, ...]
    reason: str


def route_of(host: RoutedHost, packet: Packet, link: str, mark: int = 0) -> Chosen | Nowhere:
    """The route that a packet takes which came in by `link`."""
    seen: list[str] = []
    for rule in sorted(host.rules, key=lambda rule: rule.pref):
        if not _selects(rule, packet, link, mark):
            continue
        if rule.table is None:
            reason = f"rule {rule.pref} says {rule.stops}"
            return Nowhere(tables=tuple(seen), reason=reason)
        found = _look_up(host, rule.table, packet.destination)
        if found is not None and found.route.type != "throw":
            return found
        if rule.table != LOCAL and rule.table in host.tables:
            seen.append(rule.table)
    return Nowhere(tables=tuple(seen), reason="no rule is left")


def _selects(rule: PolicyRule, packet: Packet, link: str, mark: int) -> bool:
    described = (
        rule.iif in {None, link}
        and _within(packet.source, rule.source)
        and _within(packet.destination, rule.destination)
        and (rule.mark is None or mark & rule.mask == rule.mark & rule.mask)
    )
    return described != rule.inverted


def _within(address: IPv4Address, prefix: IPv4Network | None) -> bool:
    return prefix is None or address in prefix


def _look_up(host: RoutedHost, table: str, destination: IPv4Address) -> Chosen | None:
    if table == LOCAL and destination in host.addresses:
        own = TableRoute(to=IPv4Network(destination), type="local")
        return Chosen(table=LOCAL, route=own)
    covering = [route for route in host.tables.get(table, ()) if destination in route.to]
    if not covering:
        return None
    best = min(covering, key=lambda route: (-route.to.prefixlen, route.metric))
    equal = [r for r in covering if (r.to, r.metric) == (best.to, best.metric)]
    return Chosen(table=table, route=best, equal=len(equal))


def next_host(
    topology: Topology, host: RoutedHost, chosen: Chosen, destination: IPv4Address
) -> Neighbour | str | None:
    """The host at the next hop and its link; None where nothing is known; else why nobody is there."""
    link = host.link(chosen.route.link)
    address = chosen.route.via or destination
    if link is None or link.segment is None:
        return None
    for other, port in topology.neighbours(host, link):
        if address in port.addresses:
            return other, port
    for other, port in topology.neighbours(host, link):
        if address in other.addresses:  # ARP is answered on any link for any own address
            return other, port
    return f"nobody answers for {address} on {link.segment}"


def source_of(host: RoutedHost, packet: Packet) -> IPv4Address | None:
    """The source that a host gives what it makes itself; None if it has no address."""
    chosen = route_of(host, packet, MADE_HERE)
    route = chosen.route if isinstance(chosen, Chosen) else None
    if route is not None and route.source is not None:
        return route.source
    link = host.link(route.link) if route is not None else None
    return next(iter((*(link.addresses if link else ()), *host.addresses)), None)
