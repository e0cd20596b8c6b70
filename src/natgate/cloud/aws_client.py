"""Calls to AWS through boto3: in threads, within a deadline, with errors in words.

The endpoint and the credentials are those of boto3's own environment, or of the instance's role.
"""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from random import SystemRandom
from threading import Lock
from typing import Any

from natgate.model.error import HostError, RefusedError
from natgate.wire import aws_error

CALLS = 8
"""Calls at once: as many routes as a take-over of a gateway usually has."""

FIRST_PAUSE, LAST_PAUSE = 0.2, 2.0
"""Seconds before a call is made again: doubled each time, and made up to twice as short by chance."""

CONNECT, READ = 2.0, 5.0
"""Seconds that a connection and an answer may take at most; less under a short deadline."""

_RANDOM = SystemRandom()


class AwsError(HostError):
    """A call that AWS refused or did not answer; `code` is AWS's own, empty where it gave none."""

    def __init__(self, sentence: str, code: str = "") -> None:
        super().__init__(sentence)
        self.code = code


class AwsClient:
    """Clients of one region, each made when it is first used; RefusedError without boto3."""

    def __init__(self, region: str, deadline: float, session: Any = None) -> None:  # noqa: ANN401 (a boto3 session)
        self._region = region
        self._deadline = deadline
        self._session = session if session is not None else _new_session(region)
        self._clients: dict[str, Any] = {}
        self._making = Lock()
        self._threads = ThreadPoolExecutor(CALLS, thread_name_prefix="natgate-aws")

    def prepare(self, service: str) -> None:
        """Make a client now: reading what a service knows stops every other thread for a while."""
        self._client(service)

    async def call(
        self, service: str, operation: str, resource: str = "", /, **parameters: object
    ) -> Mapping[str, Any]:
        """One call, made again while AWS throttles or fails, until the deadline; else AwsError."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._deadline
        pause = FIRST_PAUSE
        while True:
            work = loop.run_in_executor(
                self._threads, self._try, service, operation, resource, parameters
            )
            try:
                async with asyncio.timeout_at(end):
                    return await work
            except TimeoutError:
                raise AwsError(self._late(service, operation, resource)) from None
            except _PassingError as error:
                wait = pause * (1 - _RANDOM.random() / 2)
                if loop.time() + wait >= end:
                    raise AwsError(str(error), error.code) from None
            await asyncio.sleep(wait)
            pause = min(2 * pause, LAST_PAUSE)

    async def pages(
        self, service: str, operation: str, list_name: str, /, **parameters: object
    ) -> Mapping[str, list[Any]]:
        """The whole of a list that AWS gives in pages."""
        found: list[Any] = []
        more: dict[str, object] = {}
        while True:
            answer = await self.call(service, operation, **parameters, **more)
            found += answer[list_name]
            if not answer.get("NextToken"):
                return {list_name: found}
            more = {"NextToken": answer["NextToken"]}

    def close(self) -> None:
        """Give the connections back; calls under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for client in self._clients.values():
            client.close()

    def _try(
        self, service: str, operation: str, resource: str, parameters: Mapping[str, object]
    ) -> Mapping[str, Any]:
        """In a thread: one attempt, whose failure is an AwsError or worth another attempt."""
        from botocore import exceptions, xform_name  # noqa: PLC0415 (an extra)

        try:
            method = getattr(self._client(service), xform_name(operation))
            answer: Mapping[str, Any] = method(**parameters)
        except exceptions.ClientError as error:
            code = error.response["Error"].get("Code", "")
            message = error.response["Error"].get("Message", "")
            told = aws_error.sentence(
                code=code, message=message, service=service, operation=operation, resource=resource
            )
            if aws_error.passing(code) is not None:
                raise _PassingError(told, code) from None
            raise AwsError(told, code) from None
        except (
            exceptions.NoCredentialsError,
            exceptions.PartialCredentialsError,
            exceptions.CredentialRetrievalError,
        ):
            raise AwsError(aws_error.NO_CREDENTIALS) from None
        except (exceptions.ConnectionError, exceptions.HTTPClientError):
            raise _PassingError(self._late(service, operation, resource)) from None
        except exceptions.BotoCoreError as error:
            kind = type(error).__name__
            raise AwsError(f"{service}:{operation} was not called: {kind}") from None
        return answer

    def _client(self, service: str) -> Any:  # noqa: ANN401 (boto3 makes its classes at run time)
        with self._making:  # a session is not for several threads, the clients are
            if service not in self._clients:
                self._clients[service] = self._session.client(service, config=self._config())
            return self._clients[service]

    def _config(self) -> Any:  # noqa: ANN401 (an extra)
        from botocore.config import Config  # noqa: PLC0415 (an extra)

        return Config(
            region_name=self._region,
            connect_timeout=min(CONNECT, self._deadline / 4),
            read_timeout=min(READ, self._deadline / 2),
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=CALLS,
        )

    def _late(self, service: str, operation: str, resource: str) -> str:
        on = f" on {resource}" if resource else ""
        return (
            f"{service}:{operation}{on} had no answer within {self._deadline:g} s: the endpoint of "
            f"{service} in {self._region} is out of reach; look at the way to it (a VPC endpoint)"
        )


class _PassingError(Exception):
    """A failure that may be over after a while."""

    def __init__(self, sentence: str, code: str = "") -> None:
        super().__init__(sentence)
        self.code = code


def _new_session(region: str) -> Any:  # noqa: ANN401 (an extra)
    try:
        import boto3  # noqa: PLC0415 (an extra)
        import botocore.session  # noqa: PLC0415 (the same)
    except ImportError:
        raise RefusedError("steering aws needs boto3: pip install 'natgate[aws]'") from None
    core = botocore.session.get_session()
    core.register_component("data_loader", _loader())
    return boto3.Session(botocore_session=core, region_name=region)


@cache
def _loader() -> Any:  # noqa: ANN401 (an extra)
    """One for all sessions: it keeps what it has read of EC2, which takes 0.2 s and much memory."""
    from botocore.loaders import create_loader  # noqa: PLC0415 (an extra)

    return create_loader()


def filters(**values: str | list[str]) -> list[dict[str, object]]:
    """Filters of a Describe call: `vpc_id="vpc-1"` is the filter vpc-id."""
    return [
        {
            "Name": name.replace("__", ".").replace("_", "-"),
            "Values": [v] if isinstance(v, str) else v,
        }
        for name, v in values.items()
    ]
