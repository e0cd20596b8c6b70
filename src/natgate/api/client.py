"""Speaks to an agent over its Unix socket; the one module that knows the HTTP library."""

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

    def __init__(self, socket: Path, timeout: float = 30.0) -> None:
        self._path = socket
        transport = httpx2.HTTPTransport(uds=str(socket))
        self._http = httpx2.Client(transport=transport, base_url="http://agent", timeout=timeout)

    def status(self) -> dict[str, Any]:
        """Who is active, which nodes are healthy, all warnings."""
        return dict(self._ask("GET", "/v1/status"))

    def spec(self) -> dict[str, Any]:
        """The spec in force: generation, digest, text."""
        return dict(self._ask("GET", "/v1/spec"))

    def entries(self) -> list[dict[str, Any]]:
        """Every entry with its counts."""
        return list(self._ask("GET", "/v1/entries"))

    def counters(self) -> dict[str, int]:
        """Packets per named counter and per entry."""
        return dict(self._ask("GET", "/v1/counters"))

    def plan(self, text: str, source: str) -> dict[str, Any]:
        """The changes that `apply` would make."""
        return dict(self._ask("POST", "/v1/plan", {"text": text, "source": source}))

    def apply(self, text: str, source: str) -> dict[str, Any]:
        """Bring a spec into force."""
        return dict(self._ask("POST", "/v1/apply", {"text": text, "source": source}))

    def remove(self) -> dict[str, Any]:
        """Take away all that natgate made."""
        return dict(self._ask("POST", "/v1/remove"))

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
        try:
            answer = self._http.request(method, path, json=body)
        except httpx2.HTTPError as error:
            reason = "it does not answer in time" if _late(error) else "nobody listens"
            raise AgentError(
                f"no agent at {self._path} ({reason}): start it (systemctl start natgate), "
                "or work without one: --once"
            ) from None
        content = answer.json()
        if answer.is_success:
            return content
        kind, message = content.get("error"), content.get("message", answer.text)
        if kind in _ERRORS:
            raise _ERRORS[kind](message)
        raise _ReportedError(message, int(content.get("exit_code", 3)))


def _late(error: httpx2.HTTPError) -> bool:
    return isinstance(error, httpx2.TimeoutException)
