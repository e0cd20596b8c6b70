"""What an operator asks for, as routes under /v1: failovers, their journal, drains, maintenance."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from natgate.agent.loop import Agent
from natgate.agent.operator import Operator, rehearsal_json
from natgate.wire.journal import failover_json


class Move(BaseModel):
    """Which shares are to move where."""

    model_config = ConfigDict(extra="forbid")
    to: str | None = Field(default=None, description="the node; each share's first node if null")
    gateway: str | None = Field(default=None, description="of this gateway; of all if null")


class Drain(BaseModel):
    """A node that is to carry nothing, or may carry something again."""

    model_config = ConfigDict(extra="forbid")
    node: str = Field(description="which node")
    on: bool = Field(default=True, description="false: it may carry something again")


class Switch(BaseModel):
    """On or off."""

    model_config = ConfigDict(extra="forbid")
    on: bool = Field(description="true or false")


def operations(agent: Agent) -> APIRouter:
    """The routes, for one agent, which tells the others."""
    router = APIRouter()
    operator = Operator(agent)

    @router.post("/v1/failover/plan")
    async def plan_failover(body: Move) -> list[dict[str, Any]]:
        """What moving shares would do, and what would go wrong; nothing is changed."""
        return [rehearsal_json(r) for r in await operator.rehearse(body.to, body.gateway)]

    @router.post("/v1/failover")
    async def failover(body: Move) -> list[dict[str, Any]]:
        """Move shares to a node, or each to its first node; the answer comes once all are there."""
        return await operator.failover(body.to, body.gateway)

    @router.get("/v1/failovers")
    async def failovers() -> list[dict[str, Any]]:
        """The journal of this node, the latest failover first."""
        return [failover_json(record) for record in agent.failovers()]

    @router.post("/v1/drain")
    async def drain(body: Drain) -> dict[str, Any]:
        """Ask that a node carry nothing, or no longer ask it."""
        return await operator.drain(body.node, on=body.on)

    @router.post("/v1/maintenance")
    async def maintenance(body: Switch) -> dict[str, Any]:
        """Suspend failovers that happen by themselves, on every node, or let them happen again."""
        return await operator.maintenance(on=body.on)

    return router
