"""The demo for machines keeps its promises."""

import json

import pytest

from natgate.lab import catalogue, faults

from .conftest import natgate

pytestmark = pytest.mark.lab

ONCE = [("rules-deleted", "off"), ("ruleset-flushed", "off")]
"""Faults that are run again without ownership, in the first mode only."""


def test_demo_says_what_each_fault_cost() -> None:
    """One document with every fault in every mode, no wrong source in any, and no lab left."""
    done = natgate("demo", "--json", "--name", "demo-test")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["fixed_source"] == "10.10.0.85"
    assert result["sources_seen"] == {"client-a": "10.10.0.85", "client-c": "10.10.0.85"}
    for number, mode in enumerate(catalogue.MODES):
        mine = [found for found in result["faults"] if found["mode"] == mode]
        shown = [(found["kind"], found["ownership"]) for found in mine]
        twice = [("node-dead", "auto")] if mode == "active-active" else []
        assert shown == [(k, "auto") for k in faults.OF_ONE_NODE] + twice + ONCE * (number == 0)
        assert [found["kind"] for found in mine if not found["carried_returns"]] == [
            kind for kind, _ in twice
        ]
    assert {found["mode"] for found in result["faults"]} == set(catalogue.MODES)
    assert all(found["wrong_source_packets"] == 0 for found in result["faults"])
    assert natgate("down", "--name", "demo-test").returncode == 1


@pytest.mark.parametrize("mode", catalogue.MODES)
def test_open_connections_live_through_what_is_repaired_in_place(mode: str) -> None:
    """In each mode a download and a stream go on, with a stall that nobody notices."""
    done = natgate(
        "demo", "--json", "--name", "demo-one", "--mode", mode, "--fault", "agent-killed"
    )
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["faults"]
    assert (found["mode"], found["repaired_in_place"]) == (mode, True)
    assert found["download_survived"]
    assert found["stream_survived"]
    assert found["stall_ms"] <= 100
    assert found["download_mbit_s"] > 90


def test_a_mode_that_does_not_exist_is_refused() -> None:
    """A mode that no gateway has is a wrong use of the command, and nothing is built."""
    done = natgate("demo", "--name", "demo-test", "--mode", "everything")
    assert (done.returncode, done.stdout) == (2, "")
