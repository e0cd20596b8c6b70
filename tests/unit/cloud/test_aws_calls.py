"""One call of an AWS API: tried again while that helps, within its deadline."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from natgate.cloud.aws_calls import FIRST_PAUSE, LAST_PAUSE, AwsError, Clients, Patience, call
from natgate.model.error import HostError


class RefusedCallError(Exception):
    """Made like botocore's ClientError."""

    def __init__(self, code: str, status: int = 400) -> None:
        self.response = {
            "Error": {"Code": code, "Message": "why"},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }
        super().__init__(code)


class ConnectionError(Exception):  # noqa: A001 (botocore calls it so)
    """Made like botocore's parent of all that happens before an answer."""


class EndpointConnectionError(ConnectionError):
    """Made like botocore's."""


class NoCredentialsError(Exception):
    """Made like botocore's."""


class BotoCoreError(Exception):
    """Made like botocore's parent of all its own mistakes."""


class ParamValidationError(BotoCoreError):
    """Made like botocore's."""


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self, deadline: float) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self.patience = Patience(
            deadline=deadline,
            clock=lambda: self.now,
            sleep=self._sleep,
            jitter=lambda _, high: high,
        )

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class Session:
    """Makes clients; `most` is how many it was asked for at once."""

    def __init__(self) -> None:
        self.made = self.now = self.most = 0

    def client(self, service: str, *, region_name: str, config: object) -> str:
        """What boto3 would make; others get to run meanwhile."""
        del config
        self.now += 1
        self.most = max(self.most, self.now)
        time.sleep(0.01)
        self.made += 1
        self.now -= 1
        return f"{service} in {region_name}"


def _failing(error: Exception, times: int) -> Callable[[], str]:
    """A call that fails so often."""
    left = [times]

    def act() -> str:
        if left[0]:
            left[0] -= 1
            raise error
        return "done"

    return act


def test_an_answer_is_given_back() -> None:
    """At once, even after the deadline: each call is made once at least."""
    clock = Clock(deadline=-1)
    assert call("ec2:ReplaceRoute", "rtb-1", _failing(KeyError(), 0), clock.patience) == "done"


@pytest.mark.parametrize(
    "error",
    [
        RefusedCallError("RequestLimitExceeded", 503),
        RefusedCallError("Strange", 502),
        EndpointConnectionError(),
    ],
)
def test_what_may_pass_is_tried_with_longer_and_longer_pauses(error: Exception) -> None:
    """Twice as long each time, up to a bound."""
    clock = Clock(deadline=60)
    assert call("ec2:ReplaceRoute", "rtb-1", _failing(error, 7), clock.patience) == "done"
    assert clock.waits == [min(FIRST_PAUSE * 2**n, LAST_PAUSE) for n in range(7)]


def test_no_pause_goes_beyond_the_deadline() -> None:
    """The last failure is what is said."""
    clock = Clock(deadline=1)
    act = _failing(RefusedCallError("Throttling"), 99)
    with pytest.raises(AwsError, match="AWS throttled ec2:ReplaceRoute on rtb-1") as caught:
        call("ec2:ReplaceRoute", "rtb-1", act, clock.patience)
    assert (caught.value.code, caught.value.passing) == ("Throttling", True)
    assert clock.now < 1


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (RefusedCallError("UnauthorizedOperation", 403), "UnauthorizedOperation", "not authorised"),
        (RefusedCallError("RouteAlreadyExists"), "RouteAlreadyExists", "why"),
        (NoCredentialsError(), "", "no AWS credentials are there"),
        (ParamValidationError(), "", "ec2:CreateRoute was not called: ParamValidationError"),
    ],
)
def test_what_does_not_pass_is_said_at_once(error: Exception, code: str, sentence: str) -> None:
    """With AWS's own code for it."""
    clock = Clock(deadline=60)
    with pytest.raises(HostError, match=sentence) as caught:
        call("ec2:CreateRoute", "rtb-1", _failing(error, 99), clock.patience)
    assert isinstance(caught.value, AwsError)
    assert (caught.value.code, clock.waits) == (code, [])
    assert caught.value.__suppress_context__


def test_what_never_answers_is_out_of_reach() -> None:
    """The sentence names the call and the service."""
    act = _failing(EndpointConnectionError(), 99)
    with pytest.raises(AwsError, match="ec2:DescribeInstances had no answer: the endpoint of ec2"):
        call("ec2:DescribeInstances", "", act, Clock(deadline=3).patience)


def test_a_caller_may_know_more_of_a_silence() -> None:
    """Then it is said in the caller's words."""
    act = _failing(EndpointConnectionError(), 99)
    with pytest.raises(AwsError, match="nobody there") as caught:
        call("ec2:DescribeInstances", "", act, Clock(deadline=3).patience, "nobody there")
    assert caught.value.passing


@pytest.mark.parametrize("late", [True, False])
def test_a_pause_that_ends_too_late_is_the_end(late: bool) -> None:  # noqa: FBT001 (a parameter)
    """The deadline has passed meanwhile, or nobody waits any more."""
    tries: list[int] = []
    slept: list[float] = []

    def act() -> None:
        tries.append(1)
        raise EndpointConnectionError

    patience = Patience(
        deadline=60,
        clock=lambda: 61 if late and slept else 0,
        sleep=slept.append,
        given_up=lambda: bool(slept) and not late,
    )
    with pytest.raises(AwsError, match="had no answer"):
        call("ec2:DescribeInstances", "", act, patience)
    assert (len(tries), len(slept)) == (1, 1)


def test_clients_are_made_once_by_however_many_threads() -> None:
    """One at a time: a session is not for several threads."""
    session = Session()
    clients = Clients("ap-northeast-1", session=session)
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(clients, 20 * ["ec2", "events"]))
    assert made == {"ec2 in ap-northeast-1", "events in ap-northeast-1"}
    assert (session.made, session.most) == (2, 1)


def test_a_mistake_of_ours_is_not_hidden() -> None:
    """It is no failure of AWS."""
    with pytest.raises(KeyError):
        call("ec2:ReplaceRoute", "rtb-1", _failing(KeyError("x"), 1), Clock(deadline=60).patience)
