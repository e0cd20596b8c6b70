"""What is known of a node, as samples."""

from typing import Any

from natgate.model.counts import FlowTable, LinkCounts
from natgate.model.journal import Failover
from natgate.model.metric import METRICS
from natgate.model.warning import CATALOGUE
from natgate.plan.metrics import Known, Sides, measure
from natgate.plan.occupancy import Occupancy

NOTHING: dict[str, Any] = {"generation": 0, "gateways": [], "nodes": [], "warnings": []}
REPLICATION = {
    "peer": "node-c",
    "state": "in sync",
    "error": None,
    **dict.fromkeys(("flows", "behind", "overruns", "lost", "injected", "failed"), 2),
    **dict.fromkeys(("sent_bytes", "received_bytes"), 9),
}
STATUS: dict[str, Any] = {
    "generation": 4,
    "gateways": [
        {"name": "partner", "shares": [{"name": "partner", "carrier": "node-a", "epoch": 5}]}
    ],
    "nodes": [
        {"name": "node-a", "zone": "a", "healthy": True, "agent": "answers"},
        {"name": "node-c", "zone": "c", "healthy": False, "agent": "silent"},
    ],
    "warnings": [{"code": "agent-silent"}, {"code": "agent-silent"}],
    "replication": REPLICATION,
}
ETH0 = LinkCounts(index=1, name="eth0", bytes=(10, 20), packets=(1, 2), dropped=(0, 3))
ETH1 = LinkCounts(index=2, name="eth1", bytes=(30, 40), packets=(3, 4), dropped=(0, 0))


def values(known: Known) -> dict[str, float]:
    """Every sample as `name label label` and its value."""
    return {" ".join([s.name[8:], *s.labels.values()]): s.value for s in measure(known)}


def took(number: int, ms: float | None, share: str = "partner") -> Failover:
    """A failover of the journal."""
    return Failover(
        number=number, share=share, before="a", after="c", reason="r", started=number, ms=ms
    )


EVERYTHING = Known(
    version="1",
    status=STATUS,
    failovers=(took(9, None), took(8, 250.0), took(7, 90.0)),
    counters={
        "invalid": 1,
        "handed_over": 2,
        "guard": 3,
        "partner/all": 4,
        "probe": 5,
        "over_bandwidth 10.0.0.1 out": 7,
    },
    links=(ETH0, ETH1),
    sides=Sides(inside=frozenset(["eth0"]), outside=frozenset(["eth1"])),
    flows=FlowTable(count=50, limit=200, errors={"insert_failed": 6}),
    occupied=(
        Occupancy(
            address="10.0.0.1",
            share="partner",
            flows=8,
            most=5,
            size=50,
            clients=(("10.9.0.1", 6),),
        ),
    ),
    counted=1000.0,
    refused={"10.0.0.1": 11},
)


def test_an_idle_node_says_little_and_nothing_untrue() -> None:
    """What cannot be read is left out, and said to be so; every warning is known to be absent."""
    found = values(Known(version="1", status=NOTHING))
    warnings = {f"warning {code} {kind.severity}": 0 for code, kind in CATALOGUE.items()}
    sources = dict.fromkeys(("source_up rules", "source_up links", "source_up flows"), 0)
    rest = {"build_info 1": 1, "generation": 0, "failovers_total": 0}
    assert found == {**warnings, **sources, **rest}


def test_everything_that_is_known_is_measured() -> None:
    """Each metric but the log's has a sample, and every sample is the figure it was made of."""
    found = values(EVERYTHING)
    of_the_log = {name for name in METRICS if name.startswith("natgate_log_")}
    assert {each.name for each in measure(EVERYTHING)} == set(METRICS) - of_the_log
    expected = {
        "active partner partner node-a": 1,
        "active partner partner node-c": 0,
        "epoch partner partner": 5,
        "path_healthy node-a a": 1,
        "path_healthy node-c c": 0,
        "agent_answers node-c c": 0,
        "warning agent-silent warning": 2,
        "connections_limit_ratio": 0.25,
        "conntrack_errors_total insert_failed": 6,
        "packets_dropped_total invalid": 1,
        "packets_dropped_total guard": 3,
        "packets_over_bandwidth_total 10.0.0.1 out": 7,
        "packets_handed_over_total": 2,
        "connection_attempts_total partner all": 4,
        "link_packets_dropped_total eth0 out": 3,
        "ports_used_ratio 10.0.0.1 partner": 0.1,
        "client_connections 10.0.0.1 partner 10.9.0.1": 6,
        "port_allocation_errors_total 10.0.0.1": 11,
        "replication_up node-c": 1,
        "replication_sent_bytes_total node-c": 9,
    }
    assert {name: found[name] for name in expected} == expected


def test_each_side_is_counted_at_its_own_links() -> None:
    """Without a link of its own, a side has no figures: its packets cannot be told apart."""
    found = values(EVERYTHING)
    assert found["bytes_total inside in"] == 10
    assert found["bytes_total outside out"] == 40
    assert found["packets_total inside out"] == 2
    one_armed = values(Known(version="1", status=NOTHING, links=(ETH0,)))
    assert one_armed["link_bytes_total eth0 in"] == 10
    assert [name for name in one_armed if name.startswith(("bytes_total", "packets_total"))] == []


def test_the_last_timed_failover_of_each_share_is_shown() -> None:
    """One that another node did, or that is running, has no time; the count is the journal's."""
    found = values(EVERYTHING)
    assert found["failover_seconds partner"] == 0.25
    assert found["failover_started_timestamp_seconds partner"] == 8
    assert found["failovers_total"] == 9


def test_replication_that_is_down_has_no_figures() -> None:
    """They would be those of an earlier conntrackd."""
    down = {**REPLICATION, "state": "down", "error": "gone"}
    found = values(Known(version="1", status={**NOTHING, "replication": down}))
    assert found["replication_up node-c"] == 0
    assert "replication_flows node-c" not in found
