"""One call of an AWS API: tried again while that helps, and its failure in one sentence.

boto3 is imported when clients are first wanted, since a machine outside AWS does without it. The
endpoint and the credentials are those of boto3's own environment, or of the instance's role.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from math import inf
from threading import Lock
from typing import Any, TypeVar

from natgate.model.error import HostError, RefusedError
from natgate.wire import aws_error

AnswerT = TypeVar("AnswerT")

FIRST_PAUSE, LAST_PAUSE = 0.1, 2.0
"""Seconds before the second try, at most, and before any later one; doubled each time."""

CONNECT, READ = 2.0, 4.0
"""Seconds that a connection and an answer may take at most; less under a short deadline."""

THREADS = 16
"""Calls at once."""

_UNABLE = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}
_AWAY = {"HTTPClientError", "ConnectionError"}
_ANY = "BotoCoreError"
"""Names of botocore's classes for what happens before AWS answers; the last is above them all."""


class AwsError(HostError):
    """AWS refused a call, or did not answer; `code` is its word for it, empty if it gave none.

    `passing`: the same call may well succeed after a while.
    """

    def __init__(self, sentence: str, code: str = "", *, passing: bool = False) -> None:
        self.code = code
        self.passing = passing
        super().__init__(sentence)


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long calls are tried again: until `deadline`, by `clock`, in seconds.

    And only while nobody has `given_up`: that may be said from another thread, and in a pause.
    """

    deadline: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    jitter: Callable[[float, float], float] = random.uniform
    given_up: Callable[[], bool] = _never

    @property
    def left(self) -> float:
        """Seconds until the deadline; none once it is given up."""
        return -inf if self.given_up() else self.deadline - self.clock()


class Clients:
    """The clients of a region's APIs by their names, each made when it is first asked for.

    Any thread may ask. A call of a client is tried once, by itself, in less than `deadline` seconds;
    RefusedError without boto3.
    """

    def __init__(self, region: str, deadline: float = inf, session: Any = None) -> None:  # noqa: ANN401 (a boto3 session)
        self._region = region
        self._session = session if session is not None else _new_session(region)
        self._config = _config(deadline)
        self._made: dict[str, Any] = {}
        self._making = Lock()

    def __call__(self, service: str) -> Any:  # noqa: ANN401 (boto3 makes its classes at run time)
        """The client of an API such as ec2."""
        with self._making:  # a session is not for several threads, the clients are
            if service not in self._made:
                self._made[service] = _usable(
                    lambda: self._session.client(
                        service, region_name=self._region, config=self._config
                    )
                )
            return self._made[service]

    def close(self) -> None:
        """Give the connections back."""
        for client in tuple(self._made.values()):
            client.close()


def call(
    operation: str,
    resource: str,
    act: Callable[[], AnswerT],
    patience: Patience,
    silence: str | None = None,
) -> AnswerT:
    """The answer of a call such as ec2:ReplaceRoute; an AwsError if it fails for good.

    It is made at least once, and again after a random pause while its failure may pass. `silence`
    says that nobody answered, if the caller knows more of that.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            return act()
        except Exception as error:
            found = _failure(error, operation, resource, silence)
            if found is None:
                raise
        wait = patience.jitter(pause / 2, pause)
        if not found.passing or wait >= patience.left:
            raise found from None  # what botocore raised may hold a token
        patience.sleep(wait)
        if patience.left <= 0:
            raise found from None
        pause = min(2 * pause, LAST_PAUSE)


def unanswered(operation: str, resource: str, within: str = "", region: str = "") -> str:
    """Says that a call had no answer, and where to look."""
    on = f" on {resource}" if resource else ""
    service = operation.partition(":")[0]
    return (
        f"{operation}{on} had no answer{within}: the endpoint of {service}"
        f"{f' in {region}' if region else ''} is out of reach; look at the way to it (a VPC endpoint)"
    )


def _failure(
    error: Exception, operation: str, resource: str, silence: str | None
) -> AwsError | None:
    """What botocore's exception means; None if it is none of those."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return _refusal(response, operation, resource)
    names = {each.__name__ for each in type(error).__mro__}
    if names & _UNABLE:
        return AwsError(aws_error.NO_CREDENTIALS)
    if names & _AWAY:
        return AwsError(silence or unanswered(operation, resource), passing=True)
    if _ANY in names:
        return AwsError(f"{operation} was not called: {type(error).__name__}")
    return None


def _refusal(response: dict[str, Any], operation: str, resource: str) -> AwsError:
    """What AWS answered in place of what was asked for."""
    found = response.get("Error", {})
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code, message = str(found.get("Code", status)), str(found.get("Message", ""))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and aws_error.passing(code) is None:
        code = "ServiceUnavailable"
    service, _, name = operation.partition(":")
    sentence = aws_error.sentence(
        code=code, message=message, service=service, operation=name, resource=resource
    )
    return AwsError(sentence, code, passing=aws_error.passing(code) is not None)


def _new_session(region: str) -> Any:  # noqa: ANN401 (boto3 may be absent)
    try:
        import boto3  # noqa: PLC0415 (absent on a machine outside AWS)
        import botocore.session  # noqa: PLC0415 (the same)
    except ImportError:
        raise RefusedError("steering aws needs boto3: pip install 'natgate[aws]'") from None
    core = botocore.session.get_session()
    core.register_component("data_loader", _loader())
    return _usable(lambda: boto3.Session(botocore_session=core, region_name=region))


def _usable(make: Callable[[], AnswerT]) -> AnswerT:
    """What boto3 makes of its environment and its files; RefusedError where they are wrong."""
    try:
        return make()
    except Exception as error:
        names = {each.__name__ for each in type(error).__mro__}
        if names & _UNABLE:
            raise AwsError(aws_error.NO_CREDENTIALS) from None
        if not names & {_ANY, "ValueError"}:
            raise
        why = aws_error.harmless(str(error))
    raise RefusedError(f"boto3 cannot use its settings: {why}; see the variables AWS_* and ~/.aws")


@cache
def _loader() -> Any:  # noqa: ANN401 (boto3 may be absent)
    """One for all sessions: it keeps what it has read of EC2, which takes 0.2 s and much memory."""
    from botocore.loaders import create_loader  # noqa: PLC0415 (absent on a machine outside AWS)

    return create_loader()


def _config(deadline: float) -> Any:  # noqa: ANN401 (boto3 may be absent)
    from botocore.config import Config  # noqa: PLC0415 (absent on a machine outside AWS)

    return Config(
        connect_timeout=min(CONNECT, deadline / 4),
        read_timeout=min(READ, deadline / 2),
        retries={"total_max_attempts": 1},
        max_pool_connections=THREADS,
        tcp_keepalive=True,
    )
