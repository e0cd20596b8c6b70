"""The part of the agent's HTTP interface that changes one entry, or looks closer at some."""

from typing import Any

from fastapi import APIRouter

from natgate.agent.edits import Applied
from natgate.agent.loop import Agent
from natgate.model.edit import RemoveEntry
from natgate.plan import explain
from natgate.wire.edit import parse_entry


def edits(agent: Agent) -> APIRouter:
    """The routes by which entries come and go."""
    router = APIRouter()

    @router.post("/v1/gateways/{gateway}/{kind}")
    async def add_entry(gateway: str, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """Add an entry to a gateway on this node."""
        return shown(agent, await agent.edit(parse_entry(gateway, kind, body)))

    @router.delete("/v1/gateways/{gateway}/entries/{name}")
    async def remove_entry(gateway: str, name: str) -> dict[str, Any]:
        """Remove an entry from a gateway on this node."""
        return shown(agent, await agent.edit(RemoveEntry(gateway=gateway, name=name)))

    @router.get("/v1/blocks")
    async def blocks() -> list[dict[str, Any]]:
        """The block of ports of each host that has one."""
        spec, _ = agent.spec()
        return explain.blocks(spec) if spec else []

    return router


def shown(agent: Agent, applied: Applied) -> dict[str, Any]:
    """What was done, with each change as it was run."""
    changes = explain.as_json(applied.changes)
    return {
        "node": agent.node,
        "generation": applied.generation,
        "changes": changes,
        "flows_ended": applied.ended,
    }
