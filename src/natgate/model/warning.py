"""The catalogue of warnings: what each code means and what to do about it."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningKind:
    """One kind of warning."""

    code: str
    severity: Severity
    meaning: str
    way_out: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveWarning:
    """A warning that is true now: its kind's code, what it concerns, and a sentence."""

    code: str
    subject: str
    text: str


_KINDS = (
    WarningKind(
        code="agent-silent",
        severity="warning",
        meaning="a node's agent is silent, but probes prove that the node forwards; no failover",
        way_out="look at the agent on that node: systemctl status natgate",
    ),
    WarningKind(
        code="node-dead",
        severity="critical",
        meaning="a node answers neither heartbeats nor probes",
        way_out="replace or restart the node; it rejoins by itself and does not fail back",
    ),
    WarningKind(
        code="path-cut",
        severity="critical",
        meaning="a node took over and cannot be heard: only the path between the two is cut",
        way_out="restore the path between the nodes; the gateway stays where it is until then",
    ),
    WarningKind(
        code="node-unhealthy",
        severity="critical",
        meaning="a node may not carry a gateway; the reasons are in natgate status",
        way_out="remove the reason that is named; the node becomes eligible again by itself",
    ),
    WarningKind(
        code="replication-down",
        severity="warning",
        meaning="flows are not replicated: open connections would end with the node that carries them",
        way_out="the sentence names the reason; traffic itself goes on",
    ),
    WarningKind(
        code="replication-behind",
        severity="warning",
        meaning="the other node lags: it has not confirmed many messages about flows",
        way_out="look at the link between the nodes and at their load; a failover now loses some flows",
    ),
    WarningKind(
        code="replication-late",
        severity="warning",
        meaning="a node came back and was not filled with all flows in time; it may carry all the same",
        way_out="natgate status --json, replication: what was lost or failed; the link between the nodes",
    ),
    WarningKind(
        code="node-drained",
        severity="info",
        meaning="an operator drained a node: it carries nothing and takes nothing over",
        way_out="natgate drain NODE --off when its work is done",
    ),
    WarningKind(
        code="maintenance",
        severity="warning",
        meaning="an operator switched maintenance on: no failover happens by itself",
        way_out="natgate maintenance off",
    ),
    WarningKind(
        code="no-healthy-node",
        severity="critical",
        meaning="no node can carry a gateway; its routes stay as they are",
        way_out="natgate status names the reason for each node",
    ),
    WarningKind(
        code="route-foreign",
        severity="critical",
        meaning="a route of a gateway leads to something that is no node of the spec",
        way_out="remove that route; or name its target as a node; or, if it is to stay, have entries name "
        "the destinations that are to come here, since the longest prefix wins",
    ),
    WarningKind(
        code="routes-failed",
        severity="critical",
        meaning="routes could not be read or moved; tried again every second",
        way_out="the error names the step; see docs/concepts/failover.md",
    ),
    WarningKind(
        code="spec-differs",
        severity="warning",
        meaning="a node applies another spec than this one",
        way_out="natgate apply the same file on every node",
    ),
    WarningKind(
        code="drift-repaired",
        severity="warning",
        meaning="something else changed what natgate holds in the kernel; it was put right",
        way_out="find out who: the sentence names what was changed; shown for ten minutes",
    ),
    WarningKind(
        code="repair-failed",
        severity="critical",
        meaning="what natgate holds in the kernel is not as it should be and cannot be put right",
        way_out="the error carries the kernel's words; the guard drops what would leave untranslated",
    ),
    WarningKind(
        code="not-owned",
        severity="info",
        meaning="other processes can change natgate's table; changes are noticed and repaired",
        way_out="kernel 6.9 or later owns tables; or host.ownership is off in the spec",
    ),
    WarningKind(
        code="ports-low",
        severity="warning",
        meaning="four fifths of the ports of an address are in use towards one destination",
        way_out="give the entry one more address, or end the flows of the host that is named",
    ),
    WarningKind(
        code="ports-refused",
        severity="critical",
        meaning="new flows were dropped since no port of the address was free towards their destination",
        way_out="give the entry one more address; flows that are open go on",
    ),
    WarningKind(
        code="address-unanswered",
        severity="critical",
        meaning="echoes sent with an address of a gateway come back no more; new flows have another one",
        way_out="have the route of the address, or a filter upstream, put right; it returns by itself",
    ),
    WarningKind(
        code="health-untold",
        severity="warning",
        meaning="a node could not tell the cloud how it is; unheard for long, it counts as ill there",
        way_out="the sentence names the call that failed: look at the way to its endpoint and at the role",
    ),
    WarningKind(
        code="flow-table-small",
        severity="warning",
        meaning="nf_conntrack_max is less than the addresses of the spec can use",
        way_out="raise net.netfilter.nf_conntrack_max in the machine's own network namespace",
    ),
)

CATALOGUE = {kind.code: kind for kind in _KINDS}
"""Every warning by its code."""


def warning(code: str, subject: str, text: str) -> ActiveWarning:
    """A warning of the catalogue; KeyError for a code that it does not have."""
    return ActiveWarning(code=CATALOGUE[code].code, subject=subject, text=text)
