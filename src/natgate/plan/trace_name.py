"""A trace to a name: before the packet itself the question for its address, which is another flow."""

from dataclasses import replace

from natgate.model.error import RefusedError
from natgate.model.resolver import NamePath
from natgate.model.spec import Spec
from natgate.model.topology import Topology
from natgate.model.trace import Trace
from natgate.plan import resolver
from natgate.plan.trace import predict


def way_of(topology: Topology, name: str) -> NamePath:
    """How the hosts of a topology get the address of a name; RefusedError if they cannot."""
    if topology.names is None:
        raise RefusedError(
            f"nothing is said of who knows names, so {name} has no address here; give the address, "
            "or say in the routes (names) which resolver is asked"
        )
    return resolver.path(name, topology.names)


def with_question(trace: Trace, topology: Topology, spec: Spec, way: NamePath) -> Trace:
    """The trace with that of the question: `query.predicted` is its source at the far server.

    If the question does not get there, that is the reason why the packet itself is never sent.
    RefusedError if no host has the address that the question comes from.
    """
    asker = topology.holder(way.source)
    if asker is None:
        raise RefusedError(
            f"no host of the routes has {way.source}, where {way.resolver} asks from"
        )
    asked = predict(topology, spec, asker, resolver.question(way))
    asked = _with_path(asked, way)
    reason = trace.reason
    if asked.predicted is None:
        reason = f"{way.name} is not resolved: {asked.reason}"
    return replace(trace, query=asked, reason=reason)


def _with_path(asked: Trace, way: NamePath) -> Trace:
    """The question begins with who asks whom: the client the resolver, and that the far server."""
    first = asked.hops[0]
    path = (
        f"is asked at {way.asked} for {way.name}, and asks {way.server} for zone {way.zone}, "
        f"which answers {way.answer}"
    )
    note = path if first.note is None else f"{path}; {first.note}"
    return replace(asked, hops=(replace(first, note=note), *asked.hops[1:]))
