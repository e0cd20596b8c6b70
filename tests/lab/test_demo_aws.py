"""The demo on the lab's own cloud keeps its promises."""

import json

import pytest

from natgate.lab import clouded

from .conftest import natgate

pytestmark = pytest.mark.lab


def test_each_fault_costs_a_second_and_the_time_of_the_api_at_most() -> None:
    """A download survives, no source is wrong, all tables lead to one node, nobody fails back."""
    done = natgate("demo", "--cloud", "aws", "--json", "--name", "demo-aws")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["faults"]
    shown = [(each["kind"], each["ownership"]) for each in found]
    assert shown == [*((kind, "auto") for kind in clouded.KINDS), ("rules-deleted", "off")]
    for each in found:
        api, back = each["api"], each["rejoin"]
        assert each["outage_ms"] <= 1000 + (api["routes_ms"] or 0), each
        assert each["download_survived"], each
        assert each["wrong_source_packets"] == 0, each
        assert api["accepted"], each
        assert api["one_node"], each
        assert api["carriers"] == each["carriers_after"], each
        assert bool(api["moved_by"]) is not each["repaired_in_place"], each
        assert not back["failed_back"], each
    by_kind = {each["kind"]: each for each in found}
    assert by_kind["instance-stopped"]["rejoin"]["replaced"]
    dead = by_kind["node-dead"]
    assert dead["api"]["routes_ms"] > 0
    assert dead["active_after"] in dead["api"]["moved_by"]
    assert natgate("down", "--name", "demo-aws").returncode == 1


def test_another_mode_is_refused_on_a_cloud() -> None:
    """One sentence, exit code 1, and nothing is built."""
    done = natgate("demo", "--cloud", "aws", "--mode", "active-active", "--name", "demo-aws")
    assert (done.returncode, done.stdout) == (1, "")
    assert "shows active-standby only" in done.stderr
