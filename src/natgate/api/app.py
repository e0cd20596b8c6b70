"""The agent's HTTP interface under /v1; it holds no logic of its own.

It listens on a Unix socket in a directory that only the agent's user can enter, which is its
authentication.
"""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from natgate import __version__
from natgate.agent.loop import Agent
from natgate.agent.metrics import Metrics
from natgate.api.entries import edits, shown
from natgate.api.flows import flows
from natgate.api.operate import operations
from natgate.model.error import NatgateError, RefusedError, SpecError
from natgate.plan import deletion, explain, stale
from natgate.wire.config import render_spec
from natgate.wire.exposition import metrics_json


class SpecText(BaseModel):
    """A spec as the operator wrote it."""

    text: str = Field(description="YAML of apiVersion natgate/v1")
    source: str = Field(default="spec", description="its name in error messages")


class SpecToApply(SpecText):
    """A spec that is to come into force."""

    force_deletion: bool = Field(
        default=False, description="also delete gateways that still have entries"
    )
    end_flows: bool = Field(
        default=False, description="end the open flows that new ones would not be like"
    )


def make_app(agent: Agent, metrics: Metrics) -> FastAPI:
    """The application that speaks for one agent."""
    app = FastAPI(title="natgate", version=__version__, docs_url=None, redoc_url=None)

    @app.exception_handler(NatgateError)
    async def explain_failure(_: Request, error: NatgateError) -> JSONResponse:
        """SpecError 422 with every problem, RefusedError 409, all else 500."""
        code = (
            422 if isinstance(error, SpecError) else 409 if isinstance(error, RefusedError) else 500
        )
        body = {"error": type(error).__name__, "message": str(error), "exit_code": error.exit_code}
        return JSONResponse(status_code=code, content=body)

    @app.get("/v1/status")
    async def status() -> dict[str, Any]:
        """Who is active, which nodes are healthy and why not, and all warnings."""
        return agent.status()

    @app.get("/v1/spec")
    async def spec() -> dict[str, Any]:
        """The spec in force."""
        spec, generation = agent.spec()
        return {
            "generation": generation.number,
            "digest": generation.digest,
            "text": render_spec(spec) if spec and generation.edits else generation.text,
        }

    @app.get("/v1/entries")
    async def entries() -> list[dict[str, Any]]:
        """Every entry with its addresses and the flows it started on this node."""
        spec, _ = agent.spec()
        return explain.entries(spec, agent.counters()) if spec else []

    @app.get("/v1/counters")
    async def counters() -> dict[str, int]:
        """Packets per named counter and per entry on this node."""
        return dict(agent.counters())

    @app.get("/v1/metrics")
    async def measured() -> list[dict[str, Any]]:
        """Every metric of this node with its kind, unit, meaning and samples."""
        return metrics_json(await metrics.read())

    @app.post("/v1/plan")
    async def plan(body: SpecText) -> dict[str, Any]:
        """The changes that applying this spec would make; nothing is done."""
        planned = await agent.plan(body.text, body.source)
        return {
            "node": agent.node,
            "changes": explain.as_json(planned.changes),
            "flows": stale.summary(planned.stale),
            "notes": [*deletion.notes(agent.spec()[0], planned.spec), *explain.notes(planned.spec)],
        }

    @app.post("/v1/apply")
    async def apply(body: SpecToApply) -> dict[str, Any]:
        """Bring a spec into force on this node, wholly or not at all."""
        applied = await agent.apply(
            body.text, body.source, force_deletion=body.force_deletion, end_flows=body.end_flows
        )
        return shown(agent, applied)

    @app.post("/v1/remove")
    async def remove() -> dict[str, Any]:
        """Take away all that natgate made on this node; the agent then idles."""
        return {"node": agent.node, "changes": explain.as_json(await agent.remove(), removing=True)}

    app.include_router(operations(agent))
    app.include_router(edits(agent))
    app.include_router(flows(agent))
    return app
