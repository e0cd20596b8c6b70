"""What is known of a node to samples of the catalogue; what is not known has none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from natgate.model.counts import FlowTable, LinkCounts
from natgate.model.journal import Failover
from natgate.model.metric import Sample, sample
from natgate.model.warning import CATALOGUE
from natgate.plan.bandwidth import OVER
from natgate.plan.occupancy import Occupancy

DROPS = ("invalid", "no_address", "no_entry", "no_block", "not_a_node", "client_limit", "guard")
HANDED_OVER = "handed_over"
DIRECTIONS = ("in", "out")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The links that lead only to sources, and those that lead only to destinations."""

    inside: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()


NO_SIDES = Sides()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that the samples are made of; None is a source that could not be read.

    `counted` is when `occupied` was counted, in seconds since 1970; None before the first time.
    `refused` are the first packets that found no port, by address.
    """

    version: str
    status: Mapping[str, Any]
    failovers: tuple[Failover, ...] = ()
    counters: Mapping[str, int] | None = None
    links: tuple[LinkCounts, ...] | None = None
    sides: Sides = NO_SIDES
    flows: FlowTable | None = None
    occupied: tuple[Occupancy, ...] = ()
    counted: float | None = None
    refused: Mapping[str, int] = field(default_factory=dict)


def measure(known: Known) -> tuple[Sample, ...]:
    """Every sample that can be made of what is known."""
    return (
        sample("natgate_build_info", 1, version=known.version),
        *_sources(known),
        *_decision(known.status),
        *_warnings(known.status),
        *_failovers(known.failovers),
        *_rules(known.counters or {}),
        *_links(known.links or (), known.sides),
        *_flow_table(known.flows),
        *_ports(known),
        *_replication(known.status.get("replication")),
    )


def _sources(known: Known) -> Iterator[Sample]:
    sources = {"rules": known.counters, "links": known.links, "flows": known.flows}
    for name, found in sources.items():
        yield sample("natgate_source_up", found is not None, source=name)


def _decision(status: Mapping[str, Any]) -> Iterator[Sample]:
    yield sample("natgate_generation", status["generation"])
    for gateway in status["gateways"]:
        for share in gateway["shares"]:
            names = {"gateway": gateway["name"], "share": share["name"]}
            yield sample("natgate_epoch", share["epoch"], **names)
            for node in status["nodes"]:
                carries = node["name"] == share["carrier"]
                yield sample("natgate_active", carries, **names, node=node["name"])
    for node in status["nodes"]:
        names = {"node": node["name"], "zone": node["zone"]}
        yield sample("natgate_path_healthy", node["healthy"], **names)
        yield sample("natgate_agent_answers", node["agent"] == "answers", **names)


def _warnings(status: Mapping[str, Any]) -> Iterator[Sample]:
    codes = [warning["code"] for warning in status["warnings"]]
    for code, kind in CATALOGUE.items():
        yield sample("natgate_warning", codes.count(code), code=code, severity=kind.severity)


def _failovers(failovers: tuple[Failover, ...]) -> Iterator[Sample]:
    """The journal is read from its end; its numbers go on though old records are let go."""
    yield sample("natgate_failovers_total", failovers[0].number if failovers else 0)
    timed: set[str] = set()
    for failover in failovers:
        if failover.ms is not None and failover.share not in timed:
            timed.add(failover.share)
            seconds, started = failover.ms / 1000, failover.started
            yield sample("natgate_failover_seconds", seconds, share=failover.share)
            at = "natgate_failover_started_timestamp_seconds"
            yield sample(at, started, share=failover.share)


def _rules(counters: Mapping[str, int]) -> Iterator[Sample]:
    for name, packets in counters.items():
        if name in DROPS:
            yield sample("natgate_packets_dropped_total", packets, reason=name)
        elif name == HANDED_OVER:
            yield sample("natgate_packets_handed_over_total", packets)
        elif name.startswith(f"{OVER} "):
            _, address, direction = name.split()
            over = "natgate_packets_over_bandwidth_total"
            yield sample(over, packets, address=address, direction=direction)
        elif "/" in name:
            gateway, _, entry = name.partition("/")
            attempts = "natgate_connection_attempts_total"
            yield sample(attempts, packets, gateway=gateway, entry=entry)


def _links(links: tuple[LinkCounts, ...], sides: Sides) -> Iterator[Sample]:
    for link in links:
        for at, direction in enumerate(DIRECTIONS):
            names = {"link": link.name, "direction": direction}
            yield sample("natgate_link_bytes_total", link.bytes[at], **names)
            yield sample("natgate_link_packets_total", link.packets[at], **names)
            yield sample("natgate_link_packets_dropped_total", link.dropped[at], **names)
    for side, names_of in (("inside", sides.inside), ("outside", sides.outside)):
        found = [link for link in links if link.name in names_of]
        for at, direction in enumerate(DIRECTIONS) if found else ():
            names = {"side": side, "direction": direction}
            yield sample("natgate_bytes_total", sum(x.bytes[at] for x in found), **names)
            yield sample("natgate_packets_total", sum(x.packets[at] for x in found), **names)


def _flow_table(flows: FlowTable | None) -> Iterator[Sample]:
    if flows is None:
        return
    yield sample("natgate_connections_active", flows.count)
    yield sample("natgate_connections_limit", flows.limit)
    yield sample("natgate_connections_limit_ratio", flows.count / max(flows.limit, 1))
    for kind, packets in flows.errors.items():
        yield sample("natgate_conntrack_errors_total", packets, kind=kind)


def _ports(known: Known) -> Iterator[Sample]:
    if known.counted is None:
        return
    yield sample("natgate_ports_counted_timestamp_seconds", known.counted)
    for held in known.occupied:
        names = {"address": held.address, "share": held.share}
        yield sample("natgate_address_connections", held.flows, **names)
        yield sample("natgate_ports_used", held.most, **names)
        yield sample("natgate_ports_used_ratio", held.level, **names)
        for client, flows in held.clients:
            yield sample("natgate_client_connections", flows, **names, client=client)
    for address in dict.fromkeys(held.address for held in known.occupied):
        refused = known.refused.get(address, 0)
        yield sample("natgate_port_allocation_errors_total", refused, address=address)


def _replication(found: Mapping[str, Any] | None) -> Iterator[Sample]:
    if found is None:
        return
    peer = found["peer"]
    yield sample("natgate_replication_up", found["state"] == "in sync", peer=peer)
    if found["error"] is not None:
        return
    for name in ("flows", "behind"):
        yield sample(f"natgate_replication_{name}", found[name], peer=peer)
    counters = ("overruns", "lost", "injected", "failed", "sent_bytes", "received_bytes")
    for name in counters:
        yield sample(f"natgate_replication_{name}_total", found[name], peer=peer)
