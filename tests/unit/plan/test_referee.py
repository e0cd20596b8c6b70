"""The referee's decision, case by case (research/aws.md, section 3.3)."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from natgate.model.referee import (
    Instance,
    RefereeSetup,
    RefereeShare,
    TableRoute,
    Trigger,
    World,
)
from natgate.plan.referee import WORD_LASTS, Turn, concerns, decide
from tests.unit.plan.referee_setups import (
    CLIENT,
    COOLDOWN,
    EDGE,
    NOW,
    SETUP,
    SHARE,
    ZONES,
    A,
    C,
    event,
    leads,
    node,
    world,
)

LOG = Path(__file__).parents[2] / "data" / "referee" / "stop.jsonl"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A situation, and what must come of it: `changes` such as "edge+c client>c"."""

    given: World
    trigger: Trigger = "alarm"
    active: str | None
    reason: str
    changes: str = ""
    replaced: str | None = None
    skipped: str | None = None


FRESH = COOLDOWN - 1

CASES = {
    "01 first deployment, a alone, nothing known": Case(
        given=world("a", alarms="??", edge=None, client=None),
        trigger="launch",
        active="a",
        reason="initial",
        changes="edge+a client+a",
    ),
    "02 first deployment, c comes first": Case(
        given=world("c", alarms="??", edge=None, client=None),
        trigger="launch",
        active="c",
        reason="initial",
        changes="edge+c client+c",
    ),
    "03 then a comes": Case(
        given=world("a", "c", alarms="??", edge="c", client="c"),
        trigger="launch",
        active="c",
        reason="keep-current",
    ),
    "05 the active a stops": Case(
        given=world("c"),
        trigger="state",
        active="c",
        reason="failover",
        changes="edge>c client>c",
    ),
    "06 the standby stops": Case(
        given=world("a"), trigger="state", active="a", reason="keep-current"
    ),
    "07 the active a is ill": Case(
        given=world("a", "c", alarms="!o"),
        active="c",
        reason="failover",
        changes="edge>c client>c",
        replaced="a",
    ),
    "08 the same again after the switch": Case(
        given=world("a", "c", alarms="!o", edge="c", client="c"),
        active="c",
        reason="keep-current",
        replaced="a",
    ),
    "09 the standby c is ill": Case(
        given=world("a", "c", alarms="o!"), active="a", reason="keep-current", replaced="c"
    ),
    "10 both are ill": Case(
        given=world("a", "c", alarms="!!"), active="a", reason="keep-current-all-unhealthy"
    ),
    "11 both are ill, and the active one is gone": Case(
        given=world("c", alarms="!!", edge="a gone", client="a gone"),
        active="c",
        reason="tentative-all-unhealthy",
        changes="edge>c client>c",
    ),
    "12 there is none": Case(given=world(alarms="!!"), active=None, reason="none-discovered"),
    "13 the active a is ill, and alone": Case(
        given=world("a", alarms="!o"), active="a", reason="keep-current-all-unhealthy"
    ),
    "14 the active a is ill, of the standby nothing is known": Case(
        given=world("a", "c", alarms="!?"),
        active="c",
        reason="failover",
        changes="edge>c client>c",
        replaced="a",
    ),
    "15 of the active nothing is known, the standby is well": Case(
        given=world("a", "c", alarms="?o"), active="a", reason="keep-current"
    ),
    "16 a fresh one inherits the alarm": Case(
        given=world("a", node("c", age=FRESH), alarms="o!"),
        active="a",
        reason="keep-current",
        skipped="c",
    ),
    "17 the preferred one recovers": Case(
        given=world("a", "c", edge="c", client="c"), active="c", reason="keep-current"
    ),
    "18 half done: the edge is led away from the ill a": Case(
        given=world("a", "c", alarms="!o", edge="c", client="a"),
        active="c",
        reason="keep-current",
        changes="client>c",
        replaced="a",
    ),
    "19 half done: the client is led away from the ill a": Case(
        given=world("a", "c", alarms="!o", edge="a", client="c"),
        active="c",
        reason="failover",
        changes="edge>c",
        replaced="a",
    ),
    "20 as before, but a is well again": Case(
        given=world("a", "c", edge="a", client="c"),
        active="a",
        reason="keep-current",
        changes="client>a",
    ),
    "21 the client route is missing": Case(
        given=world("a", "c", client=None),
        active="a",
        reason="keep-current",
        changes="client+a",
    ),
    "22 a was replaced inside its zone": Case(
        given=world("a2", "c", edge="a gone", client="a gone"),
        trigger="launch",
        active="a",
        reason="failover",
        changes="edge>a2 client>a2",
    ),
}


