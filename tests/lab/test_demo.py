"""The demo for machines keeps its promises."""

import json

import pytest

from natgate.lab import faults

from .conftest import natgate

pytestmark = pytest.mark.lab


def test_demo_says_what_each_fault_cost() -> None:
    """One document with every fault, no wrong source in any, and no lab left behind."""
    done = natgate("demo", "--json", "--name", "demo-test")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["fixed_source"] == "10.10.0.85"
    assert result["sources_seen"] == {"client-a": "10.10.0.85", "client-c": "10.10.0.85"}
    shown = [(found["kind"], found["ownership"]) for found in result["faults"]]
    assert shown == [(kind, "auto") for kind in faults.FAULTS] + [
        ("rules-deleted", "off"),
        ("ruleset-flushed", "off"),
    ]
    assert all(found["wrong_source_packets"] == 0 for found in result["faults"])
    assert natgate("down", "--name", "demo-test").returncode == 1
