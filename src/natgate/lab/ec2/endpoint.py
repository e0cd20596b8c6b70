"""The endpoint as a WSGI application: faults, then rules, then moto, then the kernel."""

import io
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from natgate.lab.ec2.call import Answer, Call, RefusalError, answer, read_call, refusal
from natgate.model.error import NatgateError

Environ = dict[str, Any]
StartResponse = Callable[..., object]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
Handler = Callable[[Call], Answer | None]


class Rules(Protocol):
    """Handlers of calls by their actions: an answer, None to let moto answer, or a refusal."""

    @property
    def actions(self) -> Mapping[str, Handler]:
        """What is checked or answered here."""
        ...


class Gate(Protocol):
    """What stands before every call."""

    def before(self, call: Call) -> None:
        """Wait or refuse, as a fault demands."""
        ...

    def shown(self, call: Call, ask: Callable[[Call], Answer]) -> Answer:
        """The answer to a call that changes nothing; it may come from the past."""
        ...

    def changing(self, ask: Callable[[Call], Answer]) -> None:
        """Called before anything changes."""
        ...


class Endpoint:
    """One lab's AWS API. One call at a time is carried out: moto is not made for threads.

    `changed` is called after every accepted call that may change something, before its answer.
    """

    def __init__(
        self,
        moto: Application,
        rules: Iterable[Rules],
        gate: Gate,
        changed: Callable[[Call], None],
        lock: threading.RLock,
    ) -> None:
        self._moto, self._gate, self._changed, self._lock = moto, gate, changed, lock
        self._handlers = {name: act for each in rules for name, act in each.actions.items()}

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        """Answer one HTTP request."""
        call = _call_of(environ)
        try:
            self._gate.before(call)
            with self._lock:
                found = self._turn(call)
        except RefusalError as error:
            found = refusal(call, error)
        except NatgateError as error:
            found = refusal(call, RefusalError("InternalError", str(error), 500))
        start(f"{found.status} natgate", list(found.headers))
        return [found.body]

    def _turn(self, call: Call) -> Answer:
        if not call.changes:
            return self._gate.shown(call, self._ask)
        self._gate.changing(self._ask)
        handler = self._handlers.get(call.action)
        found = handler(call) if handler else None
        if found is None:
            if call.service == "ec2" and call.flag("DryRun"):
                raise RefusalError(
                    "DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412
                )
            found = self._ask(call)
        if found.done:
            self._changed(call)
        return found

    def _ask(self, call: Call) -> Answer:
        handler = None if call.changes else self._handlers.get(call.action)
        found = handler(call) if handler else None
        return self._moto_answer(call) if found is None else found

    def _moto_answer(self, call: Call) -> Answer:
        body = call.encoded()
        told: list[Any] = []

        def started(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            told[:] = [int(status.split(maxsplit=1)[0]), headers]

        asked = {**call.origin, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        whole = b"".join(self._moto(asked, started))
        headers = tuple((k, v) for k, v in told[1] if k.lower() != "content-length")
        return Answer(status=told[0], headers=headers, body=whole)


class Open:
    """A gate without faults."""

    def before(self, call: Call) -> None:
        """Let it through."""

    def shown(self, call: Call, ask: Callable[[Call], Answer]) -> Answer:
        """As it is now."""
        return ask(call)

    def changing(self, ask: Callable[[Call], Answer]) -> None:
        """Nothing is kept."""


def _call_of(environ: Environ) -> Call:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
    }
    size = int(headers.get("content-length") or 0)
    body = environ["wsgi.input"].read(size) if size else b""
    call = read_call(
        headers,
        environ.get("PATH_INFO", "/"),
        body,
        source=environ.get("REMOTE_ADDR", ""),
        query=environ.get("QUERY_STRING", ""),
    )
    call.origin = environ
    return call


def moto_application() -> Application:
    """Moto's own server, in this process."""
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 (an extra)
        DomainDispatcherApplication,
        create_backend_app,
    )

    made: Application = DomainDispatcherApplication(create_backend_app)
    return made


def accepted(call: Call) -> Answer:
    """The plain yes of EC2."""
    return answer(call, {"return": True})