def _changes(turn: Turn) -> str:
    names = {EDGE: "edge", CLIENT: "client"}
    marks = {"create": "+", "replace": ">"}
    return " ".join(
        f"{names[c.route]}{marks[c.kind]}{c.interface.removeprefix('eni-')}" for c in turn.changes
    )


def _name(instance: Instance | None) -> str | None:
    return None if instance is None else instance.instance.removeprefix("i-")


@pytest.mark.parametrize("name", CASES)
def test_each_case_is_decided_as_written(name: str) -> None:
    """Who is active and why, which routes are led where, and who is replaced."""
    case = CASES[name]
    turn = decide(SETUP, event(case.trigger), case.given, NOW)
    (share,) = turn.shares
    assert share.active == (None if case.active is None else ZONES[case.active])
    assert share.reason == case.reason
    assert _changes(turn) == case.changes
    assert _name(turn.replace) == case.replaced
    assert [_name(i) for i in turn.skipped] == ([case.skipped] if case.skipped else [])


@pytest.mark.parametrize("name", CASES)
def test_a_second_turn_changes_nothing(name: str) -> None:
    """Once its changes are made, the same world needs no other."""
    given = CASES[name].given
    first = decide(SETUP, event(), given, NOW)
    routes = {c.route: leads(c.interface.removeprefix("eni-")) for c in first.changes}
    again = decide(SETUP, event(), replace(given, routes={**given.routes, **routes}), NOW)
    assert again.changes == ()
    assert again.shares[0].active == first.shares[0].active


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("trigger", ["launch", "state", "tick"])
def test_only_alarms_and_words_replace(name: str, trigger: Trigger) -> None:
    """The routes are the same whatever set the turn off; instances are not."""
    turn = decide(SETUP, event(trigger), CASES[name].given, NOW)
    assert (turn.replace, turn.skipped) == (None, ())
    assert _changes(turn) == CASES[name].changes


def _logged() -> list[list[dict[str, Any]]]:
    """The source's log, event by event."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in LOG.read_text().splitlines():
        entry = json.loads(line)
        found.setdefault(entry["requestId"], []).append(entry)
    return list(found.values())


@pytest.mark.parametrize("entries", _logged(), ids=lambda e: e[0]["timestamp"])
def test_the_sources_log_is_replayed(entries: list[dict[str, Any]]) -> None:
    """A stopped instance, its return and its inherited alarm are decided as the source did."""
    said = {entry["message"]: entry for entry in entries}
    found, decided, synced = (
        said[m] for m in ("eni discovered", "active az decided", "routes synced")
    )
    fresh = said.get("skip replace (within cooldown)", {})
    instances = tuple(
        Instance(
            zone=zone,
            interface=interface,
            instance=fresh.get("instanceId", "i") if fresh.get("az") == zone else "i-0",
            launched=NOW - 18 if fresh.get("az") == zone else 0.0,
        )
        for zone, interface in found["eniByAz"].items()
    )
    previous = leads(synced["prevGatewayEni"].removeprefix("eni-"))
    given = World(
        instances=instances,
        alarms={z: "OK" if well else "ALARM" for z, well in decided["healthy"].items()},
        routes={EDGE: previous, CLIENT: previous},
    )
    alarm = said["trigger"]["detailType"] == "CloudWatch Alarm State Change"
    turn = decide(SETUP, event("alarm" if alarm else "state"), given, NOW)
    (share,) = turn.shares
    assert share.current == decided.get("currentAz")
    assert share.active == decided["activeAz"]
    assert share.healthy == decided["healthy"]
    assert (share.target, share.previous) == (synced["target"], synced["prevGatewayEni"])
    assert [i.instance for i in turn.skipped] == ([fresh["instanceId"]] if fresh else [])
    assert turn.replace is None


def test_a_deleted_rule_moves_the_routes_back() -> None:
    """The source's second scenario: c carries, its rule is deleted, and its alarm goes off."""
    turn = decide(
        SETUP,
        event("alarm", alarm="alarm-c"),
        world("a", "c", alarms="o!", edge="c", client="c"),
        NOW,
    )
    assert turn.shares[0].reason == "failover"
    assert _changes(turn) == "edge>a client>a"
    assert _name(turn.replace) == "c"


