"""What the demo reads out of the API, the journal and the referee's log."""

import json

import pytest

from natgate.lab import catalogue, clouded
from natgate.lab.demo import rounds, ways_of
from natgate.model.error import RefusedError

SCENE = catalogue.prepared("fixed-source")
TABLES = {
    "edge": {"10.10.0.80/28": "eni-c"},
    "clients-a": {"192.168.100.0/24": "eni-c"},
    "clients-c": {"192.168.100.0/24": "eni-c"},
}


def seen(tables: dict[str, dict[str, str]] | None = None, instance_a: str = "i-a") -> clouded.Seen:
    """What the API tells, with other tables or another instance of node-a."""
    instances = {
        "node-a": {"id": instance_a, "interface": "eni-a"},
        "node-c": {"id": "i-c", "interface": "eni-c"},
    }
    told = {"tables": {**TABLES, **(tables or {})}, "instances": instances, "alarms": []}
    return clouded.read(SCENE, ways_of(SCENE), told)


def record(
    outcome: str = "done", started: float = 20.0, after: str = "node-c"
) -> dict[str, object]:
    """A take-over of the journal, with two turns of routes."""
    steps = [{"name": name, "ms": ms} for name, ms in (("claim", 9), ("routes", 30), ("routes", 5))]
    return {
        "share": "partner",
        "after": after,
        "outcome": outcome,
        "started": started,
        "steps": steps,
    }


def test_tables_lead_to_the_node_whose_instance_has_the_interface() -> None:
    """All three lead to one node, which is right."""
    found = seen()
    assert found.carriers == dict.fromkeys(("edge", "clients-a", "clients-c"), "node-c")
    assert clouded.one_node(found.carriers)
    assert found.instances == {"node-a": "i-a", "node-c": "i-c"}


@pytest.mark.parametrize("interface", ["eni-a", "eni-gone"])
def test_a_table_apart_is_not_right(interface: str) -> None:
    """Be it that it leads to another node, or to an interface that no running instance has."""
    assert not clouded.one_node(seen({"clients-a": {"192.168.100.0/24": interface}}).carriers)


def test_tables_that_lead_to_nobody_are_not_right() -> None:
    """That they agree does not help."""
    assert not clouded.one_node({"edge": None, "clients-a": None})


def test_the_time_of_the_api_is_that_of_all_turns_of_routes() -> None:
    """Of the take-over after the fault, by the node that took over; other steps are not the API's."""
    assert clouded.time_of([record(), record(started=5.0)], "partner", "node-c", 10.0) == 35.0


def test_there_is_no_time_without_a_take_over() -> None:
    """Neither an earlier one nor another node's counts."""
    journal = [record(started=5.0), record(after="node-a")]
    assert clouded.time_of(journal, "partner", "node-c", 10.0) is None


def test_a_take_over_that_goes_on_is_waited_for() -> None:
    """Only one that began after the fault."""
    assert clouded.unended([record("running")], 10.0)
    assert not clouded.unended([record("running", started=5.0), record()], 10.0)


@pytest.mark.parametrize(
    ("line", "moved"),
    [
        ({"message": "routes synced", "target": "eni-c", "prevGatewayEni": "eni-a"}, True),
        ({"message": "routes synced", "target": "eni-c", "prevGatewayEni": "eni-c"}, False),
        ({"message": "trigger", "target": "eni-c"}, False),
        ([], False),
    ],
)
def test_the_referee_moved_routes_if_it_says_so(line: object, *, moved: bool) -> None:
    """It says `routes synced` also where nothing was to be done."""
    assert clouded.is_move(json.dumps(line)) is moved


def test_other_lines_of_the_log_are_passed_over() -> None:
    """The cloud speaks there too."""
    assert not clouded.is_move("the machine of node-a is off")


@pytest.mark.parametrize(
    ("outage", "api", "survived", "wrong", "kept"),
    [
        (1000, None, True, 0, True),
        (1010, None, True, 0, False),
        (1030, 30.0, True, 0, True),
        (1040, 30.0, True, 0, False),
        (0, None, False, 0, False),
        (0, None, True, 1, False),
    ],
)
def test_the_promise(
    outage: int, api: float | None, *, survived: bool, wrong: int, kept: bool
) -> None:
    """A second and the API's time; the download survives, and no source is wrong."""
    assert clouded.accepted(outage, api, survived=survived, wrong=wrong) is kept


def test_a_new_instance_stands_by() -> None:
    """It has another id, and what was taken over stays where it is."""
    at_a = {name: dict.fromkeys(routes, "eni-a") for name, routes in TABLES.items()}
    before, broken = seen(at_a), seen().carriers
    back = clouded.rejoin("node-a", before, broken, seen(instance_a="i-new"))
    assert (back.replaced, back.instance, back.failed_back) == (True, "i-new", False)
    again = clouded.rejoin("node-a", before, broken, before)
    assert (again.replaced, again.failed_back) == (False, True)


def test_what_was_repaired_in_place_is_no_failback() -> None:
    """The node carries what it carried all the time."""
    assert not clouded.rejoin("node-c", seen(), seen().carriers, seen()).failed_back


def test_the_api_fault_is_one_of_the_cloud_only() -> None:
    """Without an API there is nobody to stop an instance."""
    (only,) = rounds(SCENE, ["instance-stopped"], [clouded.MODE], "aws")
    assert [each.fault.kind for each in only.breaks] == ["instance-stopped"]
    with pytest.raises(RefusedError, match="no fault is called instance-stopped"):
        rounds(SCENE, ["instance-stopped"], [clouded.MODE])


def test_only_active_standby_is_shown_on_a_cloud() -> None:
    """Another mode is refused by its name."""
    assert clouded.modes_of(()) == ("active-standby",)
    with pytest.raises(RefusedError, match="shows active-standby only, not active-active"):
        clouded.modes_of(("active-standby", "active-active"))
