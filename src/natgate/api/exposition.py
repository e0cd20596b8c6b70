"""Puts metrics where the spec wants them: a Prometheus endpoint, and a file for node_exporter."""

import asyncio
import contextlib
import hmac
import socket
from collections.abc import Iterator
from pathlib import Path

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from natgate.agent.key import read_token
from natgate.agent.loop import Agent
from natgate.agent.metrics import Metrics
from natgate.model.error import NatgateError
from natgate.model.exposition import OWN, Exposition
from natgate.store.whole_file import replace_text
from natgate.wire.exposition import CONTENT_TYPE, render_exposition

LOG = structlog.get_logger()
LOOK = 1.0
"""Seconds between two looks at what the spec wants, and before a port in use is tried again."""

SCRAPERS = 16
"""Requests at a time; more are refused, so that nobody can take the agent's time."""


class QuietServer(uvicorn.Server):
    """A server that leaves signals to the agent, which has more to put away than the server."""

    def end(self) -> None:
        """Stop serving."""
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal."""
        yield


def scrape_app(metrics: Metrics, token: bytes | None) -> Starlette:
    """Answers GET /metrics, and only who shows the token if there is one (RFC 6750)."""

    async def scrape(request: Request) -> Response:
        shown = request.headers.get("authorization", "").encode()
        if token is not None and not hmac.compare_digest(shown, b"Bearer " + token):
            return PlainTextResponse(
                "a bearer token is needed\n", 401, {"WWW-Authenticate": "Bearer"}
            )
        text = await asyncio.to_thread(render_exposition, await metrics.read())
        return Response(text, media_type=CONTENT_TYPE)

    return Starlette(routes=[Route("/metrics", scrape, methods=["GET"])])


class Exporter:
    """Follows the spec in force: another spec is served within a second."""

    def __init__(self, agent: Agent, metrics: Metrics) -> None:
        self._agent = agent
        self._metrics = metrics
        self._wanted = Exposition()
        self._own = ""
        self._server: QuietServer | None = None
        self._serving: asyncio.Task[None] | None = None
        self._written: Path | None = None
        self._due = 0.0
        self._failure: str | None = None

    async def run(self) -> None:
        """Serve and write until cancelled; then the file goes, since nobody keeps it true."""
        try:
            while True:
                await self._turn()
                await asyncio.sleep(LOOK)
        finally:
            self._withdraw()
            if self._serving is not None:
                await asyncio.wait([self._serving])

    async def _turn(self) -> None:
        spec, _ = self._agent.spec()
        wanted = spec.metrics if spec is not None else Exposition()
        own = str(spec.node(self._agent.node).address) if spec is not None else ""
        if (wanted, own) != (self._wanted, self._own):
            self._withdraw()
            self._wanted, self._own, self._due = wanted, own, 0.0
        try:
            await self._serve()
            await self._write()
        except (NatgateError, OSError) as error:
            if str(error) != self._failure:
                LOG.warning("metrics not exposed", reason=str(error))
            self._failure = str(error)
        else:
            self._failure = None

    async def _serve(self) -> None:
        place = self._wanted.place
        if place is None or self._server is not None:
            return
        if self._serving is not None:  # an earlier one, which may still hold the port
            await asyncio.wait([self._serving])
        app = scrape_app(self._metrics, read_token(self._wanted))
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._own if place[0] == OWN else place[0], place[1]))
        except OSError as error:
            listener.close()
            raise OSError(f"metrics.listen {self._wanted.listen}: {error.strerror}") from None
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            limit_concurrency=SCRAPERS,
            timeout_graceful_shutdown=1,
        )
        self._server = QuietServer(config)
        serving = self._server.serve(sockets=[listener])
        self._serving = asyncio.get_running_loop().create_task(serving)

    async def _write(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._wanted.textfile is None or now < self._due:
            return
        self._due = now + self._wanted.interval
        path = Path(self._wanted.textfile.replace("{node}", self._agent.node))
        samples = await self._metrics.read()
        await asyncio.to_thread(lambda: replace_text(path, render_exposition(samples)))
        self._written = path

    def _withdraw(self) -> None:
        if self._server is not None:
            self._server.end()
            self._server = None
        if self._written is not None:
            with contextlib.suppress(OSError):
                self._written.unlink(missing_ok=True)
            self._written = None
