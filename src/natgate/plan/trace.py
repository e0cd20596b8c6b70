"""The way of a packet, foretold from spec and routes alone: host by host, until its end."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from natgate.model.spec import Spec
from natgate.model.topology import Neighbour, RoutedHost, Topology
from natgate.model.trace import Hop, Packet, Trace, Verdict
from natgate.plan.trace_node import Arrived, NodeRules
from natgate.plan.trace_route import MADE_HERE, Chosen, Nowhere, next_host, route_of

MOST_HOPS = 64
"""The TTL of most hosts."""

BEYOND = "what lies beyond is not known here"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One hop, and where the packet goes next; `mark` of a packet that is handed over."""

    hop: Hop
    following: Neighbour | None = None


def predict(
    topology: Topology, spec: Spec, start: RoutedHost, packet: Packet, link: str = MADE_HERE
) -> Trace:
    """What becomes of a packet that `start` makes, or that came in there by a link."""
    walk = Walk(topology, spec)
    hops = tuple(walk.steps(start, packet, link))
    hops = tuple(walk.with_returns(hop, hops[-1]) for hop in hops)
    last = hops[-1]
    if last.verdict in {"dropped", "lost"}:
        return Trace(begins=packet, hops=hops, predicted=None, reason=f"{last.host}: {last.note}")
    source = last.after.source
    possible = next((hop.sources for hop in hops if source in hop.sources), ())
    return Trace(begins=packet, hops=hops, predicted=source, possible=possible or (source,))


class Walk:
    """Walks packets over one topology, under one spec."""

    def __init__(self, topology: Topology, spec: Spec) -> None:
        self._topology = topology
        self._nodes = {
            node.name: NodeRules(spec, node.name, topology.carriers) for node in spec.nodes
        }

    def steps(
        self, host: RoutedHost, packet: Packet, link: str, *, returning_to: str | None = None
    ) -> Iterator[Hop]:
        """Every hop; `returning_to`: the node that knows the flow, of which this is an answer."""
        seen: set[tuple[str, str, Packet]] = set()
        while True:
            here = (host.name, link, packet)
            if here in seen or len(seen) == MOST_HOPS:
                yield self._endless(host, packet, link, loop=here in seen)
                return
            seen.add(here)
            step = self._step(host, packet, link, returning_to)
            yield step.hop
            if step.following is None:
                return
            packet = step.hop.after
            host, port = step.following
            link = port.name

    def with_returns(self, hop: Hop, last: Hop) -> Hop:
        """The hop of a node that shares an address with others: by whom its returns come back."""
        rules = self._nodes.get(hop.host)
        if rules is None or hop.verdict != "translated" or hop.entry is None:
            return hop
        gateway = rules.divided_gateway(hop.entry)
        end = self._topology.host(last.host)
        if gateway is None or end is None or last.verdict != "delivered":
            return hop
        port = rules.given_out(gateway)[0].first
        icmp = hop.after.protocol == "icmp"
        answer = Packet(
            protocol=hop.after.protocol,
            source=hop.after.destination,
            destination=hop.after.source,
            source_port=port if icmp else hop.after.destination_port,
            destination_port=None if icmp else port,
        )
        back = tuple(self.steps(end, answer, MADE_HERE, returning_to=hop.host))
        handed = [each.host for each in back if each.host in self._nodes and each.host != hop.host]
        ending = "" if back[-1].verdict == "delivered" else f", and are lost: {back[-1].note}"
        way = f"handed over by {', '.join(handed)}" if handed else "come straight back"
        return replace(hop, note=f"{hop.note}; returns {way}{ending}")

    def _step(self, host: RoutedHost, packet: Packet, link: str, returning_to: str | None) -> _Step:
        rules = self._nodes.get(host.name)
        if rules is None:
            return self._routed(host, packet, link)
        if link == MADE_HERE:
            return self._at_node(host, rules, packet, link, rules.made(packet))
        arrived = rules.arriving(packet, link, reply=returning_to is not None)
        if returning_to is not None and arrived.handed_to is None:
            return self._returned(host, packet, link, returning_to)
        if arrived.answer.kind == "echo":
            note = "the gateway itself answers"
            step = self._routed(host, rules.echo(packet), link)
            return replace(step, hop=replace(step.hop, rule="echo reply", note=note))
        return self._at_node(host, rules, packet, link, arrived)

    def _returned(self, host: RoutedHost, packet: Packet, link: str, knows: str) -> _Step:
        if host.name == knows:
            return _Step(hop=_hop(host, packet, link, "delivered", note="translated back"))
        note = f"{host.name} does not know this flow of {knows}"
        return _Step(hop=_hop(host, packet, link, "lost", note=note))

    def _at_node(
        self, host: RoutedHost, rules: NodeRules, packet: Packet, link: str, arrived: Arrived
    ) -> _Step:
        step = self._routed(host, arrived.packet, link, arrived.mark)
        asked = arrived.packet != packet or arrived.handed_to is not None
        gateway = None if asked else rules.unasked(packet.destination)
        if step.hop.verdict == "delivered" and gateway is not None and rules.holds_addresses:
            note = _unasked(packet, gateway.name)
            return _Step(hop=replace(step.hop, verdict="dropped", rule="unasked", note=note))
        if step.hop.verdict == "dropped" and gateway is not None:
            return _Step(hop=replace(step.hop, note=_unasked(packet, gateway.name)))
        if step.hop.verdict not in {"forwarded", "sent"}:
            return step if arrived.packet == packet else _with_entry(step, arrived)
        left = rules.leaving(packet, arrived, made_here=link == MADE_HERE)
        verdict: Verdict = "translated" if left.packet != packet else step.hop.verdict
        notes = [note for note in (left.note, step.hop.note) if note]
        hop = replace(
            step.hop,
            verdict="dropped" if left.dropped else verdict,
            entry=left.entry,
            rule=left.rule,
            after=left.packet,
            sources=left.sources if len(left.sources) > 1 else (),
            note="; ".join(notes) or None,
        )
        return _Step(hop=hop, following=None if left.dropped else step.following)

    def _routed(self, host: RoutedHost, packet: Packet, link: str, mark: int = 0) -> _Step:
        """What the host's routes alone make of it."""
        strange = next((a for a in (packet.destination, packet.source) if _martian(a)), None)
        if link != MADE_HERE and strange is not None:
            note = f"a kernel takes nothing from or to {strange}"
            return _Step(hop=_hop(host, packet, link, "lost", note=note))
        chosen = route_of(host, packet, link, mark)
        if isinstance(chosen, Nowhere):
            tables = ", ".join(chosen.tables)
            where = f" in table {tables}" if tables else ""
            note = f"no route to {packet.destination}{where}: {chosen.reason}"
            return _Step(hop=_hop(host, packet, link, "lost", note=note, table=tables or None))
        if chosen.route.type == "local":
            return _Step(hop=_on_route(host, packet, link, chosen, "delivered", None))
        if chosen.route.type != "unicast":
            return _Step(hop=_on_route(host, packet, link, chosen, "dropped", chosen.route.type))
        return self._onward(host, packet, link, chosen)

    def _onward(self, host: RoutedHost, packet: Packet, link: str, chosen: Chosen) -> _Step:
        """To the next hop, if this host forwards and somebody is there."""
        if link != MADE_HERE and not host.forwards:
            note = f"{host.name} does not forward"
            return _Step(hop=_on_route(host, packet, link, chosen, "lost", note))
        following = next_host(self._topology, host, chosen, packet.destination)
        if isinstance(following, str):
            return _Step(hop=_on_route(host, packet, link, chosen, "lost", following))
        verdict: Verdict = "sent" if link == MADE_HERE else "forwarded"
        notes = [f"one of {chosen.equal} equal routes"] if chosen.equal > 1 else []
        notes += [BEYOND] if following is None else []
        hop = _on_route(host, packet, link, chosen, verdict, "; ".join(notes) or None)
        return _Step(hop=hop, following=following)

    def _endless(self, host: RoutedHost, packet: Packet, link: str, *, loop: bool) -> Hop:
        reason = f"a loop: back at {host.name}" if loop else f"more than {MOST_HOPS} hops"
        return _hop(host, packet, link, "lost", note=reason)


