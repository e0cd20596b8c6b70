"""What the benches count."""

from collections.abc import Mapping

import pytest
from bench.replication import compare
from bench.soak import silences
from bench.survival import summary

from natgate.lab.events import Outcome
from natgate.model.error import BugError

FLOW = ("10.10.0.16", "192.168.100.20", "40000", "9100")
OTHER = ("10.10.0.16", "192.168.100.20", "40001", "9100")


def outcome(**changes: object) -> Outcome:
    """A fault that cost little, but for what is given."""
    found: Mapping[str, object] = {
        "outage_ms": 0,
        "outage_by_probe": {},
        "outage_by_client": {},
        "probes_sent": 900,
        "probes_lost": 0,
        "lost_by_client": {},
        "probe_errors": {},
        "probe_late_ms": 1.0,
        "download_survived": True,
        "stream_survived": True,
        "survived_by_client": {},
        "stall_ms": 20.0,
        "download_stall_ms": 20.0,
        "stream_stall_ms": 12.0,
        "stall_by_client": {},
        "download_mbit_s": 100.0,
        "mode": "active-standby",
        "kind": "node-dead",
        "node": "node-a",
        "ownership": "auto",
        "happened": "it died",
        "wrong_source_packets": 0,
        "active_before": "node-a",
        "active_after": "node-c",
        "carried_returns": True,
        "repaired_in_place": False,
        "carriers_before": {},
        "carriers_after": {},
    }
    return Outcome.model_validate({**found, **changes})


def test_a_flow_that_the_survivor_lacks_is_missing() -> None:
    """Only connections that were established count; one with another port is as good as lost."""
    dead = {FLOW: ("1025", True), OTHER: ("1026", True), (*OTHER, "half"): ("1027", False)}
    found = compare(dead, {FLOW: ("2000", True)})
    assert (found["flows"], found["half_open"]) == (2, 1)
    assert (found["missing"], found["differing"], found["of_10000"]) == (1, 1, 10_000)
    assert compare(dead, dead)["of_10000"] == 0


def test_comparing_nothing_proves_nothing() -> None:
    """A run in which no connection was established is no success."""
    with pytest.raises(BugError):
        compare({FLOW: ("1025", False)}, {})


def test_a_silence_is_between_two_heartbeats_of_one_sender() -> None:
    """Each sender's longest gap is told in ms, whatever others send meanwhile and cut-off lines."""
    lines = [
        "10.000 p2 In  IP 10.10.0.68.4646 > 10.10.0.100.4646: UDP, length 90",
        "10.010 p3 In  IP 10.10.0.100.4646 > 10.10.0.68.4646: UDP, length 90",
        "10.050 p2 In  IP 10.10.0.68.4646 > 10.10.0.100.4646: UDP, length 90",
        "10.130 p2 In  IP 10.10.0.68.4646 > 10.10.0.100.4646: UDP, length 90",
        "10.180 p2 In  IP",
    ]
    found = {sender: round(gap) for sender, gap in silences(lines).items()}
    assert found == {"10.10.0.68": 80, "10.10.0.100": 0}


def test_a_cell_keeps_its_target_only_if_every_run_does() -> None:
    """Median and worst of all runs; a lost connection has no stall, and a failed run no figures."""
    cell = ("active-standby", "node-dead")
    good = summary(cell, [outcome(outage_ms=150, stall_ms=230.0), outcome(outage_ms=110)])
    assert (good["kept"], good["runs"], good["download_survived"]) == (True, 2, 2)
    assert good["outage_ms"] == {"median": 130, "worst": 150}
    assert good["stall_ms"] == {"median": 125, "worst": 230}
    lost = outcome(stream_survived=False, stall_ms=2500.0)
    bad = summary(cell, [outcome(), lost, "failed: no agent answers"])
    assert (bad["kept"], bad["stream_survived"], bad["failed"]) == (False, 1, 1)
    assert bad["stall_ms"]["worst"] == 20
    assert not summary(cell, [outcome(outage_ms=210)])["kept"]
    assert not summary(cell, [outcome(stall_ms=701.0)])["kept"]
    assert not summary(cell, [outcome(wrong_source_packets=1)])["kept"]
