"""What a referee is told: read as written, and every mistake in it named."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from natgate.model.error import SpecError
from natgate.model.referee import RefereeSetup, RefereeShare, TableRoute
from natgate.wire.referee_setup import parse_referee, render_referee

Data = dict[str, Any]


def _data() -> Data:
    return {
        "group": "closed-network",
        "region": "ap-northeast-1",
        "asg": "natgate-closed-network",
        "alarms": {"a": "alarm-a", "c": "alarm-c"},
        "shares": [
            {
                "name": "partner",
                "zones": ["a", "c"],
                "addresses": {"a": "10.10.0.68"},
                "routes": [
                    {"table": "rtb-0123456789abcdef0", "destination": "10.10.0.80/28"},
                    {"table": "rtb-0a", "destination": "192.168.100.0/24"},
                ],
            }
        ],
        "cooldown": 60,
        "adopt": True,
        "deadline": 9.5,
    }


SETUP = RefereeSetup(
    group="closed-network",
    region="ap-northeast-1",
    asg="natgate-closed-network",
    alarms={"a": "alarm-a", "c": "alarm-c"},
    shares=(
        RefereeShare(
            name="partner",
            zones=("a", "c"),
            addresses={"a": "10.10.0.68"},
            routes=(
                TableRoute(table="rtb-0123456789abcdef0", destination="10.10.0.80/28"),
                TableRoute(table="rtb-0a", destination="192.168.100.0/24"),
            ),
        ),
    ),
    cooldown=60,
    adopt=True,
    deadline=9.5,
)


def test_a_setup_is_read_as_written() -> None:
    """And written as read."""
    assert parse_referee(json.dumps(_data()), "X") == SETUP
    assert parse_referee(render_referee(SETUP), "X") == SETUP
    assert "\n" not in render_referee(SETUP)


def test_what_is_left_out_is_as_by_default() -> None:
    """Five minutes of cooldown, nothing adopted, twenty seconds, any interface of a zone."""
    data = _data()
    for name in ("cooldown", "adopt", "deadline"):
        del data[name]
    del data["shares"][0]["addresses"]
    found = parse_referee(json.dumps(data), "X")
    assert (found.cooldown, found.adopt, found.deadline) == (300.0, False, 20.0)
    assert found.shares[0].addresses == {}


def _share(**fields: object) -> Callable[[Data], None]:
    return lambda data: data["shares"][0].update(fields)


def _route(**fields: object) -> Callable[[Data], None]:
    return lambda data: data["shares"][0]["routes"][1].update(fields)


def _without(name: str) -> Callable[[Data], None]:
    def leave_out(data: Data) -> None:
        del data[name]

    return leave_out


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_without("group"), "group: this is missing"),
        (lambda d: d.update(asg=""), "asg: '' is not a text"),
        (lambda d: d.update(alarms=[]), "alarms: [] is not an object"),
        (lambda d: d.update(alarms={"a": 1, "c": "x"}), "alarms.a: 1 is not a text"),
        (lambda d: d.update(cooldown=True), "cooldown: True is not a number"),
        (lambda d: d.update(deadline=-1), "deadline: this is below zero; say it in seconds"),
        (lambda d: d.update(adopt="no"), "adopt: 'no' is not true or false"),
        (lambda d: d.update(tick=1), "tick: there is no such field; there are group, region,"),
        (lambda d: d.update(shares=[]), "shares: there is none, so there is nothing to decide"),
        (lambda d: d.update(shares=["x"]), "shares[0]: this is no object"),
        (lambda d: d["shares"].append(d["shares"][0]), "shares[1].name: share partner is already"),
        (
            lambda d: d["shares"].append({**d["shares"][0], "name": "other"}),
            "shares[1].routes: shares[0] has the route",
        ),
        (lambda d: d["shares"].append({"name": "x", "zones": [], "routes": 1}), "routes: 1 is not"),
        (_share(name=7), "shares[0].name: 7 is not a text"),
        (_share(zones=[]), "shares[0].zones: there is none; name the preferred one first"),
        (_share(zones=["a", "d"]), "shares[0].zones[1]: 'd' has no alarm in alarms"),
        (_share(zones=["a", 1]), "shares[0].zones[1]: 1 has no alarm in alarms"),
        (_share(zones=["a", "a"]), "shares[0].zones[1]: zone a is already at shares[0].zones[0]"),
        (_share(addresses={"d": "10.0.0.1"}), "addresses.d: the share has no such zone"),
        (_share(addresses={"a": "10.0.0"}), "addresses.a: '10.0.0' is no IPv4 address"),
        (_share(routes=[]), "shares[0].routes: there is none; the first one says which zone"),
        (_share(routes=["x"]), "shares[0].routes[0]: this is no object"),
        (_route(table="edge"), "shares[0].routes[1].table: 'edge' is no id of a route table"),
        (_route(destination="10.0.0.97/28"), "'10.0.0.97/28' is no network: 10.0.0.97/28 has host"),
        (_route(destination="10.0.0.0"), "'10.0.0.0' is no network: write it as 10.0.0.0/24"),
        (_route(destination=""), "shares[0].routes[1].destination: '' is not a text"),
        (
            _route(table="rtb-0123456789abcdef0", destination="10.10.0.80/28"),
            "shares[0].routes[1]: route",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(spoil: Callable[[Data], None], problem: str) -> None:
    """The sentence begins with where the setup comes from."""
    data = _data()
    spoil(data)
    with pytest.raises(SpecError) as caught:
        parse_referee(json.dumps(data), "NATGATE_REFEREE")
    assert problem in str(caught.value)
    assert str(caught.value).startswith("NATGATE_REFEREE: ")


def test_all_mistakes_are_named_at_once() -> None:
    """Nobody corrects them one by one."""
    data = _data()
    data["deadline"] = -1
    data["shares"][0]["routes"][0]["table"] = "x"
    data["shares"][0]["zones"].append("d")
    with pytest.raises(SpecError) as caught:
        parse_referee(json.dumps(data), "X")
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(("text", "why"), [("{", "this is no JSON"), ("[]", "this is no object")])
def test_what_is_no_setup_at_all_is_refused(text: str, why: str) -> None:
    """In one sentence."""
    with pytest.raises(SpecError, match=why):
        parse_referee(text, "X")
