"""Faults of the API: throttled, refused, slow, stale, or without valid credentials."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from natgate.lab.ec2.call import Answer, Call, RefusalError
from natgate.model.error import RefusedError

THROTTLE, SLOW, STALE, REFUSE = "throttle", "slow", "stale", "refuse"
NO_CREDENTIALS, HEAL = "no-credentials", "heal"
KINDS = (THROTTLE, REFUSE, SLOW, STALE, NO_CREDENTIALS, HEAL)


@dataclass(slots=True)
class Past:
    """What was answered to which question until a time; the present has no end yet."""

    until: float
    answers: dict[bytes, Answer] = field(default_factory=dict)


class ApiFaults:
    """The gate before the API, which faults close; `table_names` are ids by name."""

    def __init__(self, table_names: Callable[[], Mapping[str, str]]) -> None:
        self._names = table_names
        self._lock = threading.Lock()
        self.heal()

    def heal(self) -> None:
        """No fault any more."""
        self._throttled_until = self._slow = self._stale = 0.0
        self._refused: frozenset[str] = frozenset()
        self._denied = False
        self._asked: dict[bytes, Call] = {}
        self._pasts: list[Past] = []

    def set(self, kind: str, argument: str) -> str:
        """Inject a fault; a sentence that says what holds now, RefusedError if it cannot be."""
        if kind not in KINDS:
            raise RefusedError(
                f"no fault of the API is called {kind}; there are {', '.join(KINDS)}"
            )
        if kind == HEAL:
            self.heal()
            return "the API answers as it should"
        if kind == NO_CREDENTIALS:
            self._denied = True
            return "the API accepts no credentials"
        if kind == REFUSE:
            table = self._names().get(argument, argument)
            self._refused |= {table}
            return f"the API refuses to change routes of {argument} ({table})"
        return self._timed(kind, _number(kind, argument))

    def _timed(self, kind: str, value: float) -> str:
        if kind == THROTTLE:
            self._throttled_until = time.monotonic() + value
            return f"the API throttles every call for {value:g} s"
        if kind == SLOW:
            self._slow = value / 1000
            return f"the API answers after {value:g} ms"
        self._stale = value
        return f"the API describes what was {value:g} s ago"

    def before(self, call: Call) -> None:
        """Wait or refuse."""
        if self._slow:
            time.sleep(self._slow)
        ec2 = call.service == "ec2"
        if self._denied:
            code = "AuthFailure" if ec2 else "InvalidClientTokenId"
            raise RefusalError(
                code,
                "AWS was not able to validate the provided access credentials",
                401 if ec2 else 403,
            )
        if time.monotonic() < self._throttled_until:
            code = "RequestLimitExceeded" if ec2 else "Throttling"
            raise RefusalError(code, "Request limit exceeded.", 503 if ec2 else 400)
        if call.changes and call.get("RouteTableId") in self._refused:
            raise RefusalError(
                "UnauthorizedOperation",
                "You are not authorized to perform this operation. User: "
                "arn:aws:sts::123456789012:assumed-role/natgate-node is not authorized to perform: "
                f"ec2:{call.action} on resource: arn:aws:ec2:{call.region}:123456789012:route-table/"
                f"{call.get('RouteTableId')}",
                403,
            )

    def shown(self, call: Call, ask: Callable[[Call], Answer]) -> Answer:
        """The answer, or the one that was true as long ago as the fault says."""
        found = ask(call)
        if not self._stale or call.service != "ec2":
            return found
        self._asked[call.encoded()] = call
        then = time.monotonic() - self._stale
        for past in self._pasts:
            if past.until > then and call.encoded() in past.answers:
                return past.answers[call.encoded()]
        return found

    def changing(self, ask: Callable[[Call], Answer]) -> None:
        """Keep what every question asked so far is answered with, before it changes."""
        if self._stale:
            answers = {key: ask(call) for key, call in self._asked.items()}
            self._pasts.append(Past(time.monotonic(), answers))
            del self._pasts[:-100]


def _number(kind: str, argument: str) -> float:
    try:
        return float(argument)
    except ValueError:
        unit = "milliseconds" if kind == SLOW else "seconds"
        raise RefusedError(f"{kind} needs a number of {unit}") from None
