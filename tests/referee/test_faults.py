"""Whatever AWS refuses, delays or forgets: the right end, or one clear sentence; and it heals."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
)

from natgate.model.error import HostError
from tests.referee import events
from tests.referee.bench import SETUP, Bench, setup_of
from tests.referee.cloud import CLIENT, EDGE, NOW, SETUP_DATA, A, C, Cloud, failure, settled

Hook = Callable[[str, dict[str, Any]], None]


@pytest.fixture
def cloud() -> Cloud:
    """Two nodes that are well; a carries."""
    return settled(SETUP)


@pytest.fixture
def bench(cloud: Cloud) -> Bench:
    """A referee of that account."""
    return Bench(cloud)


def refuse(error: Exception, *calls: str, table: str | None = None, times: int = 10_000) -> Hook:
    """Those calls fail, at most so often; perhaps for one route table only."""
    left = [times]

    def before(name: str, arguments: dict[str, Any]) -> None:
        about = table is None or arguments.get("RouteTableId") == table
        if name in calls and about and left[0]:
            left[0] -= 1
            raise error

    return before


THROTTLED = failure(
    "RequestLimitExceeded", "Request limit exceeded.", HTTPStatus.SERVICE_UNAVAILABLE
)
AWAY = EndpointConnectionError(endpoint_url="https://ec2.ap-northeast-1.amazonaws.com/")
READS = ("describe_instances", "describe_alarms", "describe_route_tables")


@pytest.mark.parametrize(
    "error",
    [
        THROTTLED,
        failure("Throttling", "Rate exceeded"),
        failure("InternalError", "again", HTTPStatus.INTERNAL_SERVER_ERROR),
        failure("Nobody", "knows", HTTPStatus.BAD_GATEWAY),
        AWAY,
        ConnectTimeoutError(endpoint_url="https://x"),
    ],
    ids=lambda error: type(error).__name__ + str(error)[20:40],
)
@pytest.mark.parametrize("call", [*READS, "replace_route"])
def test_what_passes_is_tried_again(bench: Bench, error: Exception, call: str) -> None:
    """A few refusals cost a second or two, and nothing else."""
    bench.cloud.alarm(a="ALARM")
    bench.cloud.before = refuse(error, call, times=4)
    bench.take(events.alarm("alarm-a"))
    assert bench.cloud.leads() == ["eni-c", "eni-c"]
    assert 0 < bench.waited < 4
    assert [each["InstanceId"] for each in bench.cloud.unhealthy] == ["i-a"]


@pytest.mark.parametrize("call", [*READS, "replace_route"])
def test_what_does_not_pass_ends_at_the_deadline(bench: Bench, call: str) -> None:
    """The sentence names the call; nobody is replaced; the next event heals it."""
    bench.cloud.alarm(a="ALARM")
    bench.cloud.before = refuse(THROTTLED, call)
    with pytest.raises(HostError, match=r"AWS throttled .* until the deadline") as caught:
        bench.take(events.alarm("alarm-a"))
    assert "\n" not in str(caught.value)
    assert 15 < bench.waited <= 20
    assert bench.cloud.unhealthy == []
    bench.cloud.before = lambda _name, _arguments: None
    bench.take(events.TICK)
    assert bench.cloud.leads() == ["eni-c", "eni-c"]


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize(("refused", "other"), [(EDGE, CLIENT), (CLIENT, EDGE)])
def test_one_refused_table_does_not_stop_the_other(
    bench: Bench, refused: tuple[str, str], other: tuple[str, str], threads: int
) -> None:
    """The error names the route that stays; the ill node is not replaced while it is needed."""
    bench.threads = threads
    bench.cloud.alarm(a="ALARM")
    message = "You are not authorized. Encoded authorization failure message: c2VjcmV0"
    bench.cloud.before = refuse(
        failure("UnauthorizedOperation", message, HTTPStatus.FORBIDDEN),
        "replace_route",
        table=refused[0],
    )
    with pytest.raises(HostError) as caught:
        bench.take(events.alarm("alarm-a"))
    assert f"{refused[1]} in {refused[0]}" in str(caught.value)
    assert "not authorised: ec2:ReplaceRoute" in str(caught.value)
    assert other[0] not in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)
    assert bench.cloud.state.tables[other[0]] == {other[1]: "eni-c"}
    assert bench.cloud.state.tables[refused[0]] == {refused[1]: "eni-a"}
    assert bench.cloud.calls.count("replace_route") <= 3
    assert bench.cloud.unhealthy == []
    assert [each["table"] for each in bench.lines("route failed")] == [refused[0]]
    assert bench.lines("skip replace (routes failed)") == [{"az": A, "instanceId": "i-a"}]
    assert bench.lines("routes synced") == []
    bench.cloud.before = lambda _name, _arguments: None
    bench.take(events.alarm("alarm-a"))
    assert bench.cloud.leads() == ["eni-c", "eni-c"]
    assert len(bench.cloud.unhealthy) == 1


@pytest.mark.parametrize("readings", range(1, 16))
def test_answers_from_the_past_end_right_or_are_healed(bench: Bench, readings: int) -> None:
    """EC2 may answer from a moment ago: after the event or, at the latest, the next one all is well."""
    bench.cloud.alarm(a="ALARM")
    bench.cloud.lead("eni-c", "eni-a")
    bench.cloud.remember(readings)
    bench.cloud.lead("eni-c", "eni-c")
    bench.take(events.alarm("alarm-a"))
    bench.cloud.stale = 0
    bench.take(events.TICK)
    assert bench.cloud.leads() == ["eni-c", "eni-c"]


@pytest.mark.parametrize("readings", range(1, 9))
def test_a_stopping_instance_that_is_still_listed_is_left(bench: Bench, readings: int) -> None:
    """The event is newer than the list of instances."""
    bench.cloud.remember(readings)
    bench.cloud.stop("a")
    bench.take(events.state("i-a"))
    assert bench.cloud.leads() == ["eni-c", "eni-c"]


def test_routes_that_are_shown_late_are_waited_for(bench: Bench) -> None:
    """The same change is not written again at once."""
    bench.cloud.alarm(a="ALARM")
    bench.cloud.remember(6)
    bench.take(events.alarm("alarm-a"))
    assert bench.cloud.leads() == ["eni-c", "eni-c"]
    assert bench.waited > 0


def test_routes_that_never_settle_end_the_turns(bench: Bench) -> None:
    """Somebody else writes all the time: it is said, and the next event goes on."""
    bench.cloud.alarm(a="ALARM")

    def undo(name: str, _arguments: object) -> None:
        if name == "describe_route_tables":
            bench.cloud.lead("eni-a", "eni-a")

    bench.cloud.before = undo
    with pytest.raises(HostError, match="still changed after 8 turns"):
        bench.take(events.alarm("alarm-a"))
    assert bench.cloud.unhealthy == []


@pytest.mark.parametrize(
    "error",
    [
        NoCredentialsError(),
        failure("ExpiredToken", "The security token included in the request is expired"),
        failure("AuthFailure", "AWS was not able to validate the provided access credentials"),
    ],
    ids=["none", "expired", "wrong"],
)
def test_without_credentials_the_sentence_says_so(bench: Bench, error: Exception) -> None:
    """Nothing is tried twice, nothing is changed; with new ones the next event heals."""
    bench.cloud.alarm(a="ALARM")
    bench.cloud.before = refuse(error, *READS, "replace_route")
    with pytest.raises(HostError, match="credentials"):
        bench.take(events.alarm("alarm-a"))
    assert (bench.waited, bench.cloud.leads()) == (0, ["eni-a", "eni-a"])
    bench.cloud.before = lambda _name, _arguments: None
    bench.take(events.alarm("alarm-a"))
    assert bench.cloud.leads() == ["eni-c", "eni-c"]


def test_credentials_that_go_between_two_turns_leave_a_whole_report(bench: Bench) -> None:
    """Both the route that failed and the reading that could not be done are named."""
    bench.cloud.alarm(a="ALARM")

    def before(name: str, arguments: dict[str, Any]) -> None:
        if name == "replace_route" and arguments["RouteTableId"] == CLIENT[0]:
            bench.cloud.before = refuse(NoCredentialsError(), *READS)
            raise failure("UnauthorizedOperation", "no", HTTPStatus.FORBIDDEN)

    bench.cloud.before = before
    with pytest.raises(HostError) as caught:
        bench.take(events.alarm("alarm-a"))
    assert "no AWS credentials are there" in str(caught.value)
    assert f"{CLIENT[1]} in {CLIENT[0]}" in str(caught.value)


def test_an_instance_that_goes_between_reading_and_writing(bench: Bench) -> None:
    """The routes were to be led to it: the next turn leads them to one that is there."""
    bench.cloud.alarm(a="ALARM")

    def before(name: str, _arguments: object) -> None:
        if name == "replace_route" and "eni-c" in bench.cloud.state.interfaces:
            bench.cloud.stop("c", gone=True)

    bench.cloud.before = before
    bench.take(events.alarm("alarm-a"))
    assert bench.cloud.leads() == ["eni-a", "eni-a"]
    assert bench.lines("active az decided")[-1]["reason"] == "keep-current-all-unhealthy"
    assert bench.cloud.unhealthy == []


def test_an_instance_that_goes_before_it_is_replaced(bench: Bench) -> None:
    """It needs no replacing any more."""
    bench.cloud.alarm(a="ALARM")

    def before(name: str, _arguments: object) -> None:
        if name == "set_instance_health":
            bench.cloud.stop("a")

    bench.cloud.before = before
    bench.take(events.alarm("alarm-a"))
    assert bench.lines("already gone") == [{"az": A, "instanceId": "i-a"}]


def test_a_refused_replacement_is_said(bench: Bench) -> None:
    """The routes are led away all the same."""
    bench.cloud.alarm(a="ALARM")
    bench.cloud.before = refuse(failure("AccessDenied", "no"), "set_instance_health")
    with pytest.raises(HostError, match="not authorised: autoscaling:SetInstanceHealth on i-a"):
        bench.take(events.alarm("alarm-a"))
    assert bench.cloud.leads() == ["eni-c", "eni-c"]
    bench.cloud.before = lambda _name, _arguments: None
    bench.take(events.alarm("alarm-a"))
    assert bench.cloud.unhealthy == [
        {"InstanceId": "i-a", "HealthStatus": "Unhealthy", "ShouldRespectGracePeriod": True}
    ]


@pytest.mark.parametrize("there", [True, False])
def test_a_route_that_comes_or_goes_meanwhile_is_led(bench: Bench, *, there: bool) -> None:
    """Create becomes replace, and replace becomes create."""
    bench.cloud.lead("eni-a", None if there else "eni-c")

    def before(name: str, _arguments: object) -> None:
        if name in {"create_route", "replace_route"}:
            bench.cloud.before = lambda _name, _arguments: None
            bench.cloud.lead("eni-a", "eni-c" if there else None)

    bench.cloud.before = before
    bench.take(events.TICK)
    assert bench.cloud.leads() == ["eni-a", "eni-a"]
    assert bench.lines("route failed") == []


def test_a_table_that_does_not_exist_is_named(bench: Bench) -> None:
    """The other one is led all the same."""
    del bench.cloud.state.tables[CLIENT[0]]
    bench.cloud.alarm(a="ALARM")
    with pytest.raises(HostError, match=f"there is no route table {CLIENT[0]}"):
        bench.take(events.alarm("alarm-a"))
    assert bench.cloud.leads() == ["eni-c", None]
    assert bench.cloud.unhealthy == []


def test_what_is_somebody_elses_stays(bench: Bench) -> None:
    """A NAT gateway, and an interface without the group's tag; it is said, and is no failure."""
    bench.cloud.state.interfaces["eni-x"] = {"Name": "theirs"}
    for theirs in ("nat-1", "eni-x"):
        bench.cloud.lead("eni-a", theirs)
        bench.take(events.TICK)
        assert bench.cloud.leads() == ["eni-a", theirs]
        assert [each["target"] for each in bench.lines("route refused")] == [theirs]
    adopting = Bench(bench.cloud, setup=setup_of(adopt=True))
    adopting.take(events.TICK)
    assert bench.cloud.leads() == ["eni-a", "eni-a"]


