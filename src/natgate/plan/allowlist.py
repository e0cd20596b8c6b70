"""What the far side must admit: every class of packets is asked of the rules, and nothing is guessed.

Between two bounds of the spec all packets fare alike (`plan.flow_classes`), so that one of each class
says it for all. Addresses do not change when another node takes over; ports that a node gives out
do, so that the ports of all nodes are listed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, summarize_address_range

from natgate.model.address import LAST_PORT, Prefixes, collapse, subtract
from natgate.model.allowlist import EVERY_SENT, Admitted, Allowlist, Reachable, Sent
from natgate.model.error import RefusedError
from natgate.model.fields import Ports
from natgate.model.gateway import DnatEntry, Gateway, SnatEntry, single_addresses
from natgate.model.portblocks import Assigned, assigned, served_ports
from natgate.model.routes import EVERYWHERE
from natgate.model.share import EVERY_PORT, Block, without
from natgate.model.spec import Spec
from natgate.plan.compile import carried_by, inside_of, internal_of
from natgate.plan.flow_classes import bounds_of
from natgate.plan.resolve import Answer, Packet, Resolver

_NAMES: Mapping[Sent, str] = {"tcp": "tcp", "udp": "udp", "icmp": "icmp", "others": "gre"}
"""A protocol of each kind, by which the rules are asked."""

_PORTED: tuple[Sent, ...] = ("tcp", "udp")

Range = tuple[int, int]
"""Both ends included."""


@dataclass(slots=True)
class _Found:
    """What has one source towards one range of destinations, by one kind of protocol."""

    ports: set[Range] = field(default_factory=set)
    entries: set[str] = field(default_factory=set)
    source_ports: set[Block] = field(default_factory=set)


_Of = dict[Range, dict[Sent, _Found]]
"""All that one source has, by destinations and protocol."""

_Sources = dict[tuple[IPv4Address, bool], _Of]
"""The same for each source; whether it is withdrawn."""


def allowlist(spec: Spec, to: IPv4Network) -> Allowlist:
    """What must be admitted before `to`; RefusedError if it lies inside the network altogether."""
    outside = subtract((to,), internal_of(spec))
    if not outside:
        raise RefusedError(
            f"{to} lies inside the network, where nothing is translated: hosts are seen as they are"
        )
    found: _Sources = {}
    told: set[tuple[str, ...]] = set()
    for node in spec.nodes:
        carried = tuple(gateway.name for gateway in carried_by(spec, node.name))
        if carried not in told:
            told.add(carried)
            _Asking(spec, node.name, found).ask(outside)
    rows = {
        withdrawn: tuple(
            sorted(
                row
                for (source, gone), ranges in found.items()
                if gone is withdrawn
                for row in _rows(source, ranges)
            )
        )
        for withdrawn in (False, True)
    }
    return Allowlist(
        to=outside,
        sources=rows[False],
        withdrawn=rows[True],
        probes=tuple(sorted(set(_probes(spec, outside)))),
        reached=tuple(sorted(_reached(spec, outside))),
    )


class _Asking:
    """Asks the rules of one node for each class of packets."""

    def __init__(self, spec: Spec, node: str, found: _Sources) -> None:
        self._found = found
        self._spec, self._node = spec, node
        self._resolver = Resolver(_nothing_withdrawn(spec), node)
        self._entries = {
            gateway.label(entry): (gateway, entry)
            for gateway in carried_by(spec, node)
            for entry in gateway.snat
        }
        self._assigned = {
            label: tuple(assigned(spec, gateway, entry))
            for label, (gateway, entry) in self._entries.items()
        }

    def ask(self, outside: Prefixes) -> None:
        """Ask for all classes of packets from inside to these destinations."""
        bounds = bounds_of(self._spec, self._node)
        sources = tuple(_parts(inside_of(self._spec), bounds.sources))
        destinations = tuple(_parts(outside, bounds.destinations))
        ports = tuple(_classes((0, LAST_PORT), bounds.ports))
        for destination in destinations:
            if IPv4Address(destination[0]) in self._resolver.fixed:
                continue  # a packet to an address of the gateway comes back in
            for source in sources:
                for sent in EVERY_SENT:
                    for each in ports if sent in _PORTED else ((0, LAST_PORT),):
                        self._ask(source, destination, sent, each)

    def _ask(self, source: Range, destination: Range, sent: Sent, ports: Range) -> None:
        answer = self._resolver.resolve(
            Packet(
                source=IPv4Address(source[0]),
                destination=IPv4Address(destination[0]),
                protocol=_NAMES[sent],
                port=ports[1] if sent in _PORTED else None,
            )
        )
        for address, blocks in self._seen(answer, source):
            gateway, _ = self._entries.get(answer.entry, (None, None))
            gone = gateway is not None and address in gateway.withdrawn
            of_source = self._found.setdefault((address, gone), {})
            held = of_source.setdefault(destination, {}).setdefault(sent, _Found())
            held.ports.add(ports)
            held.entries.add(answer.entry)
            held.source_ports.update(blocks)

    def _seen(
        self, answer: Answer, source: Range
    ) -> Iterator[tuple[IPv4Address, tuple[Block, ...]]]:
        """Each source that the far side may see, with the ports that it may have there."""
        if answer.kind not in {"snat", "own", "dnat"}:
            return
        if answer.entry not in self._entries:
            yield from ((address, (_ANY_PORT,)) for address in answer.sources)
            return
        gateway, entry = self._entries[answer.entry]
        own = [a for a in self._assigned[answer.entry] if source[0] <= int(a.host) <= source[1]]
        if own:
            yield from _by_address(own)
            return
        blocks = _blocks(self._spec, gateway, entry)
        yield from ((address, blocks) for address in answer.sources)


_ANY_PORT = Block(first=1, last=LAST_PORT)


def _by_address(own: Iterable[Assigned]) -> Iterator[tuple[IPv4Address, tuple[Block, ...]]]:
    blocks: dict[IPv4Address, list[Block]] = {}
    for each in own:
        blocks.setdefault(each.address, []).append(each.block)
    yield from ((address, tuple(held)) for address, held in blocks.items())


def _blocks(spec: Spec, gateway: Gateway, entry: SnatEntry) -> tuple[Block, ...]:
    """Of all nodes, since each may come to carry the share of another."""
    return without((EVERY_PORT,), served_ports(gateway, spec.addresses_of(gateway, entry)))


def _nothing_withdrawn(spec: Spec) -> Spec:
    gateways = tuple(
        gateway.model_copy(
            update={
                "addresses": tuple(
                    fixed.model_copy(update={"withdrawn": False}) for fixed in gateway.addresses
                )
            }
        )
        for gateway in spec.gateways
    )
    return spec.model_copy(update={"gateways": gateways})


def _parts(prefixes: Prefixes, starts: Iterable[int]) -> Iterator[Range]:
    """The parts of prefixes between two bounds."""
    for prefix in prefixes:
        whole = (int(prefix.network_address), int(prefix.broadcast_address))
        yield from _classes(whole, starts)


def _classes(whole: Range, starts: Iterable[int]) -> Iterator[Range]:
    first = whole[0]
    for start in sorted(starts):
        if first < start <= whole[1]:
            yield first, start - 1
            first = start
    yield first, whole[1]


def _rows(source: IPv4Address, of: _Of) -> Iterator[Admitted]:
    """Destinations that may get the same from a source stand in one row for each protocol."""
    alike: dict[tuple[_Row, ...], list[Range]] = {}
    for destination, found in of.items():
        alike.setdefault(tuple(_of_protocols(found)), []).append(destination)
    for rows, destinations in alike.items():
        prefixes = collapse(
            prefix
            for first, last in destinations
            for prefix in summarize_address_range(IPv4Address(first), IPv4Address(last))
        )
        for sent, ports, entries, drawn in rows:
            yield Admitted(
                source=source,
                protocol=sent,
                ports=ports,
                destinations=prefixes,
                source_ports=drawn,
                entries=entries,
            )


_Row = tuple[Sent, tuple[Ports, ...], tuple[str, ...], tuple[Block, ...]]


def _of_protocols(found: Mapping[Sent, _Found]) -> Iterator[_Row]:
    """One row for each protocol; a single one where all have every port and the same entries."""
    rows = [_row(sent, found[sent]) for sent in EVERY_SENT if sent in found]
    ported = {row[1:] for row in rows if row[0] != "others"}
    entries = {row[2] for row in rows}
    if len(rows) == len(EVERY_SENT) and len(ported) == len(entries) == 1 and not rows[0][1]:
        yield "any", *rows[0][1:]
    else:
        yield from rows


def _row(sent: Sent, found: _Found) -> _Row:
    blocks = () if sent == "others" else _united(found.source_ports)
    drawn = () if blocks == (_ANY_PORT,) else blocks
    return sent, _joined(found.ports), tuple(sorted(found.entries)), drawn


def _united(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """Blocks made one where they touch or overlap."""
    ranges = _merged((block.first, block.last) for block in blocks)
    return tuple(Block(first=first, last=last) for first, last in ranges)


def _joined(ranges: Iterable[Range]) -> tuple[Ports, ...]:
    """Ranges of ports made one where they touch; nothing if they are all ports."""
    merged = _merged(ranges)
    if merged == [(0, LAST_PORT)]:
        return ()
    return tuple(Ports(max(first, 1), last) for first, last in merged)


def _merged(ranges: Iterable[Range]) -> list[Range]:
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _probes(spec: Spec, outside: Prefixes) -> Iterator[Admitted]:
    """What nodes send themselves, whether they carry the gateway or wait."""
    for gateway in spec.gateways:
        for check in gateway.health.upstream:
            for node in spec.nodes_of(gateway) if _lies_in(check.address, outside) else ():
                tcp = check.kind == "tcp"
                yield Admitted(
                    source=spec.node(node).address,
                    protocol="tcp" if tcp else "icmp",
                    ports=(Ports(check.port, check.port),) if check.kind == "tcp" else (),
                    destinations=(IPv4Network(check.address),),
                    entries=(f"{gateway.name} health.upstream",),
                )
        asked = gateway.health.addresses
        if asked is not None and _lies_in(asked.address, outside):
            for fixed in gateway.addresses:
                yield Admitted(
                    source=fixed.address,
                    protocol="icmp",
                    destinations=(IPv4Network(asked.address),),
                    entries=(f"{gateway.name} health.addresses",),
                )


def _reached(spec: Spec, outside: Prefixes) -> Iterator[Reachable]:
    """Addresses at which the far side calls hosts, or has an echo answered."""
    for gateway in spec.gateways:
        for entry in gateway.dnat:
            clients = _among(entry.clients, outside)
            for protocol in entry.protocols if clients else ():
                yield Reachable(
                    address=entry.address,
                    protocol=protocol,
                    ports=_public(entry),
                    clients=clients,
                    entry=gateway.label(entry),
                )
        for own in gateway.own:
            clients = _among(own.destinations, outside)
            if clients:
                label = gateway.label(own)
                yield Reachable(address=own.address, protocol="any", clients=clients, entry=label)
        for fixed in gateway.addresses if gateway.icmp_reply else ():
            if fixed.address not in single_addresses(gateway):
                label = f"{gateway.name} icmp_reply"
                yield Reachable(
                    address=fixed.address, protocol="icmp", clients=outside, entry=label
                )


def _public(entry: DnatEntry) -> tuple[Ports, ...]:
    return (entry.port,) if isinstance(entry.port, Ports) else ()


def _among(clients: Prefixes, outside: Prefixes) -> Prefixes:
    """Those of `outside` who may call."""
    both = [
        one if one.prefixlen >= other.prefixlen else other
        for one in clients or (EVERYWHERE,)
        for other in outside
        if one.overlaps(other)
    ]
    return collapse(both)


def _lies_in(address: IPv4Address, prefixes: Prefixes) -> bool:
    return any(address in prefix for prefix in prefixes)