def test_a_zone_known_to_be_well_comes_before_one_of_which_nothing_is_known() -> None:
    """The preferred zone is not chosen blindly where another one is known to forward."""
    turn = decide(SETUP, event(), world("a", "c", alarms="?o", edge=None, client=None), NOW)
    assert (turn.shares[0].active, turn.shares[0].reason) == (C, "initial")


def test_a_zone_without_an_alarm_is_not_ill() -> None:
    """An alarm that does not exist is as one without data."""
    given = replace(world("a", "c"), alarms={})
    assert decide(SETUP, event("alarm"), given, NOW).shares[0].reason == "keep-current"


class TestTheWordOfANode:
    """A node says that it is ill, before its alarm does."""

    ILL = event("peer", zone=A, group=SETUP.group, ill=True)

    def test_it_counts_as_an_alarm(self) -> None:
        """The routes are led away at once."""
        turn = decide(SETUP, self.ILL, world("a", "c"), NOW)
        assert _changes(turn) == "edge>c client>c"
        assert turn.shares[0].healthy == {A: False, C: True}

    def test_it_alone_replaces_nobody(self) -> None:
        """Where the common upstream is dead, all say so in turn: their alarms must agree first."""
        assert decide(SETUP, self.ILL, world("a", "c"), NOW).replace is None
        assert _name(decide(SETUP, self.ILL, world("a", "c", alarms="!o"), NOW).replace) == "a"

    def test_it_spares_the_other_zone(self) -> None:
        """A node in alarm is not replaced where the only other one says that it is ill."""
        turn = decide(SETUP, self.ILL, world("a", "c", alarms="o!"), NOW)
        assert (turn.replace, turn.shares[0].reason) == (None, "keep-current-all-unhealthy")

    def test_it_is_believed_for_a_while(self) -> None:
        """An event that was delivered late says nothing of now."""
        late = NOW + WORD_LASTS
        assert _changes(decide(SETUP, self.ILL, world("a", "c"), late)) == "edge>c client>c"
        assert _changes(decide(SETUP, self.ILL, world("a", "c"), late + 1)) == ""

    def test_it_is_believed_without_its_time(self) -> None:
        """An event that does not say when it was sent is taken to be new."""
        turn = decide(SETUP, replace(self.ILL, at=None), world("a", "c"), NOW)
        assert turn.shares[0].active == C

    def test_good_news_and_unknown_zones_move_nothing(self) -> None:
        """The alarm of a zone is not overruled by its node."""
        well = replace(self.ILL, ill=False)
        elsewhere = replace(self.ILL, zone="ap-northeast-1d")
        for said in (well, elsewhere):
            turn = decide(SETUP, said, world("a", "c", alarms="o!"), NOW)
            assert turn.shares[0].healthy == {A: True, C: False}


