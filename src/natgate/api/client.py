"""Speaks to an agent over its Unix socket; the one module that knows the HTTP library."""

import errno
import socket
from pathlib import Path
from typing import Any

import httpx2

from natgate.model.error import AgentError, BugError, HostError, NatgateError, RefusedError


class _ReportedError(NatgateError):
    """A failure that the agent explained."""

    def __init__(self, message: str, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(message)


_ERRORS = {"RefusedError": RefusedError, "HostError": HostError, "BugError": BugError}


class AgentClient:
    """One agent; AgentError if it does not answer within `timeout` seconds."""

    def __init__(self, path: Path, timeout: float = 30.0) -> None:
        self._path = path
        self._timeout = timeout
        transport = httpx2.HTTPTransport(uds=str(path), verify=False)  # no TLS on a Unix socket
        self._http = httpx2.Client(transport=transport, base_url="http://agent", timeout=timeout)

    def present(self) -> bool:
        """Whether an agent holds the socket, even one that is stopped and does not answer."""
        try:
            self._knock()
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

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401
        self._knock()
        try:
            answer = self._http.request(method, path, json=body)
        except httpx2.TimeoutException:
            raise self._absent("it does not answer in time") from None
        except httpx2.HTTPError as error:
            raise self._absent(f"it broke off: {error}") from None
        try:
            content = answer.json()
        except ValueError:
            raise HostError(f"the agent failed: {answer.text[:200]}") from None
        if answer.is_success:
            return content
        kind, message = content.get("error"), content.get("message", answer.text)
        if kind in _ERRORS:
            raise _ERRORS[kind](message)
        raise _ReportedError(message, int(content.get("exit_code", 3)))

    def _knock(self) -> None:
        """Whether somebody listens; the HTTP library would leave a refused socket open."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.settimeout(self._timeout)
            try:
                door.connect(str(self._path))
            except TimeoutError:
                raise self._absent("it does not answer in time") from None
            except OSError as error:
                reason = "nobody listens" if error.errno != errno.EACCES else "run as root"
                raise self._absent(reason) from None

    def _absent(self, reason: str) -> AgentError:
        return AgentError(
            f"no agent at {self._path} ({reason}): start it (systemctl start natgate), "
            "or work without one: --once"
        )