@pytest.mark.parametrize("gone", [True, False])
def test_what_led_to_a_former_instance_is_led_anew(bench: Bench, *, gone: bool) -> None:
    """Its interface is gone, or still has the group's tag."""
    bench.cloud.stop("a", gone=gone)
    bench.take(events.state("i-a"))
    assert bench.cloud.leads() == ["eni-c", "eni-c"]


def test_a_foreign_instance_ends_the_work_early(bench: Bench) -> None:
    """One look-up, and nothing else."""
    bench.cloud.launch("web", A, asg="web")
    bench.take(events.state("i-web"))
    assert bench.cloud.calls == ["describe_instances"]
    assert [line["message"] for line in bench.said] == ["trigger", "not ours"]


def test_an_instance_that_cannot_be_looked_up_ends_nothing(bench: Bench) -> None:
    """A turn is right whoever the event is about."""
    bench.cloud.stop("a")
    bench.cloud.before = refuse(failure("UnauthorizedOperation"), "describe_instances", times=1)
    bench.take(events.state("i-a"))
    assert bench.cloud.leads() == ["eni-c", "eni-c"]
    bench.take(events.state("i-unknown"))
    assert bench.lines("routes synced") != []


@pytest.mark.parametrize(
    "event", [events.alarm("cpu"), events.launched("i-web", "web"), events.word(group="other")]
)
def test_events_of_others_need_no_call(bench: Bench, event: object) -> None:
    """Their names tell."""
    bench.take(event)
    assert bench.cloud.calls == []


