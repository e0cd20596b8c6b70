"""Whether what was foretold is what happened, and if not, why."""

from dataclasses import replace
from ipaddress import IPv4Address

from natgate.model.dry_run import DryRun, Step
from natgate.model.table import TABLE
from natgate.model.trace import Evidence, Hop, Packet, Trace


def compare(trace: Trace, dry_run: Evidence | None, observed: Evidence | None) -> Trace:
    """The trace with what was tried: MATCH, or DIFFERENT with the first reason.

    The dry run is that of the node at hand: it is compared with the hop of that node.
    """
    tried = [(n, e) for n, e in (("dry run", dry_run), ("observed", observed)) if e is not None]
    reasons = []
    for name, evidence in tried:
        said = (
            _against_node(trace, evidence)
            if name == "dry run"
            else _against_target(trace, evidence)
        )
        if said is not None:
            reasons.append(f"{name}: {said}{_why(evidence)}")
    return replace(
        trace,
        dry_run=dry_run.source if dry_run is not None else None,
        observed=observed.source if observed is not None else None,
        tried=tuple("dry_run" if name == "dry run" else "observed" for name, _ in tried),
        match=not reasons if tried else None,
        reason="; ".join(reasons) or trace.reason,
    )


def with_query(trace: Trace, query: Trace) -> Trace:
    """The trace with that of its question: it is different if either of them is."""
    if query.match is not False:
        return replace(trace, query=query)
    reasons = [f"the question: {query.reason}", *filter(None, (trace.reason,))]
    return replace(trace, query=query, match=False, reason="; ".join(reasons))


def evidence_of(dry_run: DryRun) -> Evidence:
    """What a dry run says of the source, and which rules that are not natgate's had a part in it."""
    foreign = [
        step
        for step in dry_run.steps
        if step.table != f"ip {TABLE}" and (step.translates or step == dry_run.dropped_by)
    ]
    gone = dry_run.end in {"dropped", "lost"}
    dropped = dry_run.dropped_by
    where = f"dropped by {dropped.name}" if dropped is not None else dry_run.reason
    return Evidence(
        source=None if gone else dry_run.after.source,
        destination=None if gone else dry_run.after.destination,
        destination_port=None if gone else dry_run.after.destination_port,
        foreign=tuple(map(_where_it_stands, foreign)),
        where=where if gone else None,
    )


def _where_it_stands(step: Step) -> str:
    if step.handle is None:
        return step.name
    text = f": {step.text}" if step.text else ""
    return f"table {step.table} {step.chain} handle {step.handle}{text}"


def at_node(trace: Trace) -> tuple[Hop, Packet] | None:
    """The hop of the first node, and the packet as it came in there by a link."""
    came = (trace.begins, *(hop.after for hop in trace.hops))
    for before, hop in zip(came, trace.hops, strict=False):
        if hop.role == "node" and hop.link is not None:
            return hop, before
    return None


def _against_node(trace: Trace, evidence: Evidence) -> str | None:
    found = at_node(trace)
    if found is None:
        return None
    hop, _ = found
    gone = hop.verdict in {"dropped", "lost"}
    possible = () if gone else hop.sources or (hop.after.source,)
    wrong = _against(evidence.source, possible[0] if possible else None, possible)
    return wrong if wrong is not None or gone else _elsewhere(evidence, hop.after)


def _against_target(trace: Trace, evidence: Evidence) -> str | None:
    """As it comes in at the last host, which may change the destination for itself."""
    wrong = _against(evidence.source, trace.predicted, trace.possible)
    if wrong is not None or trace.predicted is None:
        return wrong
    came = trace.hops[-2].after if len(trace.hops) > 1 else trace.begins
    return _elsewhere(evidence, came)


def _elsewhere(evidence: Evidence, foretold: Packet) -> str | None:
    """A right source says nothing if the packet goes to another address or port."""
    ports = (evidence.destination_port, foretold.destination_port)
    same_port = None in ports or ports[0] == ports[1]
    if evidence.destination in {None, foretold.destination} and same_port:
        return None
    found = replace(
        foretold,
        destination=evidence.destination or foretold.destination,
        destination_port=evidence.destination_port,
    )
    return f"to {found.to_text}, predicted {foretold.to_text}"


def _against(
    source: IPv4Address | None, predicted: IPv4Address | None, possible: tuple[IPv4Address, ...]
) -> str | None:
    if source == predicted or source in possible:
        return None
    foretold = " or ".join(map(str, possible)) or "nothing"
    return f"source {source or 'none'}, predicted {foretold}"


def _why(evidence: Evidence) -> str:
    foreign = f"; foreign rule: {', '.join(evidence.foreign)}" if evidence.foreign else ""
    ended = f" ({evidence.where})" if evidence.where else ""
    return f"{ended}{foreign}"
