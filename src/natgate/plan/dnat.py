"""DNAT entries and hosts' own addresses as rules: who is reached from outside, and leaves as whom.

A packet to an address is looked up by its whole address first (1:1), then by protocol and port; its
chain names the entry. A host that has an address for itself leaves with it: with its own one, else
with the one of which it takes all ports, before any SNAT entry (source 001, egress precedence).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from natgate.model.address import collapse, in_nft
from natgate.model.fields import Ports
from natgate.model.gateway import DnatEntry, Gateway, single_addresses
from natgate.model.portblocks import served_ports
from natgate.model.share import EVERY_PORT, without
from natgate.model.table import Chain, Lookup, Rule, any_of
from natgate.plan import timeouts
from natgate.plan.snat import PORTED, draws

SERVED_TYPE = "ipv4_addr . inet_proto . inet_service : verdict"
WHOLE_TYPE = "ipv4_addr : verdict"
MAPPED_TYPE = "inet_service : ipv4_addr . inet_service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """An address that serves one host alone: from whom on, and under which entry."""

    gateway: Gateway
    label: str
    address: IPv4Address
    host: IPv4Address
    far: tuple[IPv4Network, ...]


def target_ports(entry: DnatEntry) -> Ports:
    """The host's ports of an entry with ports; as many as the public ones."""
    ports = entry.port if entry.target_port is None else entry.target_port
    if not isinstance(ports, Ports):
        raise TypeError(f"entry {entry.name} takes all ports")
    return ports


def own_addresses(gateways: Iterable[Gateway]) -> tuple[Whole, ...]:
    """The hosts' own addresses."""
    return tuple(
        Whole(
            gateway=gateway,
            label=gateway.label(own),
            address=own.address,
            host=own.host,
            far=own.destinations,
        )
        for gateway in gateways
        for own in gateway.own
    )


def any_port(gateways: Iterable[Gateway]) -> tuple[Whole, ...]:
    """The entries that take all ports of an address."""
    return tuple(
        Whole(
            gateway=gateway,
            label=gateway.label(entry),
            address=entry.address,
            host=entry.target,
            far=entry.clients,
        )
        for gateway in gateways
        for entry in gateway.dnat
        if entry.whole
    )


def chains(gateways: tuple[Gateway, ...]) -> Iterator[Chain]:
    """One chain for each entry, and a second one where a host also leaves with its address."""
    for gateway in gateways:
        for entry in gateway.dnat:
            if not entry.whole:
                yield Chain(name=_chain(gateway.label(entry)), rules=(_to_port(gateway, entry),))
    for whole in (*own_addresses(gateways), *any_port(gateways)):
        arriving = f"{_from('saddr', whole.far)}counter dnat to {whole.host}"
        idle = timeouts.otherwise(gateways, whole.gateway)
        leaving = f"{_from('daddr', whole.far)}{idle}counter snat to {whole.address}"
        for name, text in ((_chain(whole.label), arriving), (_leave(whole.label), leaving)):
            yield Chain(name=name, rules=(Rule(text=text, comment=whole.label),))


def lookups(gateways: tuple[Gateway, ...]) -> Iterator[Lookup]:
    """Which chain an address, a port or a host leads to; nothing where there are no such entries."""
    entries = [(g, e) for g in gateways for e in g.dnat if not e.whole]
    if entries:
        served = {key: f"goto {_chain(g.label(e))}" for g, e in entries for key in served_keys(e)}
        yield Lookup(name="served", type=SERVED_TYPE, elements=served)
    for gateway, entry in entries:
        if len(target_ports(entry)) > 1:
            yield Lookup(
                name=_chain(gateway.label(entry)), type=MAPPED_TYPE, elements=_pairs(entry)
            )
    own, every = own_addresses(gateways), any_port(gateways)
    if own or every:
        arriving = {str(w.address): f"goto {_chain(w.label)}" for w in (*own, *every)}
        yield Lookup(name="whole", type=WHOLE_TYPE, elements=arriving)
    for name, wholes in (("own", own), ("any-port", every)):
        if wholes:
            leaving = {str(w.host): f"jump {_leave(w.label)}" for w in wholes}
            yield Lookup(name=name, type=WHOLE_TYPE, elements=leaving)


