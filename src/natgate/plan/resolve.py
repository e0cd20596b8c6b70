"""Which entry translates the first packet of a flow, said without asking a kernel.

The order is that of source 001: what is reached at an address; then a host's own address, the
address of which it takes all ports, and of SNAT entries the longest source mask, the longest
destination mask, and the one that names ports, then protocols.
"""

from collections.abc import Collection, Iterator
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
    return Resolver(spec, node).resolve(packet)


class Resolver:
    """The same for many packets: the entries of a spec by the prefixes of their sources."""

    def __init__(self, spec: Spec, node: str) -> None:
        self._spec = spec
        gateways = carried_by(spec, node)
        self._gateways = {fixed.address: g for g in gateways for fixed in g.addresses}
        self._inside, self._internal = inside_of(spec), internal_of(spec)
        self._wholes = _wholes(gateways)
        self._entries: dict[int, dict[int, list[tuple[Gateway, SnatEntry]]]] = {}
        for gateway in gateways:
            for entry in gateway.snat:
                for source in spec.sources_of(entry):
                    of_length = self._entries.setdefault(source.prefixlen, {})
                    held = of_length.setdefault(int(source.network_address), [])
                    held.append((gateway, entry))
        self._named = {g.label(entry): (g, entry) for g in gateways for entry in g.snat}

    @property
    def fixed(self) -> Collection[IPv4Address]:
        """The addresses at which packets arrive."""
        return self._gateways.keys()

    def resolve(self, packet: Packet) -> Answer:
        """What the node makes of a packet."""
        gateway = self._gateways.get(packet.destination)
        if gateway is not None:
            return self._arriving(gateway, packet)
        if any(packet.destination in prefix for prefix in self._internal):
            return Answer(kind="inside")
        return self._leaving(packet)

    def addresses(self, label: str) -> tuple[IPv4Address, ...]:
        """Every address that an SNAT entry may ever have given; none for other entries."""
        if label not in self._named:
            return ()
        return self._spec.addresses_of(*self._named[label])

    def _arriving(self, gateway: Gateway, packet: Packet) -> Answer:
        inside = any(packet.source in prefix for prefix in self._inside)
        seen = packet.destination if inside else packet.source
        for kind, wholes in self._wholes:
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

    def _leaving(self, packet: Packet) -> Answer:
        if not any(packet.source in prefix for prefix in self._inside):
            return DROPPED
        for kind, wholes in self._wholes:
            for whole in wholes:
                if whole.host == packet.source and _takes(whole, packet.destination):
                    return Answer(kind=kind, entry=whole.label, sources=(whole.address,))
        found = max(self._matching(packet), key=lambda each: each[0], default=None)
        if found is None:
            return DROPPED
        _, gateway, entry = found
        own = next(
            (a for a in assigned(self._spec, gateway, entry) if a.host == packet.source), None
        )
        every = (own.address,) if own is not None else self._spec.addresses_of(gateway, entry)
        sources = tuple(a for a in every if a not in gateway.withdrawn)
        if not sources:
            return DROPPED
        return Answer(kind="snat", entry=gateway.label(entry), sources=sources)

    def _matching(
        self, packet: Packet
    ) -> Iterator[tuple[tuple[int, int, bool, bool], Gateway, SnatEntry]]:
        """The SNAT entries that take a packet, with what makes one more specific than another."""
        for length, of_length in self._entries.items():
            rest = 32 - length
            for gateway, entry in of_length.get(int(packet.source) >> rest << rest, ()):
                for far in entry.destinations or (EVERYWHERE,):
                    if _applies(entry, packet) and packet.destination in far:
                        # An entry for everywhere comes after one that names 0.0.0.0/0.
                        masks = (length, far.prefixlen if entry.destinations else -1)
                        yield (*masks, bool(entry.ports), bool(entry.protocols)), gateway, entry


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


def _applies(entry: SnatEntry, packet: Packet) -> bool:
    if entry.ports:
        allowed = entry.protocols or ("tcp", "udp")
        return packet.protocol in allowed and any(packet.port in ports for ports in entry.ports)
    return not entry.protocols or packet.protocol in entry.protocols
