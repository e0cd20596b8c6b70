"""One call of an AWS API: tried again while that helps, and its failure in one sentence.

boto3 is imported when the first client is made, since a machine outside AWS does without it.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from natgate.model.error import HostError

AnswerT = TypeVar("AnswerT")

FIRST_PAUSE, LAST_PAUSE = 0.1, 2.0
"""Seconds before the second try, at most, and before any later one; doubled each time."""

THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
PASSING = THROTTLED | {
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "Unavailable",
    "no connection",
}
"""Codes after which the same call may well succeed."""

FORBIDDEN = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
NO_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "no credentials",
    }
)

_UNABLE = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}
_AWAY = {"HTTPClientError", "ConnectionError"}
"""Names of botocore's classes for what happens before AWS answers."""


class CallError(HostError):
    """AWS refused a call, or did not answer; `code` is its word for it, or one of ours."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        super().__init__(sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long calls are tried again: until `deadline`, by `clock`, in seconds."""

    deadline: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[float, float], float] = random.uniform

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - self.clock()


def clients(region: str) -> Mapping[str, Any]:
    """A client for each API that the referee calls; each call is tried once, by itself."""
    try:
        import boto3  # noqa: PLC0415 (absent on a machine outside AWS)
        from botocore.config import Config  # noqa: PLC0415
    except ImportError:
        raise HostError("steering aws needs boto3: pip install 'natgate[aws]'") from None
    config = Config(
        connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}, tcp_keepalive=True
    )
    session = boto3.Session(region_name=region)
    names = ("ec2", "cloudwatch", "autoscaling")
    return {name: session.client(name, config=config) for name in names}


def call(what: str, act: Callable[[], AnswerT], patience: Patience) -> AnswerT:
    """The answer of a call; a CallError that begins with `what` if it fails for good.

    It is made at least once, and again after a random pause while its failure may pass.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            return act()
        except Exception as error:
            code, message = _said(error)
            if code is None:
                raise
            if code not in PASSING:
                raise CallError(code, _sentence(what, code, message)) from error
            wait = patience.jitter(pause / 2, pause)
            if wait >= patience.left:
                raise CallError(code, _sentence(what, code, message)) from error
            patience.sleep(wait)
            pause = min(2 * pause, LAST_PAUSE)


def _said(error: Exception) -> tuple[str | None, str]:
    """The code and the message of botocore's exception; no code if it is none of those."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        found = response.get("Error", {})
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code, message = str(found.get("Code", status)), str(found.get("Message", ""))
        known = code in PASSING or status < 500  # noqa: PLR2004 (HTTP: the server failed)
        return code if known else "ServiceUnavailable", message
    names = {each.__name__ for each in type(error).__mro__}
    if names & _UNABLE:
        return "no credentials", str(error)
    return ("no connection" if names & _AWAY else None), str(error)


def _sentence(what: str, code: str, message: str) -> str:
    """What failed, why, and the way out; without the long encoded reason that EC2 adds."""
    said = message.partition(" Encoded authorization failure message")[0].strip().rstrip(".")
    if code in FORBIDDEN:
        return f"{what}: the role in use may not do this ({code}); allow it in the role's policy"
    if code in NO_CREDENTIALS:
        return f"{what}: AWS does not take the credentials in use ({code}: {said}); renew them"
    if code in THROTTLED:
        return f"{what}: AWS takes no more calls for now ({code}), until the deadline"
    return f"{what}: {said or 'AWS did not say why'} ({code})"
