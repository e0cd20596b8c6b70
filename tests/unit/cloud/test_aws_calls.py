"""One call of an AWS API: tried again while that helps, within its deadline."""

from collections.abc import Callable

import pytest

from natgate.cloud.aws_calls import FIRST_PAUSE, LAST_PAUSE, CallError, Patience, call
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
    with pytest.raises(CallError, match="AWS throttled ec2:ReplaceRoute on rtb-1") as caught:
        call("ec2:ReplaceRoute", "rtb-1", act, clock.patience)
    assert (caught.value.code, caught.value.passing) == ("Throttling", True)
    assert clock.now < 1


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (RefusedCallError("UnauthorizedOperation", 403), "UnauthorizedOperation", "not authorised"),
        (RefusedCallError("RouteAlreadyExists"), "RouteAlreadyExists", "why"),
        (NoCredentialsError(), "", "no AWS credentials are there"),
    ],
)
def test_what_does_not_pass_is_said_at_once(error: Exception, code: str, sentence: str) -> None:
    """With AWS's own code for it."""
    clock = Clock(deadline=60)
    with pytest.raises(HostError, match=sentence) as caught:
        call("ec2:CreateRoute", "rtb-1", _failing(error, 99), clock.patience)
    assert isinstance(caught.value, CallError)
    assert (caught.value.code, clock.waits) == (code, [])


def test_what_never_answers_is_out_of_reach() -> None:
    """The sentence names the call and the service."""
    act = _failing(EndpointConnectionError(), 99)
    with pytest.raises(CallError, match="ec2:DescribeInstances had no answer: the endpoint of ec2"):
        call("ec2:DescribeInstances", "", act, Clock(deadline=3).patience)


def test_a_mistake_of_ours_is_not_hidden() -> None:
    """It is no failure of AWS."""
    with pytest.raises(KeyError):
        call("ec2:ReplaceRoute", "rtb-1", _failing(KeyError("x"), 1), Clock(deadline=60).patience)