def _martian(address: IPv4Address) -> bool:
    """0.0.0.0/8 and 127.0.0.0/8 never come in by a link (RFC 1812, section 5.3.7)."""
    return address.packed[0] in {0, 127}


def _with_entry(step: _Step, arrived: Arrived) -> _Step:
    """A packet that an entry led to a host, and that does not get there."""
    entry = arrived.answer.entry
    return replace(step, hop=replace(step.hop, entry=entry, rule=entry))


def _unasked(packet: Packet, gateway: str) -> str:
    port = "" if packet.destination_port is None else f" {packet.destination_port}"
    asked = f"{packet.protocol}{port} at {packet.destination}"
    return f"no entry of {gateway} takes {asked}, so it ends here"


def _hop(
    host: RoutedHost,
    packet: Packet,
    link: str,
    verdict: Verdict,
    *,
    note: str | None,
    rule: str | None = None,
    table: str | None = None,
) -> Hop:
    return Hop(
        host=host.name,
        role=host.role,
        link=None if link == MADE_HERE else link,
        table=table,
        verdict=verdict,
        rule=rule,
        after=packet,
        note=note,
    )


def _on_route(
    host: RoutedHost, packet: Packet, link: str, chosen: Chosen, verdict: Verdict, note: str | None
) -> Hop:
    route = chosen.route
    onward = str(route.via or packet.destination) if route.type == "unicast" else None
    return replace(
        _hop(host, packet, link, verdict, note=note),
        table=chosen.table,
        prefix=route.to,
        next_hop=onward,
        out=route.link if route.type == "unicast" else None,
    )
