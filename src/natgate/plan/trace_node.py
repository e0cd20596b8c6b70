"""What the spec's rules on one node make of a packet: before routing, and after it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from natgate.model.gateway import Gateway
from natgate.model.portblocks import all_assigned
from natgate.model.share import Block, joined, shares_of
from natgate.model.spec import Spec
from natgate.model.steering import VrrpSteering
from natgate.model.trace import Packet
from natgate.plan import resolve
from natgate.plan.compile import carried_by, destinations_of, inside_of, internal_of
from natgate.plan.handover import TUNNEL, divided, mark_of
from natgate.plan.resolve import DROPPED, Answer, Resolver


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """Before routing: what it is now, the entry that reaches a host, or who gets it instead."""

    packet: Packet
    answer: Answer
    handed_to: str | None = None
    mark: int = 0
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """After routing: as it leaves, or why it does not."""

    packet: Packet
    entry: str | None = None
    rule: str | None = None
    sources: tuple[IPv4Address, ...] = ()
    dropped: bool = False
    note: str | None = None


class NodeRules:
    """The rules of one node, for many packets; `carriers`: who carries each share, where known."""

    def __init__(self, spec: Spec, node: str, carriers: Mapping[str, str]) -> None:
        self._spec, self._node, self._carriers = spec, node, carriers
        self._resolver = Resolver(spec, node)
        self._divided = divided(spec, node)
        self._inside, self._internal = inside_of(spec), internal_of(spec)
        self._named = destinations_of(spec)
        self._gateways = {g.label(e): g for g in carried_by(spec, node) for e in g.snat}
        self._assigned = {(each.label, each.host): each for each in all_assigned(spec)}

    def arriving(self, packet: Packet, link: str, *, reply: bool = False) -> Arrived:
        """A packet that came in by a link; `reply`: it answers a translated one."""
        owner = self._owner(packet, reply=reply) if link != TUNNEL else None
        if owner is not None and owner != self._node:
            of = "echo id" if packet.protocol == "icmp" else "port"
            note = f"handed over to {owner}, whose {of} {_divided_by(packet)} is"
            mark = mark_of(self._spec, owner)
            none = Answer(kind="inside")
            return Arrived(packet=packet, answer=none, handed_to=owner, mark=mark, note=note)
        answer = self._answer(packet)
        if answer.destination is None:
            return Arrived(packet=packet, answer=answer)
        to, port = answer.destination
        changed = replace(packet, destination=to, destination_port=port)
        return Arrived(packet=changed, answer=answer)

    def echo(self, packet: Packet) -> Packet:
        """An echo request to an address of a gateway, as the node itself gets it."""
        return replace(packet, destination=self._spec.node(self._node).address)

    def made(self, packet: Packet) -> Arrived:
        """A packet that the node makes itself: no entry reaches a host for it."""
        answer = self._answer(packet)
        return Arrived(packet=packet, answer=DROPPED if answer.destination else answer)

    def leaving(self, was: Packet, arrived: Arrived, *, made_here: bool) -> Left:
        """A packet that is about to leave; `was` is how it came."""
        packet, answer = arrived.packet, arrived.answer
        inside = any(packet.source in prefix for prefix in self._inside)
        if arrived.handed_to is not None:
            return Left(packet=packet, note=arrived.note)
        if answer.destination is not None:
            return self._reached(was, arrived, hairpin=inside)
        if answer.kind == "inside" or any(packet.destination in p for p in self._internal):
            return Left(packet=packet, note="stays inside: not translated")
        if answer.entry:
            return self._translated(packet, answer)
        return self._without_entry(packet, inside=inside, made_here=made_here)

    def unasked(self, destination: IPv4Address) -> Gateway | None:
        """The gateway whose address this is, of those that the node carries."""
        for gateway in carried_by(self._spec, self._node):
            if any(fixed.address == destination for fixed in gateway.addresses):
                return gateway
        return None

    @property
    def holds_addresses(self) -> bool:
        """Whether the gateways' addresses are the node's own while it is active."""
        return isinstance(self._spec.steering, VrrpSteering)

    def given_out(self, gateway: Gateway) -> tuple[Block, ...]:
        """The ports of an active-active gateway that this node gives out."""
        shares = shares_of(self._spec, gateway)
        carriers = {share.name: self._carriers.get(share.name, share.home) for share in shares}
        return joined(s.block for s in shares if carriers[s.name] == self._node)

    def divided_gateway(self, entry: str) -> Gateway | None:
        """The active-active gateway of an entry."""
        gateway = self._gateways.get(entry)
        return gateway if gateway in self._divided else None

    def _answer(self, packet: Packet) -> Answer:
        asked = resolve.Packet(
            source=packet.source,
            destination=packet.destination,
            protocol=packet.protocol,
            port=packet.destination_port,
        )
        return self._resolver.resolve(asked)

    def _owner(self, packet: Packet, *, reply: bool) -> str | None:
        """Who carries the port of a packet to an active-active gateway; None for other packets."""
        gateway = next(
            (
                g
                for g in self._divided
                if any(fixed.address == packet.destination for fixed in g.addresses)
            ),
            None,
        )
        port = _divided_by(packet)
        if gateway is None or port is None or (packet.protocol == "icmp" and not reply):
            return None
        for share in shares_of(self._spec, gateway):
            if port in share.block:
                return self._carriers.get(share.name, share.home)
        return None

    def _reached(self, was: Packet, arrived: Arrived, *, hairpin: bool) -> Left:
        packet, entry = arrived.packet, arrived.answer.entry
        if not hairpin:
            return Left(packet=packet, entry=entry, rule=entry, note="the host sees who connects")
        seen = replace(packet, source=was.destination, source_port=None)
        note = "hairpin: the host sees the address that was asked for"
        return Left(packet=seen, entry=entry, rule="hairpin", note=note)

    def _translated(self, packet: Packet, answer: Answer) -> Left:
        gateway = self._gateways.get(answer.entry)
        after = replace(packet, source=answer.sources[0])
        if answer.kind != "snat" or gateway is None:
            return Left(packet=after, entry=answer.entry, rule=answer.entry, sources=answer.sources)
        after = replace(after, source_port=None)
        own = self._assigned.get((answer.entry, packet.source))
        notes = []
        if len(answer.sources) > 1:
            others = ", ".join(map(str, answer.sources[1:]))
            notes.append(f"or {others}: a hash over {_hashed(gateway, answer.entry)}")
        if own is not None:
            notes.append(f"ports {own.block}")
        elif gateway in self._divided:
            blocks = self.given_out(gateway)
            if not blocks:
                note = f"{self._node} gives out no ports of {gateway.name}"
                return Left(
                    packet=packet, entry=answer.entry, rule="no_block", dropped=True, note=note
                )
            notes.append(f"ports {', '.join(map(str, blocks))}")
        return Left(
            packet=after,
            entry=answer.entry,
            rule=answer.entry,
            sources=answer.sources,
            note="; ".join(notes) or None,
        )

    def _without_entry(self, packet: Packet, *, inside: bool, made_here: bool) -> Left:
        """Dropped if it comes from inside, or pretends to; else it is somebody else's."""
        if inside:
            note = f"no entry translates {packet.source} towards {packet.destination}"
            return Left(packet=packet, rule="no entry", dropped=True, note=note)
        if not made_here and any(packet.destination in prefix for prefix in self._named):
            note = f"{packet.source} is no source of the spec, and an entry names the destination"
            return Left(packet=packet, rule="forged source", dropped=True, note=note)
        return Left(packet=packet, note="not from inside: not translated")


def _divided_by(packet: Packet) -> int | None:
    return packet.source_port if packet.protocol == "icmp" else packet.destination_port


def _hashed(gateway: Gateway, label: str) -> str:
    entry = next(entry for entry in gateway.snat if gateway.label(entry) == label)
    host = "host and destination"
    return host if entry.affinity else f"{host}, with their ports"
