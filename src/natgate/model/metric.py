"""The catalogue of metrics: name, kind, unit, labels and meaning of everything that is exposed.

A metric that is not measured is not there: a source that cannot be read leaves its metrics out.
Names are those of Prometheus (https://prometheus.io/docs/practices/naming/).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

Kind = Literal["counter", "gauge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric; `aws` and `alibaba` are the metrics of the clouds that measure the same."""

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...] = ()
    meaning: str
    aws: str = ""
    alibaba: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value of a metric, with a value for each of its labels."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    value: float


def _metric(
    kind: Kind, name: str, unit: str, meaning: str, *labels: str, aws: str = "", alibaba: str = ""
) -> Metric:
    return Metric(
        name=f"natgate_{name}_total" if kind == "counter" else f"natgate_{name}",
        kind=kind,
        unit=unit,
        meaning=meaning,
        labels=labels,
        aws=aws,
        alibaba=alibaba,
    )


_counter, _gauge = partial(_metric, "counter"), partial(_metric, "gauge")

_SIDE = "of the links that lead only to one side: in is what arrives by them, out what leaves"

_METRICS = (
    _gauge("build_info", "always 1", "the version of the agent", "version"),
    _gauge(
        "source_up",
        "0 or 1",
        "whether the agent could read a source just now; the metrics of one that it could not are left out",
        "source",
    ),
    _gauge("generation", "specs", "how many specs this node has applied"),
    _gauge(
        "epoch",
        "decisions",
        "how many times a share changed hands, as far as this node knows",
        "gateway",
        "share",
    ),
    _gauge(
        "active",
        "0 or 1",
        "whether a node carries a share, as this node knows",
        "gateway",
        "share",
        "node",
    ),
    _gauge(
        "path_healthy",
        "0 or 1",
        "whether a node may carry every gateway that names it: forwarding, rules and upstream",
        "node",
        "zone",
    ),
    _gauge("agent_answers", "0 or 1", "whether a node's heartbeats arrive here", "node", "zone"),
    _gauge("warning", "warnings", "how many warnings of a code are true now", "code", "severity"),
    _counter(
        "failovers",
        "moves",
        "shares that changed hands, or should have, as the journal of this node has them",
    ),
    _gauge(
        "failover_seconds",
        "seconds",
        "how long the last take-over by this node took, from the decision to the verified routes",
        "share",
    ),
    _gauge(
        "failover_started_timestamp_seconds",
        "seconds since 1970",
        "when the last take-over of a share began",
        "share",
    ),
    _gauge(
        "connections_active",
        "flows",
        "flows in the kernel's table: the node's own, and replicas of the other node's, included",
        aws="ActiveConnectionCount",
        alibaba="SessionActiveConnection",
    ),
    _gauge("connections_limit", "flows", "how many flows the kernel keeps (nf_conntrack_max)"),
    _gauge(
        "connections_limit_ratio",
        "ratio",
        "connections_active in connections_limit; new flows are lost at 1",
        alibaba="SessionActiveConnectionWaterLever",
    ),
    _counter(
        "connection_attempts",
        "packets",
        "first packets of flows that reached an entry, repeated ones included; from 0 again when the rule is made anew",
        "gateway",
        "entry",
        aws="ConnectionAttemptCount",
        alibaba="SessionNewConnection",
    ),
    _gauge(
        "address_connections",
        "flows",
        "translated flows of an address whose port lies in the share's block, replicas included",
        "address",
        "share",
    ),
    _gauge(
        "ports_used",
        "ports",
        "ports in use towards the destination (protocol, address, port) that uses most of them",
        "address",
        "share",
    ),
    _gauge(
        "ports_used_ratio",
        "ratio",
        "ports_used in the ports of the share's block; new flows to that destination fail at 1",
        "address",
        "share",
    ),
    _gauge(
        "client_connections",
        "flows",
        "translated flows of one of the five hosts that have most of an address's",
        "address",
        "share",
        "client",
    ),
    _counter(
        "port_allocation_errors",
        "packets",
        "first packets dropped since no port of the address was free, or none was found in the "
        "kernel's tries: its insert_failed, told of the address whose ports are nearly all in use",
        "address",
    ),
    _gauge(
        "ports_counted_timestamp_seconds",
        "seconds since 1970",
        "when address_connections and ports_used were counted",
    ),
    _counter(
        "conntrack_errors",
        "packets",
        "what the kernel's flow table counts, for all addresses together; insert_failed is what a lack of ports looks like",
        "kind",
    ),
    _counter(
        "packets_dropped",
        "packets",
        "dropped by a rule of natgate, or by the guard",
        "reason",
        aws="PacketsDropCount",
        alibaba="DropTotalPps",
    ),
    _counter(
        "packets_over_bandwidth",
        "packets",
        "dropped since an address with a limit carried more than that in this direction; from 0 again when the rule is made anew",
        "address",
        "direction",
    ),
    _counter(
        "packets_handed_over",
        "packets",
        "returns led to the node whose port it is (active-active gateways)",
    ),
    _counter(
        "bytes",
        "bytes",
        _SIDE,
        "side",
        "direction",
        aws="BytesInFromSource, BytesOutToSource, BytesInFromDestination, BytesOutToDestination",
        alibaba="Bytes{InFrom,OutTo}{Inside,Outside}",
    ),
    _counter(
        "packets",
        "packets",
        _SIDE,
        "side",
        "direction",
        aws="PacketsInFromSource, PacketsOutToSource, PacketsInFromDestination, PacketsOutToDestination",
        alibaba="Packets{InFrom,OutTo}{Inside,Outside}",
    ),
    _counter(
        "link_bytes",
        "bytes",
        "of each link but the loopback, whatever they are for",
        "link",
        "direction",
        alibaba="EniBytes{Rx,Tx}",
    ),
    _counter(
        "link_packets",
        "packets",
        "the same in packets",
        "link",
        "direction",
        alibaba="EniPackets{Rx,Tx}",
    ),
    _counter(
        "link_packets_dropped",
        "packets",
        "dropped by a link itself, before or after any rule",
        "link",
        "direction",
        alibaba="EniPacketsDrop{Rx,Tx}",
    ),
    _gauge(
        "replication_up",
        "0 or 1",
        "whether flows are replicated and this node has been filled",
        "peer",
    ),
    _gauge("replication_flows", "flows", "flows that conntrackd knows", "peer"),
    _gauge(
        "replication_behind",
        "messages",
        "messages that the peer has not confirmed: how far it lags",
        "peer",
    ),
    _counter(
        "replication_overruns",
        "times",
        "the kernel had more to tell than it could keep for conntrackd",
        "peer",
    ),
    _counter("replication_lost", "messages", "messages that never came", "peer"),
    _counter(
        "replication_injected", "flows", "flows of the peer that were put into this kernel", "peer"
    ),
    _counter("replication_failed", "flows", "flows of the peer that this kernel refused", "peer"),
    _counter("replication_sent_bytes", "bytes", "sent to the peer", "peer"),
    _counter("replication_received_bytes", "bytes", "received from the peer", "peer"),
    _counter("log_records", "records", "written by natgate log run since it started"),
    _counter(
        "log_gaps",
        "gaps",
        "times of which the log is not sure, the one before its start included: killed, stopped, "
        "oversized and broken lose ends of flows, overrun only delays them",
        "reason",
    ),
    _gauge(
        "log_lag_seconds",
        "seconds",
        "the longest time, since this was written before, in which the log had not read all that waited",
    ),
    _gauge(
        "log_queue_ratio",
        "ratio",
        "the most of the log's receive buffer that was in use since then; at 1 ends have to be told again",
    ),
    _gauge("log_bytes", "bytes", "of the log's compressed files and its journal"),
    _gauge(
        "log_rotated_timestamp_seconds", "seconds since 1970", "when the journal last became a file"
    ),
    _counter("log_exported", "events", "NAT events handed over to the IPFIX collector"),
    _counter("log_export_lost", "messages", "IPFIX messages that found no room or no collector"),
)

METRICS = {metric.name: metric for metric in _METRICS}
"""Every metric by its name, in the order in which they are shown."""


def sample(metric: str, value: float, **labels: str) -> Sample:
    """A value of a metric of the catalogue; KeyError for another name, or for other labels."""
    wanted = METRICS[metric].labels
    if set(labels) != set(wanted):
        raise KeyError(f"{metric} has the labels {wanted}, not {tuple(labels)}")
    return Sample(name=metric, labels={name: labels[name] for name in wanted}, value=value)
