"""Speaks to an agent over its Unix socket; the one module that knows HTTP from this side."""

import errno
import json
import socket
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from natgate.model.error import AgentError, BugError, HostError, NatgateError, RefusedError


class _ReportedError(NatgateError):
    """A failure that the agent explained."""

    def __init__(self, message: str, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(message)


_ERRORS = {"RefusedError": RefusedError, "HostError": HostError, "BugError": BugError}


class AgentClient:
    """One agent; AgentError if it does not answer within `timeout` seconds.

    `without`: the options with which the command works if there is none.
    """

    def __init__(self, path: Path, timeout: float = 30.0, *, without: str = "--once") -> None:
        self._path = path
        self._without = without
        self._timeout = timeout

    def present(self) -> bool:
        """Whether an agent holds the socket, even one that is stopped and does not answer."""
        try:
            self._knock().close()
        except AgentError:
            return False
        return True

    def status(self) -> dict[str, Any]:
        """Who is active, which nodes are healthy, all warnings."""
        return dict(self._ask("GET", "/v1/status"))

    def spec(self) -> dict[str, Any]:
        """The spec in force: generation, digest, text."""
        return dict(self._ask("GET", "/v1/spec"))

    def entries(self) -> list[dict[str, Any]]:
        """Every entry with its counts."""
        return list(self._ask("GET", "/v1/entries"))

    def blocks(self) -> list[dict[str, Any]]:
        """The block of ports of each host that has one."""
        return list(self._ask("GET", "/v1/blocks"))

    def counters(self) -> dict[str, int]:
        """Packets per named counter and per entry."""
        return dict(self._ask("GET", "/v1/counters"))

    def flow_bounds(self) -> dict[str, Any]:
        """Where the ranges of the spec begin, and who carries which ports."""
        return dict(self._ask("GET", "/v1/flows/bounds"))

    def flow_entries(self, asked: list[tuple[int, int, int, int]]) -> list[dict[str, Any]]:
        """The entry for each protocol, source, destination and destination port."""
        return list(self._ask("POST", "/v1/flows/entries", {"flows": asked}))

    def metrics(self) -> list[dict[str, Any]]:
        """Every metric with its samples."""
        return list(self._ask("GET", "/v1/metrics"))

    def plan(self, text: str, source: str) -> dict[str, Any]:
        """The changes that `apply` would make."""
        return dict(self._ask("POST", "/v1/plan", {"text": text, "source": source}))

    def apply(
        self, text: str, source: str, *, force_deletion: bool = False, end_flows: bool = False
    ) -> dict[str, Any]:
        """Bring a spec into force; `force_deletion`: also delete gateways that have entries.

        `end_flows`: end the open flows that it would translate otherwise.
        """
        body = {"text": text, "source": source}
        wishes = {"force_deletion": force_deletion, "end_flows": end_flows}
        return dict(self._ask("POST", "/v1/apply", {**body, **wishes}))

    def add_entry(self, gateway: str, kind: str, entry: object) -> dict[str, Any]:
        """Add an entry to a gateway of this node."""
        return dict(self._ask("POST", f"/v1/gateways/{gateway}/{kind}", entry))

    def remove_entry(self, gateway: str, name: str) -> dict[str, Any]:
        """Remove an entry from a gateway of this node."""
        return dict(self._ask("DELETE", f"/v1/gateways/{gateway}/entries/{name}"))

    def plan_failover(self, to: str | None, gateway: str | None) -> list[dict[str, Any]]:
        """What `failover` would do."""
        return list(self._ask("POST", "/v1/failover/plan", {"to": to, "gateway": gateway}))

    def failover(self, to: str | None, gateway: str | None) -> list[dict[str, Any]]:
        """Move shares to a node, or home."""
        return list(self._ask("POST", "/v1/failover", {"to": to, "gateway": gateway}))

    def failovers(self) -> list[dict[str, Any]]:
        """The journal, the latest first."""
        return list(self._ask("GET", "/v1/failovers"))

    def drain(self, node: str, *, on: bool) -> dict[str, Any]:
        """Ask that a node carry nothing, or no longer ask it."""
        return dict(self._ask("POST", "/v1/drain", {"node": node, "on": on}))

    def maintenance(self, *, on: bool) -> dict[str, Any]:
        """Suspend failovers that happen by themselves."""
        return dict(self._ask("POST", "/v1/maintenance", {"on": on}))

    def remove(self) -> dict[str, Any]:
        """Take away all that natgate made."""
        return dict(self._ask("POST", "/v1/remove"))

    def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401
        code, text = self._answer(method, path, body)
        try:
            content = json.loads(text)
        except ValueError:
            raise HostError(f"the agent failed: {text[:200]}") from None
        if code < HTTPStatus.MULTIPLE_CHOICES:
            return content
        kind, message = content.get("error"), content.get("message", text)
        if kind in _ERRORS:
            raise _ERRORS[kind](message)
        raise _ReportedError(message, int(content.get("exit_code", 3)))

    def _answer(self, method: str, path: str, body: object) -> tuple[int, str]:
        """Status and text of one answer, over a connection of its own."""
        with self._knock() as door:
            http = HTTPConnection("agent")
            http.sock = door
            data = None if body is None else json.dumps(body).encode()
            head = {"Content-Type": "application/json", "Connection": "close"}
            try:
                http.request(method, path, data, head)
                answer = http.getresponse()
                return answer.status, answer.read().decode(errors="replace")
            except TimeoutError:
                raise self._absent("it does not answer in time") from None
            except (HTTPException, OSError) as error:
                raise self._absent(f"it broke off: {error}") from None
            finally:
                http.close()

    def _knock(self) -> socket.socket:
        """The agent's door, if somebody opens it."""
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        door.settimeout(self._timeout)
        try:
            door.connect(str(self._path))
        except OSError as error:
            door.close()
            if isinstance(error, TimeoutError):
                raise self._absent("it does not answer in time") from None
            reason = "nobody listens" if error.errno != errno.EACCES else "run as root"
            raise self._absent(reason) from None
        return door

    def _absent(self, reason: str) -> AgentError:
        return AgentError(
            f"no agent at {self._path} ({reason}): start it (systemctl start natgate), "
            f"or work without one: {self._without}"
        )
