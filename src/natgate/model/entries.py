"""What must be true of a gateway's entries; every problem at once, with its path.

The rules are those of source 001: the longest source mask wins and equal ones are refused; an
address that serves one host serves nothing else; what is reached from outside, and what it leads
to, occurs once each.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

from natgate.model.address import FIRST_PORT, Prefixes, collapse, covers
from natgate.model.error import Problem, twice
from natgate.model.fields import Ports
from natgate.model.gateway import DnatEntry, Entry, Gateway, OwnAddress, SnatEntry, single_addresses
from natgate.model.routes import EVERYWHERE
from natgate.model.spec import Spec


def entry_problems(spec: Spec) -> Iterator[Problem]:
    """Every contradiction in and between entries."""
    clients = collapse(s.cidr for s in spec.network.subnets if s.kind == "client")
    for g, gateway in enumerate(spec.gateways):
        yield from _names(gateway, f"gateways[{g}]")
        for e, entry in enumerate(gateway.snat):
            path = f"gateways[{g}].snat[{e}]"
            yield from snat_problems(spec, clients, gateway, entry, path)
        for e, served in enumerate(gateway.dnat):
            path = f"gateways[{g}].dnat[{e}]"
            yield from _belongs(gateway, served.address, f"{path}.address")
            yield from _far(clients, served.clients, f"{path}.clients", "prefix")
            yield from _host(clients, served.target, f"{path}.target")
            yield from _dnat_ports(spec, gateway, served, path)
        for e, own in enumerate(gateway.own):
            path = f"gateways[{g}].own[{e}]"
            yield from _belongs(gateway, own.address, f"{path}.address")
            yield from _far(clients, own.destinations, f"{path}.destinations", "destination")
            yield from _host(clients, own.host, f"{path}.host")
        yield from _single(gateway, f"gateways[{g}]")
        if gateway.mode == "active-active" and (gateway.dnat or gateway.own):
            message = (
                "nodes of an active-active gateway know whose a packet is by the port that they "
                "gave out, and hosts that are reached from outside choose theirs: put these "
                "entries into a gateway of mode active-standby"
            )
            yield Problem(path=f"gateways[{g}].mode", message=message)
    yield from _equal_sources(spec)
    yield from _served_twice(spec)
    yield from _owned_twice(spec)


def snat_problems(
    spec: Spec, clients: Prefixes, gateway: Gateway, entry: SnatEntry, path: str
) -> Iterator[Problem]:
    """What is wrong with one entry by itself; `clients` are the client subnets, collapsed."""
    yield from _sources(spec, clients, entry, path)
    yield from _far(clients, entry.destinations, f"{path}.destinations", "destination")
    yield from _snat_addresses(spec, gateway, entry, path)
    yield from _applies_to(entry, path)


def _names(gateway: Gateway, path: str) -> Iterator[Problem]:
    """An entry is called by its gateway and its name, of whichever kind it is."""
    kinds: dict[str, tuple[Entry, ...]] = {
        "snat": gateway.snat,
        "dnat": gateway.dnat,
        "own": gateway.own,
    }
    seen: dict[str, str] = {}
    for kind, entries in kinds.items():
        for index, entry in enumerate(entries):
            at = f"{path}.{kind}[{index}].name"
            if entry.name in seen:
                yield Problem(
                    path=at, message=f"name {entry.name} is already at {seen[entry.name]}"
                )
            seen.setdefault(entry.name, at)


def _sources(spec: Spec, clients: Prefixes, entry: SnatEntry, path: str) -> Iterator[Problem]:
    if not (entry.network or entry.subnets or entry.hosts or entry.sources):
        message = "nobody is translated: give network, subnets, hosts or sources"
        yield Problem(path=path, message=message)
    yield from twice(f"{path}.sources[{{}}]", "source", entry.sources)
    yield from twice(f"{path}.hosts[{{}}]", "host", entry.hosts)
    yield from twice(f"{path}.subnets[{{}}]", "subnet", entry.subnets)
    subnets = {s.name for s in spec.network.subnets if s.kind == "client"}
    for s, source in enumerate(entry.sources):
        if not covers(clients, source):
            message = f"{source} is not inside a client subnet; only their hosts are translated"
            yield Problem(path=f"{path}.sources[{s}]", message=message)
    for h, host in enumerate(entry.hosts):
        yield from _host(clients, host, f"{path}.hosts[{h}]")
    for n, name in enumerate(entry.subnets):
        if name not in subnets:
            listed = ", ".join(sorted(subnets))
            message = f"{name} is no client subnet ({listed})"
            yield Problem(path=f"{path}.subnets[{n}]", message=message)


def _host(clients: Prefixes, host: IPv4Address, path: str) -> Iterator[Problem]:
    if not covers(clients, host):
        message = f"{host} is not inside a client subnet; only their hosts are translated"
        yield Problem(path=path, message=message)


def _far(clients: Prefixes, prefixes: Prefixes, path: str, what: str) -> Iterator[Problem]:
    """Prefixes outside, whose packets must cross a node."""
    yield from twice(f"{path}[{{}}]", what, prefixes)
    for index, prefix in enumerate(prefixes):
        if prefix.is_multicast or prefix.is_loopback:
            message = f"{prefix} is not routed, so no packet to it crosses a node"
            yield Problem(path=f"{path}[{index}]", message=message)
        if prefix.prefixlen and any(prefix.overlaps(c) for c in clients):
            message = f"{prefix} overlaps a client subnet, which is reached without a node"
            yield Problem(path=f"{path}[{index}]", message=message)


def _belongs(gateway: Gateway, address: IPv4Address, path: str) -> Iterator[Problem]:
    if address not in {fixed.address for fixed in gateway.addresses}:
        message = f"{address} is not an address of gateway {gateway.name}"
        yield Problem(path=path, message=message)


def _snat_addresses(spec: Spec, gateway: Gateway, entry: SnatEntry, path: str) -> Iterator[Problem]:
    yield from twice(f"{path}.addresses[{{}}]", "address", entry.addresses)
    single = single_addresses(gateway)
    for a, address in enumerate(entry.addresses):
        at = f"{path}.addresses[{a}]"
        yield from _belongs(gateway, address, at)
        if address in single:
            yield Problem(path=at, message=_serves_one(address))
    if not spec.addresses_of(gateway, entry):
        message = (
            f"every address of gateway {gateway.name} serves a single host, so none is left for "
            "this entry: add one to the gateway"
        )
        yield Problem(path=path, message=message)


def _serves_one(address: IPv4Address) -> str:
    return f"{address} serves a single host, and no other entry: take another address"


def _applies_to(entry: SnatEntry, path: str) -> Iterator[Problem]:
    yield from twice(f"{path}.protocols[{{}}]", "protocol", entry.protocols)
    if entry.ports and "icmp" in entry.protocols:
        message = "icmp has no ports: make it an entry of its own"
        yield Problem(path=f"{path}.protocols", message=message)
    yield from _overlapping(entry.ports, f"{path}.ports")


def _overlapping(ports: Iterable[Ports], path: str) -> Iterator[Problem]:
    seen: list[tuple[Ports, str]] = []
    for index, each in enumerate(ports):
        at = f"{path}[{index}]"
        for other, place in seen:
            if each.overlaps(other):
                yield Problem(path=at, message=f"{each} overlaps {other} at {place}")
        seen.append((each, at))


def _equal_sources(spec: Spec) -> Iterator[Problem]:
    """Two entries for the same source and destination must apply to different packets."""
    seen: dict[tuple[IPv4Network, IPv4Network], list[tuple[SnatEntry, str]]] = {}
    for g, gateway in enumerate(spec.gateways):
        for e, entry in enumerate(gateway.snat):
            path = f"gateways[{g}].snat[{e}]"
            for source in dict.fromkeys(spec.sources_of(entry)):
                for destination in dict.fromkeys(entry.destinations or (EVERYWHERE,)):
                    others = seen.setdefault((source, destination), [])
                    equal = next((at for o, at in others if _same_packets(entry, o)), None)
                    if equal:
                        where = "everywhere" if destination == EVERYWHERE else destination
                        message = (
                            f"source {source} to {where} is already translated by {equal}; the "
                            "longest mask wins, so equal ones would leave it to chance: remove one"
                        )
                        yield Problem(path=_source_path(entry, source, path), message=message)
                    others.append((entry, path))


def _source_path(entry: SnatEntry, source: IPv4Network, path: str) -> str:
    index = entry.sources.index(source) if source in entry.sources else None
    return path if index is None else f"{path}.sources[{index}]"


def _same_packets(one: SnatEntry, other: SnatEntry) -> bool:
    """Whether neither is more specific and both would take some packet."""
    if bool(one.ports) != bool(other.ports):
        return False
    if one.ports:
        both = {"tcp", "udp"}
        shared = set(one.protocols or both) & set(other.protocols or both)
        return bool(shared) and any(a.overlaps(b) for a in one.ports for b in other.ports)
    if bool(one.protocols) != bool(other.protocols):
        return False
    return not one.protocols or bool(set(one.protocols) & set(other.protocols))


def _dnat_ports(spec: Spec, gateway: Gateway, entry: DnatEntry, path: str) -> Iterator[Problem]:
    if (entry.protocol == "any") != entry.whole:
        message = "protocol any needs port any, and port any needs protocol any"
        yield Problem(path=f"{path}.port", message=message)
    elif not isinstance(entry.port, Ports):
        if entry.target_port not in {None, "any"}:
            message = "with port any every port stays what it is; leave target_port out"
            yield Problem(path=f"{path}.target_port", message=message)
    elif entry.target_port == "any":
        message = "port any and target_port any go together"
        yield Problem(path=f"{path}.target_port", message=message)
    else:
        if isinstance(entry.target_port, Ports) and len(entry.target_port) != len(entry.port):
            message = (
                f"{entry.target_port} has {len(entry.target_port)} ports and port {entry.port} has "
                f"{len(entry.port)}; both must have as many"
            )
            yield Problem(path=f"{path}.target_port", message=message)
        yield from _override(spec, gateway, entry, path)


def _override(spec: Spec, gateway: Gateway, entry: DnatEntry, path: str) -> Iterator[Problem]:
    """Above 1024 lie the ports that SNAT gives out."""
    assert isinstance(entry.port, Ports)  # noqa: S101 (asked by the caller)
    if entry.port_override or entry.port.last < FIRST_PORT:
        return
    if any(entry.address in spec.addresses_of(gateway, other) for other in gateway.snat):
        message = (
            f"{entry.port} lies in the range that SNAT entries use of {entry.address} "
            f"({FIRST_PORT} and above): take a lower port, another address, or say port_override: "
            "true, which may end flows that have this port"
        )
        yield Problem(path=f"{path}.port", message=message)


def _single(gateway: Gateway, path: str) -> Iterator[Problem]:
    """An address that serves one host serves nothing else."""
    first: dict[IPv4Address, str] = {}
    kinds: dict[str, tuple[DnatEntry | OwnAddress, ...]] = {
        "dnat": gateway.dnat,
        "own": gateway.own,
    }
    for kind, entries in kinds.items():
        for index, entry in enumerate(entries):
            at = f"{path}.{kind}[{index}].address"
            if entry.address in single_addresses(gateway) and entry.address in first:
                message = f"{_serves_one(entry.address)} (it is at {first[entry.address]})"
                yield Problem(path=at, message=message)
            first.setdefault(entry.address, at)


Served = tuple[IPv4Address, str, int]
"""An address or a host, a protocol, and a port."""


def _served_twice(spec: Spec) -> Iterator[Problem]:
    """Neither the public nor the host's side of two entries may be the same."""
    public: dict[Served, str] = {}
    hosts: dict[Served, str] = {}
    for g, gateway in enumerate(spec.gateways):
        for e, entry in enumerate(gateway.dnat):
            path = f"gateways[{g}].dnat[{e}]"
            if not isinstance(entry.port, Ports):
                continue
            inner = entry.port if not isinstance(entry.target_port, Ports) else entry.target_port
            sides = (
                (public, entry.address, entry.port, "port"),
                (hosts, entry.target, inner, "target_port" if entry.target_port else "port"),
            )
            for seen, address, ports, field in sides:
                yield from _taken(seen, entry, address, ports, f"{path}.{field}")


def _taken(
    seen: dict[Served, str], entry: DnatEntry, address: IPv4Address, ports: Ports, path: str
) -> Iterator[Problem]:
    """At most one problem for each pair of entries."""
    told: set[str] = set()
    for protocol in entry.protocols:
        for port in ports:
            at = seen.setdefault((address, protocol, port), path)
            if at != path and at not in told:
                told.add(at)
                message = f"{protocol} port {port} of {address} is already taken by {at}"
                yield Problem(path=path, message=message)


def _owned_twice(spec: Spec) -> Iterator[Problem]:
    """A host leaves with one address of its own, and with one of which it takes all ports."""
    own: dict[IPv4Address, str] = {}
    every: dict[IPv4Address, str] = {}
    for g, gateway in enumerate(spec.gateways):
        sides = [
            *((own, o.host, f"gateways[{g}].own[{n}].host") for n, o in enumerate(gateway.own)),
            *(
                (every, d.target, f"gateways[{g}].dnat[{n}].target")
                for n, d in enumerate(gateway.dnat)
                if d.whole
            ),
        ]
        for seen, host, path in sides:
            if host in seen:
                message = f"{host} already has an address for itself, at {seen[host]}"
                yield Problem(path=path, message=message)
            seen.setdefault(host, path)
