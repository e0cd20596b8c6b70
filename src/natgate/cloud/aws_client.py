"""Calls to AWS for an event loop: made in threads, and over for the caller at a deadline."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from natgate.cloud import aws_calls
from natgate.cloud.aws_calls import AwsError, Clients, Patience

CALLS = 8
"""Calls at once: as many routes as a take-over of a gateway usually has."""


class AwsClient:
    """Calls of one region, each with the same deadline; RefusedError without boto3."""

    def __init__(self, region: str, deadline: float, session: Any = None) -> None:  # noqa: ANN401 (a boto3 session)
        self._region = region
        self._deadline = deadline
        self._clients = Clients(region, deadline, session)
        self._threads = ThreadPoolExecutor(CALLS, thread_name_prefix="natgate-aws")
        self._closed = Event()

    def prepare(self, service: str) -> None:
        """Make a client now: reading what a service knows stops every other thread for a while."""
        self._clients(service)

    async def call(
        self, service: str, operation: str, resource: str = "", /, **parameters: object
    ) -> Mapping[str, Any]:
        """One call, made again while AWS throttles or fails, until the deadline; else AwsError.

        Nothing is begun any more once the caller has been told or has gone away.
        """
        action = f"{service}:{operation}"
        within = f" within {self._deadline:g} s"
        silence = aws_calls.unanswered(action, resource, within, self._region)
        over = Event()
        patience = Patience(
            deadline=time.monotonic() + self._deadline,
            sleep=over.wait,
            given_up=lambda: over.is_set() or self._closed.is_set(),
        )

        def act() -> Mapping[str, Any]:
            from botocore import xform_name  # noqa: PLC0415 (an extra)

            method = getattr(self._clients(service), xform_name(operation))
            if patience.given_up():  # in the queue, or while the client was made
                raise AwsError(silence)
            answer: Mapping[str, Any] = method(**parameters)
            return answer

        def work() -> Mapping[str, Any]:
            return aws_calls.call(action, resource, act, patience, silence)

        try:
            async with asyncio.timeout(self._deadline):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError:
            raise AwsError(silence, passing=True) from None
        finally:
            over.set()

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
        """Give the connections back; calls under way are not made again."""
        self._closed.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._clients.close()


def filters(**values: str | list[str]) -> list[dict[str, object]]:
    """Filters of a Describe call: `vpc_id="vpc-1"` is the filter vpc-id."""
    return [
        {
            "Name": name.replace("__", ".").replace("_", "-"),
            "Values": [v] if isinstance(v, str) else v,
        }
        for name, v in values.items()
    ]
