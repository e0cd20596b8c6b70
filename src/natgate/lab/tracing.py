"""A trace in a lab: foretold from its kernels' routes, tried in a node's rules, and observed."""

from collections.abc import Callable
from pathlib import Path

from natgate.agent.places import SOCKET
from natgate.api.client import AgentClient
from natgate.kernel.dry_run import dry_run
from natgate.lab import namespace, routes
from natgate.lab.record import Lab
from natgate.model.error import AgentError, HostError, RefusedError
from natgate.model.spec import Spec
from natgate.model.trace import Evidence, Packet, Protocol, Trace
from natgate.plan.trace_ask import foretell
from natgate.plan.trace_compare import at_node, compare, evidence_of
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
    foretold, packet = foretell(topology, spec_of(lab), start, to, asked)
    tried = try_out(lab, foretold, say)
    del observed, packet
    return compare(foretold, tried, None)


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