class TestAnInstanceThatLeaves:
    """The event says that an instance stops, and the list of instances does not know it yet."""

    STOPS = event("state", instance="i-a", leaving=True)

    def test_it_counts_as_gone(self) -> None:
        """The routes are led away although it is still listed as running."""
        assert _changes(decide(SETUP, self.STOPS, world("a", "c"), NOW)) == "edge>c client>c"
        untimed = replace(self.STOPS, at=None)
        assert _changes(decide(SETUP, untimed, world("a", "c"), NOW)) == "edge>c client>c"

    def test_one_that_was_started_again_is_there(self) -> None:
        """An event that was delivered late does not stop it a second time."""
        late = replace(self.STOPS, at=NOW - 100)
        again = world(node("a", age=50), "c")
        assert decide(SETUP, late, again, NOW).shares[0].reason == "keep-current"

    def test_others_stay(self) -> None:
        """Neither another instance's stop nor its own start concerns it."""
        for said in (replace(self.STOPS, instance="i-x"), replace(self.STOPS, leaving=False)):
            assert decide(SETUP, said, world("a", "c"), NOW).changes == ()


class TestWhatIsSomebodyElses:
    """Routes that natgate did not make stay, unless it is told to adopt them."""

    def test_a_foreign_client_route_stays(self) -> None:
        """It is named, and the others are led all the same."""
        turn = decide(SETUP, event(), world("c", client="nat-1 foreign"), NOW)
        assert _changes(turn) == "edge>c"
        assert {r: t.text for r, t in turn.shares[0].refused.items()} == {CLIENT: "nat-1"}

    def test_nothing_follows_a_foreign_edge_route(self) -> None:
        """Clients are not led to a node to which no answer returns; nodes do not move it either."""
        turn = decide(SETUP, event(), world("a", "c", edge="nat-1 foreign", client=None), NOW)
        (share,) = turn.shares
        assert (share.active, share.target, share.reason) == (None, None, "edge-refused")
        assert (turn.changes, set(share.refused)) == ((), {EDGE})

    def test_an_adopted_route_is_led(self) -> None:
        """Whoever it led to."""
        adopting = replace(SETUP, adopt=True)
        given = world("a", "c", edge="nat-1 foreign", client="eni-9 foreign")
        turn = decide(adopting, event(), given, NOW)
        assert (_changes(turn), turn.shares[0].reason) == ("edge>a client>a", "failover")
        assert turn.shares[0].refused == {}

    def test_a_table_that_cannot_be_read_is_not_written(self) -> None:
        """Not even an adopted one: what is there is not known."""
        adopting = replace(SETUP, adopt=True)
        turn = decide(adopting, event(), world("c", client="x unread"), NOW)
        assert (_changes(turn), set(turn.shares[0].refused)) == ("edge>c", {CLIENT})

    def test_a_gone_interface_is_nobodys(self) -> None:
        """A blackhole is filled."""
        turn = decide(SETUP, event(), world("a", edge="x gone", client="y gone"), NOW)
        assert _changes(turn) == "edge>a client>a"


class TestTheNodeOfAZone:
    """Which of several instances in a zone stands for the node."""

    NAMED = replace(SETUP, shares=(replace(SHARE, addresses={A: "10.10.0.68"}),))

    def test_it_has_the_nodes_address(self) -> None:
        """An instance that is still coming up, and has not taken the address, is none."""
        given = world(node("a"), node("a2", age=9, address="10.10.0.68"), "c", edge="c", client="c")
        (share,) = decide(self.NAMED, event(), given, NOW).shares
        assert share.interfaces == {A: "eni-a2", C: "eni-c"}
        (none,) = decide(self.NAMED, event(), world("a", alarms="??"), NOW).shares
        assert none.reason == "none-discovered"

    def test_otherwise_it_is_the_one_in_use(self) -> None:
        """A second instance does not take the routes from the first; unused, the oldest is it."""
        both = (node("a", age=900), node("a2", age=9))
        used = decide(SETUP, event(), world(*both, edge="a2", client="a2"), NOW)
        assert used.changes == ()
        unused = decide(SETUP, event(), world(*both, edge=None, client=None), NOW)
        assert _changes(unused) == "edge+a client+a"

    def test_an_ill_one_without_the_address_is_replaced_too(self) -> None:
        """An instance that lost the address, or never got it, is no reason to keep it."""
        given = world(node("a2", age=900), node("a"), "c", alarms="!o", edge="c", client="c")
        assert _name(decide(self.NAMED, event("alarm"), given, NOW).replace) == "a"

    def test_a_zone_without_instances_replaces_none(self) -> None:
        """Its alarm is on because nobody is there."""
        given = world("c", alarms="!o", edge="c", client="c")
        turn = decide(SETUP, event("alarm"), given, NOW)
        assert (turn.replace, turn.skipped) == (None, ())