def arriving(gateways: tuple[Gateway, ...], me: IPv4Address) -> Iterator[Rule]:
    """The rules before routing: entries, then the node's own answer to echo requests."""
    if any(single_addresses(gateway) for gateway in gateways):
        yield Rule(text="ip daddr vmap @whole", comment="addresses of single hosts")
    if any(not entry.whole for gateway in gateways for entry in gateway.dnat):
        text = "ip daddr . meta l4proto . th dport vmap @served"
        yield Rule(text=text, comment="ports of addresses")
    answering = [
        fixed.address
        for gateway in gateways
        if gateway.icmp_reply
        for fixed in gateway.addresses
        if fixed.address not in single_addresses(gateway)
    ]
    if answering:
        text = f"ip daddr {any_of(answering)} icmp type echo-request dnat to {me}"
        yield Rule(text=text, comment="echo reply")


def hairpin(gateway: Gateway) -> Iterator[Rule]:
    """A host inside that asks for an address of the gateway is seen as coming from that address.

    Otherwise the host that serves would answer it directly, with a source that it did not ask.
    """
    served = {entry.address for entry in gateway.dnat} | {own.address for own in gateway.own}
    if not served:
        return
    address = "ct original ip daddr"
    head = f"ct status dnat ip saddr @inside {address} {any_of(served)}"
    for draw, block in draws(without((EVERY_PORT,), served_ports(gateway, tuple(served)))):
        text = f"{head} {PORTED} {draw}counter snat to {address}:{block} fully-random"
        yield Rule(text=text, comment="hairpin")
    yield Rule(text=f"{head} counter snat to {address}", comment="hairpin")


def leaving(gateways: tuple[Gateway, ...]) -> Iterator[Rule]:
    """The rules after routing for hosts that have an address for themselves."""
    if own_addresses(gateways):
        yield Rule(text="ip saddr vmap @own", comment="hosts' own addresses")
    if any_port(gateways):
        yield Rule(text="ip saddr vmap @any-port", comment="hosts that take all ports")


def served_keys(entry: DnatEntry) -> Iterator[str]:
    """Address, protocol and port of everything that an entry with ports takes."""
    assert isinstance(entry.port, Ports)  # noqa: S101 (whole entries have no ports)
    for protocol in entry.protocols:
        for port in entry.port:
            yield f"{entry.address} . {protocol} . {port}"


def _to_port(gateway: Gateway, entry: DnatEntry) -> Rule:
    protocols, ports = entry.protocols, target_ports(entry)
    target = f"to {entry.target}:{ports}"
    if len(ports) > 1:
        named = protocols[0] if len(protocols) == 1 else "th"
        target = f"ip to {named} dport map @{_chain(gateway.label(entry))}"
    text = f"{_from('saddr', entry.clients)}meta l4proto {any_of(protocols)} counter dnat {target}"
    return Rule(text=text, comment=gateway.label(entry))


def _pairs(entry: DnatEntry) -> dict[str, str]:
    """The first public port leads to the host's first one, and so on."""
    assert isinstance(entry.port, Ports)  # noqa: S101 (whole entries have no ports)
    pairs = zip(entry.port, target_ports(entry), strict=True)
    return {str(public): f"{entry.target} . {port}" for public, port in pairs}


def _from(side: str, prefixes: tuple[IPv4Network, ...]) -> str:
    """A match for prefixes, none for everybody."""
    if not prefixes:
        return ""
    return f"ip {side} {any_of(map(in_nft, collapse(prefixes)))} "


def _chain(text: str) -> str:
    return f"dnat.{text.replace('/', '.')}"


def _leave(text: str) -> str:
    return f"leave.{text.replace('/', '.')}"
