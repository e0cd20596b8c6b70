"""A trace in a lab: foretold from its kernels' routes, tried in a node's rules, and observed."""

from collections.abc import Callable
from pathlib import Path

from natgate.agent.places import SOCKET
from natgate.api.client import AgentClient
from natgate.kernel import sightings
from natgate.kernel.dry_run import dry_run
from natgate.kernel.sightings import NotSentError, Point, Sighting
from natgate.lab import namespace, routes
from natgate.lab.record import Lab
from natgate.model.error import AgentError, HostError, RefusedError
from natgate.model.spec import Spec
from natgate.model.topology import Topology
from natgate.model.trace import Evidence, Packet, Protocol, Trace
from natgate.plan.trace_ask import foretell
from natgate.plan.trace_compare import at_node, compare, evidence_of, with_query
from natgate.plan.trace_route import MADE_HERE
from natgate.wire.config import parse_spec

Say = Callable[[str], None]


def trace(
    lab: Lab,
    start: str,
    to: str,
    asked: tuple[Protocol, int | None],
    *,
    observed: bool,
    say: Say,
) -> Trace:
    """All levels: what is foretold, a dry run on the first node of the way, and an observation.

    `say` gets a sentence for each level that could not be tried.
    """
    topology = routes.read(lab)
    spec = spec_of(lab)
    foretold, packet = foretell(topology, spec, start, to, asked)
    found = _tried(lab, topology, foretold, packet, observed=observed, say=say)
    if foretold.query is None:
        return found
    question = foretold.query
    query = _tried(lab, topology, question, question.begins, observed=observed, say=say)
    return with_query(found, query)


def _tried(
    lab: Lab, topology: Topology, foretold: Trace, packet: Packet, *, observed: bool, say: Say
) -> Trace:
    dry = try_out(lab, foretold, say)
    seen = None
    if observed and _stays(foretold):
        say(f"nothing is observed: the packet does not leave {foretold.hops[0].host}")
    elif observed:
        seen = observe(lab, topology, foretold, packet)
    return compare(foretold, dry, seen)


def observe(lab: Lab, topology: Topology, foretold: Trace, packet: Packet) -> Evidence:
    """A real packet, sent from its host and looked for on every link of the lab."""
    start = namespace.NETNS / lab.namespace(foretold.hops[0].host)
    points = [
        Point(link=link.name, namespace=namespace.NETNS / lab.namespace(host.name), name=host.name)
        for host in topology.hosts
        for link in host.links
        if link.name != MADE_HERE
    ]
    try:
        _, seen = sightings.observe(points, packet, start)
    except NotSentError as error:
        return Evidence(source=None, where=str(error))
    arrived = [each for each in seen if each.direction == "in" and _ends(topology, foretold, each)]
    if arrived:
        at_target = [each for each in arrived if each.point.name == foretold.hops[-1].host]
        came = (at_target or arrived)[0].packet  # the first: an echo carries the same token back
        return Evidence(
            source=came.source,
            destination=came.destination,
            destination_port=came.destination_port,
            where=_became(seen, came),
        )
    where = f"last seen at {seen[-1].point.name} {seen[-1].point.link}" if seen else "never seen"
    return Evidence(source=None, where=where)


def _became(seen: list[Sighting], came: Packet) -> str | None:
    """The host that was the first to send the packet on as it arrived."""
    ends = (came.source, came.destination, came.destination_port)
    for each in seen:
        packet = each.packet
        if each.direction == "out" and ends == (
            packet.source,
            packet.destination,
            packet.destination_port,
        ):
            return f"so since {each.point.name}"
    return None


def _stays(foretold: Trace) -> bool:
    """A host that asks itself sends nothing by any link."""
    return len(foretold.hops) == 1 and foretold.hops[0].verdict == "delivered"


def _ends(topology: Topology, foretold: Trace, sighting: Sighting) -> bool:
    """Whether a packet that came in here goes no further."""
    last = foretold.hops[-1]
    if sighting.point.name == last.host:  # what is dropped there was seen to come in as well
        return last.verdict == "delivered"
    host = topology.host(sighting.point.name)
    return host is not None and sighting.packet.destination in host.addresses


def spec_of(lab: Lab) -> Spec:
    """The spec in force, as an agent says; what the agents were started with if none answers."""
    for node in lab.nodes():
        try:
            return parse_spec(AgentClient(lab.state(node) / SOCKET, timeout=2).spec()["text"])
        except AgentError:
            continue
    path = lab.directory / "spec.yaml"
    return parse_spec(path.read_text(), str(path))


def try_out(lab: Lab, foretold: Trace, say: Say) -> Evidence | None:
    """A dry run on the first node that the packet comes to; None if there is none, or it fails."""
    found = at_node(foretold)
    if found is None:
        return None
    hop, packet = found
    space = namespace.NETNS / lab.namespace(hop.host)
    return run_dry(hop.host, packet, hop.link or "", space, say)


def run_dry(node: str, packet: Packet, link: str, space: Path | None, say: Say) -> Evidence | None:
    """A dry run on a node; None if this kernel cannot, which is said."""
    try:
        return evidence_of(dry_run(packet, link, space))
    except (HostError, RefusedError) as error:
        say(f"no dry run on {node}: {error}")
        return None
