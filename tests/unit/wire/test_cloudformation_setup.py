"""What a deployment takes from a spec, and which specs have none."""

import pytest

from natgate.model.error import RefusedError
from natgate.wire.cloudformation_setup import parameters
from tests.deployments import KEY, STEERING, THREE_ZONES, TWO_ZONES, planned
from tests.specs import TWO_ZONES as ELSEWHERE
from tests.specs import replaced

HELD = replaced(
    TWO_ZONES,
    ("zones: [a, c]", "zones: [a]"),
    ("    - {name: clients-c, zone: c, cidr: 10.10.0.32/28}\n", ""),
    ("    - {name: nodes-c, zone: c, cidr: 10.10.0.48/28, kind: node}\n", ""),
    ("    - {name: fixed, cidr: 10.10.0.80/28, kind: address}\n", ""),
    ("  - {name: node-c, zone: c, address: 10.10.0.52}\n", ""),
    ("{address: 10.10.0.85}", "{address: 10.10.0.21}"),
    (", 10.10.0.32/28]", "]"),
)


def test_names_follow_the_group_and_the_zones() -> None:
    """Every part finds the others by names that the spec alone decides."""
    plan = planned(THREE_ZONES)
    assert (plan.name, plan.region) == ("natgate-main", "ap-northeast-1")
    assert [plan.alarm(zone) for zone in plan.zones] == [
        f"natgate-main-ap-northeast-1{letter}" for letter in "acd"
    ]
    assert [zone.subnet for zone in plan.zones] == ["NodeSubnetA", "NodeSubnetC", "NodeSubnetD"]


def test_each_route_table_has_a_parameter_and_no_other() -> None:
    """Tables of nodes are not touched, so nobody is asked for them."""
    assert planned().tables == {
        "edge": "TableEdge",
        "clients-a": "TableClientsA",
        "clients-c": "TableClientsC",
    }


def test_no_two_names_have_one_logical_id() -> None:
    """CloudFormation takes letters and digits only, names of a spec have more."""
    names = ["a-b", "a.b", "a_b", "aB", "ü"]
    assert parameters("Table", names) == {
        "a-b": "TableAB",
        "a.b": "TableAB2",
        "a_b": "TableAB3",
        "aB": "TableAB4",
        "ü": "Table",
    }


def test_a_far_end_that_no_entry_names_is_everybody() -> None:
    """Returns come from anywhere then."""
    text = replaced(TWO_ZONES, ("        destinations: [192.168.100.0/24]\n", ""))
    assert list(map(str, planned(text).remotes)) == ["0.0.0.0/0"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (replaced(ELSEWHERE, KEY), "steering is none; a deployment on AWS needs kind: aws"),
        (replaced(ELSEWHERE, ("heartbeat:", f"{STEERING}\nheartbeat:")), "key_file is missing"),
        (
            replaced(
                THREE_ZONES,
                ("node-d, zone: d, address: 10.10.0.148", "x, zone: c, address: 10.10.0.53"),
            ),
            "node-c and x stand in one zone, c",
        ),
        (
            replaced(
                TWO_ZONES,
                ("address: 10.10.0.52}", "address: 10.10.0.52, sync_address: 10.10.0.53}"),
            ),
            "node-c has a sync_address, which no instance takes",
        ),
        (
            replaced(
                TWO_ZONES,
                ("region: ap-northeast-1,", "region: ap-northeast-1, publish_interval: 6s,"),
            ),
            "publish_interval is 6 s; an alarm looks at periods of 10 s",
        ),
        (HELD, "lies on the nodes' own interfaces"),
    ],
)
def test_what_cannot_be_deployed_is_refused_with_the_way_out(text: str, sentence: str) -> None:
    """One sentence that names the place."""
    with pytest.raises(RefusedError, match=sentence):
        planned(text)
