"""The referee's part of a template: what it is told, what wakes it, and its alarms."""

import json
from typing import Any

import pytest

from natgate.wire.cloudformation_referee import referee_resources, referee_setup
from natgate.wire.referee_setup import parse_referee
from tests.deployments import ALL, ELASTIC, TWO_GATEWAYS, planned


def resources() -> dict[str, Any]:
    """Properties by name."""
    found = referee_resources(planned())
    return {name: resource["Properties"] for name, resource in found.items()}


def test_it_is_told_the_zones_and_routes_of_each_share() -> None:
    """The preferred zone first, and the edge route first, since it says who is active."""
    first, second = json.loads(referee_setup(planned(TWO_GATEWAYS)))["shares"]
    assert first == {
        "name": "partner",
        "zones": ["ap-northeast-1a", "ap-northeast-1c"],
        "addresses": {"ap-northeast-1a": "10.10.0.20", "ap-northeast-1c": "10.10.0.52"},
        "routes": [
            {"table": "${TableEdge}", "destination": "10.10.0.80/28"},
            {"table": "${TableClientsA}", "destination": "192.168.100.0/24"},
            {"table": "${TableClientsC}", "destination": "192.168.100.0/24"},
        ],
    }
    assert second["zones"] == ["ap-northeast-1c", "ap-northeast-1a"]


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_the_referee_takes_what_it_is_told(text: str) -> None:
    """Once CloudFormation has put the ids of the tables in."""
    plan = planned(text)
    setup = referee_setup(plan)
    for number, parameter in enumerate(plan.tables.values()):
        setup = setup.replace(f"${{{parameter}}}", f"rtb-{number:017x}")
    read = parse_referee(setup, "NATGATE_REFEREE")
    assert read.asg == plan.name
    assert [share.name for share in read.shares] == [share.name for share in plan.shares]


def test_what_lies_on_the_nodes_is_not_its_business() -> None:
    """A secondary address is moved by the agents alone."""
    setup = json.loads(referee_setup(planned(ELASTIC)))
    assert [share["name"] for share in setup["shares"]] == ["partner"]


def test_it_takes_one_turn_at_a_time() -> None:
    """Two that write at once could split a share."""
    function = resources()["Referee"]
    assert function["ReservedConcurrentExecutions"] == 1
    assert function["Timeout"] > json.loads(referee_setup(planned()))["deadline"]


def test_silence_of_a_zone_is_an_alarm() -> None:
    """Two of three periods of ten seconds without a one."""
    alarm = resources()["AlarmA"]
    assert alarm["AlarmName"] == "natgate-main-ap-northeast-1a"
    assert (alarm["Period"], alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (10, 2, 3)
    assert alarm["TreatMissingData"] == "breaching"


def test_five_things_wake_it_and_each_may() -> None:
    """Launches of this group, stops, alarms of this group, nodes' own word, and every minute."""
    found = resources()
    patterns = {
        name: found[name].get("EventPattern", {}).get("detail")
        for name in found
        if name.startswith("On") and not name.endswith("Permission")
    }
    assert patterns == {
        "OnLaunch": {"AutoScalingGroupName": ["natgate-main"]},
        "OnState": {"state": ["stopping", "shutting-down"]},
        "OnAlarm": None,
        "OnPathHealth": {"group": ["main"]},
        "OnTick": None,
    }
    assert found["OnTick"]["ScheduleExpression"] == "rate(1 minute)"
    assert found["OnPathHealth"]["Name"] == "natgate-main-path-health"
    for name in patterns:
        assert found[f"{name}Permission"]["SourceArn"] == {"Fn::GetAtt": [name, "Arn"]}
    alarms = [arn["Fn::Sub"] for arn in found["OnAlarm"]["EventPattern"]["resources"]]
    assert [name.rpartition(":")[2] for name in alarms] == [
        "natgate-main-ap-northeast-1a",
        "natgate-main-ap-northeast-1c",
    ]