def test_none_discovered_leaves_the_routes(bench: Bench) -> None:
    """It is said as an error, and the routes stay for the node that comes."""
    for name in ("a", "c"):
        bench.cloud.stop(name)
    bench.take(events.TICK)
    assert bench.cloud.leads() == ["eni-a", "eni-a"]
    (line,) = [line for line in bench.said if line["level"] == "ERROR"]
    assert (line["message"], line["reason"]) == ("active az decided", "none-discovered")


def test_a_node_says_that_it_is_ill(bench: Bench) -> None:
    """The routes are led away before the alarm goes off; nobody is replaced."""
    bench.take(events.word())
    assert bench.cloud.leads() == ["eni-c", "eni-c"]
    assert bench.cloud.unhealthy == []


def test_a_route_that_yields_is_no_obstacle(bench: Bench) -> None:
    """One that a gateway propagated, or that of the VPC itself: ours is made beside or instead."""
    whole = bench.cloud.called
    others = [
        {
            "DestinationCidrBlock": CLIENT[1],
            "GatewayId": "vgw-1",
            "Origin": "EnableVgwRoutePropagation",
        },
        {"DestinationCidrBlock": EDGE[1], "GatewayId": "local", "Origin": "CreateRouteTable"},
    ]

    def beside(name: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 (as boto3)
        answer = whole(name, arguments)
        for table in answer["RouteTables"] if name == "describe_route_tables" else ():
            table["Routes"] += others
        return answer

    bench.cloud.called = beside  # type: ignore[method-assign]
    bench.cloud.lead(None, None)
    bench.take(events.TICK)
    assert bench.cloud.leads() == ["eni-a", "eni-a"]
    assert bench.lines("route refused") == []


def test_lists_are_read_page_by_page(bench: Bench) -> None:
    """A group may have more instances than one answer has."""
    bench.cloud.stop("a")
    whole = bench.cloud.called

    def paged(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        more = arguments.pop("NextToken", None)
        answer: dict[str, Any] = whole(name, arguments)
        if name == "describe_instances" and more is None:
            return {"Reservations": [], "NextToken": "2"}
        return answer

    bench.cloud.called = paged  # type: ignore[method-assign]
    bench.take(events.TICK)
    assert bench.cloud.leads() == ["eni-c", "eni-c"]


def test_lines_of_several_shares_say_which() -> None:
    """Each has its own active zone."""
    (first,) = SETUP_DATA["shares"]
    second = {
        "name": "other",
        "zones": [C, A],
        "routes": [{"table": EDGE[0], "destination": "10.10.0.96/28"}],
    }
    bench = Bench(settled(SETUP), setup=setup_of(shares=[first, second]))
    bench.take(events.TICK)
    found = [(line["share"], line["activeAz"]) for line in bench.lines("routes synced")]
    assert found == [("partner", A), ("other", C)]
    assert json.loads(json.dumps(bench.said)) == bench.said


def test_a_young_instance_is_not_replaced(bench: Bench) -> None:
    """It inherits the alarm of its zone from the one before."""
    bench.cloud.launch("c2", C, age=18)
    bench.cloud.stop("c")
    bench.cloud.alarm(c="ALARM")
    bench.take(events.alarm("alarm-c"))
    assert bench.lines("skip replace (within cooldown)") == [{"az": C, "instanceId": "i-c2"}]
    assert bench.cloud.unhealthy == []


@pytest.mark.parametrize("known", ["StateTransitionedTimestamp", "StateUpdatedTimestamp", None])
def test_an_alarm_that_lasts_is_seen_by_the_tick(bench: Bench, known: str | None) -> None:
    """One that began while its instance was young has no event that comes again."""
    bench.cloud.lead("eni-a", "eni-a")
    bench.cloud.alarm(c="ALARM")
    bench.cloud.state.since = {known: datetime.fromtimestamp(NOW - 400, UTC)} if known else {}
    bench.take(events.TICK)
    replaced = [each["InstanceId"] for each in bench.cloud.unhealthy]
    assert replaced == (["i-c"] if known else [])


def test_the_end_of_an_alarm_replaces_nobody(bench: Bench) -> None:
    """Both have recovered from one cause, and the other alarm takes a little longer."""
    bench.cloud.lead("eni-a", "eni-a")
    bench.cloud.alarm(c="ALARM")
    bench.take(events.alarm("alarm-a", "OK"))
    bench.take(events.word(C, healthy=True))
    assert bench.cloud.unhealthy == []
