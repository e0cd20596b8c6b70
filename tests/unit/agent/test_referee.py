"""The referee says what the source's function said, when the same happens."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from natgate.agent.referee import Referee, handler
from natgate.agent.referee_log import RefereeLog
from natgate.cloud.aws_calls import Patience
from natgate.model.error import HostError, RefusedError, SpecError
from natgate.model.referee import (
    Instance,
    RefereeSetup,
    RefereeShare,
    RouteChange,
    TableRoute,
    Target,
    World,
)

LOG = Path(__file__).parents[2] / "data" / "referee" / "stop.jsonl"
A, C = "ap-northeast-1a", "ap-northeast-1c"
EDGE = TableRoute(table="rtb-1", destination="10.10.0.80/28")
CLIENT = TableRoute(table="rtb-2", destination="192.168.100.0/24")
NEW_A, ALWAYS_C = "eni-0867e700a5e931690", "eni-0ed1c0af1a3b2ca1f"
SETUP = RefereeSetup(
    group="g",
    region="ap-northeast-1",
    asg="natgate-g",
    alarms={A: "alarm-a", C: "alarm-c"},
    shares=(RefereeShare(name="partner", zones=(A, C), routes=(EDGE, CLIENT)),),
)


def _seconds(entry: dict[str, Any]) -> float:
    return datetime.fromisoformat(entry["timestamp"]).timestamp()


def _logged() -> list[list[dict[str, Any]]]:
    """The source's log, event by event."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in LOG.read_text().splitlines():
        entry = json.loads(line)
        found.setdefault(entry["requestId"], []).append(entry)
    return list(found.values())


@dataclass
class FakeGroup:
    """A group in memory, whose calls take as long as they did for the source."""

    instances: tuple[Instance, ...] = ()
    alarms: dict[str, Any] = field(default_factory=dict)
    routes: dict[TableRoute, Target | None] = field(default_factory=dict)
    replaced: list[str] = field(default_factory=list)
    away: bool = False

    def group_of(self, instance: str) -> str | None:
        """All are its own."""
        return SETUP.asg if instance else None

    def read(self) -> World:
        """What is true."""
        if self.away:
            raise HostError("nobody answers")
        return World(instances=self.instances, alarms=dict(self.alarms), routes=dict(self.routes))

    def change(self, changes: Sequence[RouteChange]) -> Mapping[TableRoute, str]:
        """All succeed."""
        self.routes |= {c.route: Target(kind="ours", text=c.interface) for c in changes}
        return {}

    def replace(self, instance: Instance) -> bool:
        """It is told."""
        self.replaced.append(instance.instance)
        return True


def _event(kind: str) -> dict[str, Any]:
    sources = {
        "EC2 Instance State-change Notification": "aws.ec2",
        "EC2 Instance Launch Successful": "aws.autoscaling",
        "CloudWatch Alarm State Change": "aws.cloudwatch",
    }
    detail = {
        "instance-id": "i-0",
        "state": "stopping",
        "AutoScalingGroupName": SETUP.asg,
        "alarmName": "alarm-a",
    }
    return {"detail-type": kind, "source": sources[kind], "detail": detail}


def _take(group: FakeGroup, event: object, request: str, now: float) -> list[dict[str, Any]]:
    """The lines that come of an event."""
    said: list[str] = []
    log = RefereeLog(request=request, now=lambda: now, write=said.append)
    patience = Patience(deadline=0, clock=lambda: 0, sleep=lambda _: None)
    Referee(setup=SETUP, group=group, log=log, patience=patience).take(event)
    return [json.loads(line) for line in said]


def _set(group: FakeGroup, entries: list[dict[str, Any]]) -> None:
    """The world as the source's function found it."""
    said = {entry["message"]: entry for entry in entries}
    young = said.get("skip replace (within cooldown)", {})
    group.instances = tuple(
        Instance(
            zone=zone,
            interface=interface,
            instance=young.get("instanceId", "i-1"),
            launched=_seconds(entries[0]) - (3600 if interface == ALWAYS_C else 60),
        )
        for zone, interface in said["eni discovered"]["eniByAz"].items()
    )
    group.alarms = {
        zone: "OK" if well else "ALARM"
        for zone, well in said["active az decided"]["healthy"].items()
    }


def test_the_sources_first_scenario_gives_its_log() -> None:
    """Line by line; the reason is new, and the time of a line is when it was written."""
    before = Target(kind="ours", text="eni-0f9e4f967f146a8ff")
    group = FakeGroup(routes={EDGE: before, CLIENT: before})
    for entries in _logged():
        _set(group, entries)
        lines = _take(
            group, _event(entries[0]["detailType"]), entries[0]["requestId"], _seconds(entries[0])
        )
        reasons = [line.pop("reason") for line in lines if "reason" in line]
        assert reasons in (["failover"], ["keep-current"])
        assert lines[0] == entries[0]
        times = [line.pop("timestamp") for line in lines]
        assert set(times) == {entries[0]["timestamp"]}
        assert lines == [{k: v for k, v in e.items() if k != "timestamp"} for e in entries]
        assert [list(line) for line in lines] == [
            [k for k in entry if k != "timestamp"] for entry in entries
        ]
    assert group.replaced == []


def test_the_sources_second_scenario() -> None:
    """The rule of c is deleted, its alarm goes off: a carries, and c is replaced after the routes."""
    group = FakeGroup(routes=dict.fromkeys((EDGE, CLIENT), Target(kind="ours", text=ALWAYS_C)))
    _set(group, _logged()[-1])
    group.instances = tuple(
        Instance(zone=i.zone, interface=i.interface, instance=f"i-{i.zone[-1]}")
        for i in group.instances
    )
    group.alarms = {A: "OK", C: "ALARM"}
    lines = _take(group, _event("CloudWatch Alarm State Change"), "r", 1e9)
    assert [line["message"] for line in lines] == [
        "trigger",
        "eni discovered",
        "active az decided",
        "routes synced",
        "replaced",
    ]
    assert lines[2] | {"timestamp": ""} == {
        "timestamp": "",
        "level": "INFO",
        "message": "active az decided",
        "logger": "root",
        "requestId": "r",
        "currentAz": C,
        "activeAz": A,
        "healthy": {A: True, C: False},
        "reason": "failover",
    }
    assert (lines[3]["target"], lines[3]["prevGatewayEni"]) == (NEW_A, ALWAYS_C)
    assert (lines[4]["az"], lines[4]["instanceId"], group.replaced) == (C, "i-c", ["i-c"])


def test_a_group_that_cannot_be_read_is_said() -> None:
    """The sentence is the one of the reading."""
    with pytest.raises(HostError, match="nobody answers"):
        _take(FakeGroup(away=True), _event("EC2 Instance Launch Successful"), "r", 0)


@pytest.mark.parametrize(
    ("text", "error", "why"),
    [
        (None, RefusedError, "NATGATE_REFEREE is not set"),
        ("", RefusedError, "NATGATE_REFEREE is not set"),
        ("{", SpecError, "NATGATE_REFEREE: .*no JSON"),
        ('{"group": "g"}', SpecError, "NATGATE_REFEREE: region: this is missing"),
    ],
)
def test_an_ill_configuration_is_one_clear_sentence(
    text: str | None, error: type[Exception], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the variable; no call is made."""
    monkeypatch.delenv("NATGATE_REFEREE", raising=False)
    if text is not None:
        monkeypatch.setenv("NATGATE_REFEREE", text)
    with pytest.raises(error, match=why):
        handler({}, None)
