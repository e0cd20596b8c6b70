"""Which entry translates the first packet of a flow, said without asking a kernel.

The order is that of source 001: what is reached at an address; then a host's own address, the
address of which it takes all ports, and of SNAT entries the longest source mask, the longest
destination mask, and the one that names ports, then protocols.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal

from natgate.model.fields import Ports
from natgate.model.gateway import DnatEntry, Gateway, SnatEntry
from natgate.model.portblocks import assigned
from natgate.model.routes import EVERYWHERE
from natgate.model.spec import Spec
from natgate.plan.compile import carried_by, inside_of, internal_of
from natgate.plan.dnat import Whole, any_port, own_addresses, target_ports

Kind = Literal["own", "dnat", "snat", "echo", "inside", "dropped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """The first packet of a flow; `port` is its destination port, if its protocol has ports."""

    source: IPv4Address
    destination: IPv4Address
    protocol: str
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What becomes of it: the entry, the sources that it may leave with, and where it goes.

    `inside`: it stays what it is. `echo`: the gateway answers. `dropped`: nothing takes it.
    """

    kind: Kind
    entry: str = ""
    sources: tuple[IPv4Address, ...] = ()
    destination: tuple[IPv4Address, int | None] | None = None


DROPPED = Answer(kind="dropped")


def resolve(spec: Spec, node: str, packet: Packet) -> Answer:
    """What a node that carries all its gateways makes of a packet."""
    gateways = carried_by(spec, node)
    for gateway in gateways:
        if any(fixed.address == packet.destination for fixed in gateway.addresses):
            return _arriving(spec, gateway, packet)
    if any(packet.destination in prefix for prefix in internal_of(spec)):
        return Answer(kind="inside")
    return _leaving(spec, gateways, packet)


def _arriving(spec: Spec, gateway: Gateway, packet: Packet) -> Answer:
    inside = any(packet.source in prefix for prefix in inside_of(spec))
    seen = packet.destination if inside else packet.source
    for kind, wholes in _wholes((gateway,)):
        for whole in wholes:
            if whole.address == packet.destination:
                if not _takes(whole, packet.source):
                    return DROPPED
                to = (whole.host, packet.port)
                return Answer(kind=kind, entry=whole.label, sources=(seen,), destination=to)
    for entry in gateway.dnat:
        port = _mapped(entry, packet)
        if port is not None:
            name, to = gateway.label(entry), (entry.target, port)
            return Answer(kind="dnat", entry=name, sources=(seen,), destination=to)
    if gateway.icmp_reply and packet.protocol == "icmp":
        return Answer(kind="echo")
    return DROPPED


def _wholes(gateways: tuple[Gateway, ...]) -> tuple[tuple[Kind, tuple[Whole, ...]], ...]:
    return (("own", own_addresses(gateways)), ("dnat", any_port(gateways)))


def _takes(whole: Whole, far: IPv4Address) -> bool:
    return not whole.far or any(far in prefix for prefix in whole.far)


def _mapped(entry: DnatEntry, packet: Packet) -> int | None:
    """The host's port for a packet that an entry with ports takes."""
    if not isinstance(entry.port, Ports) or packet.port is None or packet.port not in entry.port:
        return None
    if packet.destination != entry.address or packet.protocol not in entry.protocols:
        return None
    if entry.clients and not any(packet.source in prefix for prefix in entry.clients):
        return None
    return target_ports(entry).first + packet.port - entry.port.first


def _leaving(spec: Spec, gateways: tuple[Gateway, ...], packet: Packet) -> Answer:
    if not any(packet.source in prefix for prefix in inside_of(spec)):
        return DROPPED
    for kind, wholes in _wholes(gateways):
        for whole in wholes:
            if whole.host == packet.source and _takes(whole, packet.destination):
                return Answer(kind=kind, entry=whole.label, sources=(whole.address,))
    found = max(_matching(spec, gateways, packet), key=lambda each: each[0], default=None)
    if found is None:
        return DROPPED
    _, gateway, entry = found
    own = next((a for a in assigned(spec, gateway, entry) if a.host == packet.source), None)
    every = (own.address,) if own is not None else spec.addresses_of(gateway, entry)
    sources = tuple(a for a in every if a not in gateway.withdrawn)
    if not sources:
        return DROPPED
    return Answer(kind="snat", entry=gateway.label(entry), sources=sources)


def _matching(
    spec: Spec, gateways: tuple[Gateway, ...], packet: Packet
) -> Iterator[tuple[tuple[int, int, bool, bool], Gateway, SnatEntry]]:
    """The SNAT entries that take a packet, with what makes one more specific than another."""
    for gateway in gateways:
        for entry in gateway.snat:
            if not _applies(entry, packet):
                continue
            for source in spec.sources_of(entry):
                for far in entry.destinations or (EVERYWHERE,):
                    if packet.source in source and packet.destination in far:
                        # An entry for everywhere comes after one that names 0.0.0.0/0.
                        masks = (source.prefixlen, far.prefixlen if entry.destinations else -1)
                        yield (*masks, bool(entry.ports), bool(entry.protocols)), gateway, entry


def _applies(entry: SnatEntry, packet: Packet) -> bool:
    if entry.ports:
        allowed = entry.protocols or ("tcp", "udp")
        return packet.protocol in allowed and any(packet.port in ports for ports in entry.ports)
    return not entry.protocols or packet.protocol in entry.protocols