B = "ap-northeast-1b"
THREE = replace(
    SETUP, alarms={**SETUP.alarms, B: "alarm-b"}, shares=(replace(SHARE, zones=(A, B, C)),)
)


def _three(ill: str) -> World:
    """Three zones with a node each, of which some are ill; c carries."""
    given = world("a", "c", edge="c", client="c")
    b = Instance(zone=B, interface="eni-b", instance="i-b")
    marks = {A: "a", B: "b", C: "c"}
    return replace(
        given,
        instances=(*given.instances, b),
        alarms={z: "ALARM" if mark in ill else "OK" for z, mark in marks.items()},
    )


def test_never_two_zones_are_replaced_in_one_turn() -> None:
    """The one that the alarm is about goes first, else the first one."""
    assert _name(decide(THREE, event("alarm", alarm="alarm-b"), _three("ab"), NOW).replace) == "b"
    assert _name(decide(THREE, event("alarm", alarm="alarm-c"), _three("ab"), NOW).replace) == "a"
    assert _name(decide(THREE, event("peer", zone=B), _three("ab"), NOW).replace) == "b"


def _two_shares(second: RefereeShare) -> RefereeSetup:
    return replace(SETUP, shares=(SHARE, second))


OTHER = RefereeShare(
    name="other",
    zones=(C, A),
    routes=(TableRoute(table="rtb-edge", destination="10.10.0.96/28"),),
)


def test_shares_are_decided_each_by_itself() -> None:
    """Each has its own preferred zone and its own first route."""
    turn = decide(_two_shares(OTHER), event(), world("a", "c"), NOW)
    assert [(s.share, s.active, s.reason) for s in turn.shares] == [
        ("partner", A, "keep-current"),
        ("other", C, "initial"),
    ]
    assert [c.route for c in turn.changes] == list(OTHER.routes)


def test_the_only_zone_of_a_share_is_not_replaced() -> None:
    """A zone is spared as long as any of its shares has no other."""
    lonely = replace(OTHER, zones=(A,))
    assert (
        decide(_two_shares(lonely), event("alarm"), world("a", "c", alarms="!o"), NOW).replace
        is None
    )
    shared = decide(_two_shares(OTHER), event("alarm"), world("a", "c", alarms="!o"), NOW)
    assert _name(shared.replace) == "a"
    elsewhere = _two_shares(replace(OTHER, zones=(B,)))
    turn = decide(elsewhere, event("alarm"), world("a", "c", alarms="!o"), NOW)
    assert (_name(turn.replace), turn.shares[1].reason) == ("a", "none-discovered")


def test_events_of_others_are_told_apart() -> None:
    """By the group of the launch, the alarm's name, and the group of the word."""
    ours = [
        event("launch", asg=SETUP.asg),
        event("alarm", alarm="alarm-c"),
        event("peer", group=SETUP.group, zone=A),
        event("state", instance="i-9"),
        event("tick"),
    ]
    others = [
        event("launch", asg="web"),
        event("alarm", alarm="cpu"),
        event("peer", group="other", zone=A),
    ]
    assert [concerns(SETUP, each) for each in (*ours, *others)] == [True] * 5 + [False] * 3
