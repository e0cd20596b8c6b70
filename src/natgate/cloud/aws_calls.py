"""One call of an AWS API: tried again while that helps, and its failure in one sentence.

boto3 is imported when the first client is made, since a machine outside AWS does without it.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from http import HTTPStatus
from typing import Any, TypeVar

from natgate.model.error import HostError
from natgate.wire import aws_error

AnswerT = TypeVar("AnswerT")

FIRST_PAUSE, LAST_PAUSE = 0.1, 2.0
"""Seconds before the second try, at most, and before any later one; doubled each time."""

CONNECT, READ = 2.0, 4.0
"""Seconds that a connection and an answer may take at most."""

THREADS = 16
"""Calls at once."""

_UNABLE = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}
_AWAY = {"HTTPClientError", "ConnectionError"}
"""Names of botocore's classes for what happens before AWS answers."""


class CallError(HostError):
    """AWS refused a call, or did not answer; `code` is its word for it, empty if it gave none.

    `passing`: the same call may well succeed after a while.
    """

    def __init__(self, code: str, sentence: str, *, passing: bool = False) -> None:
        self.code = code
        self.passing = passing
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


def client_of(region: str) -> Callable[[str], Any]:
    """Gives the client of an API by its name, made when it is first asked for, in one thread.

    Each call of a client is tried once, by itself; HostError without boto3.
    """
    try:
        import boto3  # noqa: PLC0415 (absent on a machine outside AWS)
        from botocore.config import Config  # noqa: PLC0415
    except ImportError:
        raise HostError("steering aws needs boto3: pip install 'natgate[aws]'") from None
    config = Config(
        connect_timeout=CONNECT,
        read_timeout=READ,
        retries={"total_max_attempts": 1},
        max_pool_connections=THREADS,
        tcp_keepalive=True,
    )
    session = boto3.Session(region_name=region)
    return cache(partial(session.client, config=config))


def call(operation: str, resource: str, act: Callable[[], AnswerT], patience: Patience) -> AnswerT:
    """The answer of a call such as ec2:ReplaceRoute; a CallError if it fails for good.

    It is made at least once, and again after a random pause while its failure may pass.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            return act()
        except Exception as error:
            found = _failure(error, operation, resource)
            if found is None:
                raise
            wait = patience.jitter(pause / 2, pause)
            if not found.passing or wait >= patience.left:
                raise found from error
            patience.sleep(wait)
            pause = min(2 * pause, LAST_PAUSE)


def _failure(error: Exception, operation: str, resource: str) -> CallError | None:
    """What botocore's exception means; None if it is none of those."""
    service, _, name = operation.partition(":")
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        found = response.get("Error", {})
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        code, message = str(found.get("Code", status)), str(found.get("Message", ""))
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and aws_error.passing(code) is None:
            code = "ServiceUnavailable"
        sentence = aws_error.sentence(
            code=code, message=message, service=service, operation=name, resource=resource
        )
        return CallError(code, sentence, passing=aws_error.passing(code) is not None)
    names = {each.__name__ for each in type(error).__mro__}
    if names & _UNABLE:
        return CallError("", aws_error.NO_CREDENTIALS)
    if names & _AWAY:
        on = f" on {resource}" if resource else ""
        sentence = f"{operation}{on} had no answer: the endpoint of {service} is out of reach"
        return CallError("", sentence, passing=True)
    return None
