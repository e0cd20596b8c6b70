"""The event bus of a lab's cloud: everything that happens is told to one listener."""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from natgate.lab.ec2 import events
from natgate.lab.ec2.call import Answer, Call
from natgate.lab.ec2.events import Event, Stamp

Listener = Callable[[Event], None]


class Bus:
    """Makes events and hands them on, and is PutEvents of EventBridge."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._listener: Listener = lambda _: None
        self.actions = {"PutEvents": self.put}

    def listen(self, listener: Listener) -> None:
        """Tell everything from now on."""
        self._listener = listener

    def state(self, instance: str, state: str) -> None:
        """An instance is in another state."""
        self._listener(events.state_change(self._stamp(), instance, state))

    def launched(self, group: str, instance: str, zone: str, subnet: str) -> None:
        """An instance is in service."""
        self._listener(events.launched(self._stamp(), group, instance, zone, subnet))

    def alarm(
        self, name: str, before: str, state: str, reason: str, metric: Mapping[str, object]
    ) -> None:
        """An alarm is in another state."""
        self._listener(events.alarm_change(self._stamp(), name, before, state, reason, metric))

    def tick(self) -> None:
        """The schedule's time has come."""
        self._listener(events.tick(self._stamp()))

    def put(self, call: Call) -> Answer:
        """Entries of the caller's own sources; those of AWS are not the caller's to write."""
        results: list[dict[str, str]] = []
        for entry in json.loads(call.body or b"{}").get("Entries", []):
            stamp = self._stamp()
            problem = _problem(entry)
            if problem is None:
                self._listener(events.put(stamp, entry))
                results.append({"EventId": stamp.id})
            else:
                results.append({"ErrorCode": problem[0], "ErrorMessage": problem[1]})
        failed = sum(1 for each in results if "ErrorCode" in each)
        body = json.dumps({"FailedEntryCount": failed, "Entries": results}).encode()
        headers = (("Content-Type", "application/x-amz-json-1.1"),)
        return Answer(status=200, headers=headers, body=body)

    def _stamp(self) -> Stamp:
        when = datetime.fromtimestamp(time.time(), UTC)
        return Stamp(id=str(uuid.uuid4()), time=when, region=self._region)


def _problem(entry: Mapping[str, object]) -> tuple[str, str] | None:
    """Why AWS would not take an entry; None if it would."""
    if str(entry.get("Source", "")).startswith("aws."):
        return "NotAuthorizedForSourceException", "Not authorized for the source."
    try:
        good = isinstance(json.loads(str(entry.get("Detail", ""))), dict)
    except ValueError:
        good = False
    return None if good else ("MalformedDetail", "Detail is malformed.")
