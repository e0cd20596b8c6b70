"""The part of the agent's HTTP interface that says what translates flows, which it does not list."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from natgate.agent.loop import Agent
from natgate.model.flow_class import Bounds
from natgate.model.spec import Spec
from natgate.plan.flow_classes import bounds_of, tell
from natgate.plan.resolve import Resolver

MOST = 100_000
"""Flows that may be asked for at once."""


Byte = Annotated[int, Field(ge=0, le=0xFF)]
Port = Annotated[int, Field(ge=0, le=0xFFFF)]
Word = Annotated[int, Field(ge=0, le=0xFFFFFFFF)]


class Asked(BaseModel):
    """Flows by their first packet."""

    flows: list[tuple[Byte, Word, Word, Port]] = Field(
        max_length=MOST,
        description="protocol, IPv4 source, IPv4 destination (all as numbers), destination port",
    )


def flows(agent: Agent) -> APIRouter:
    """The routes by which flows get the names of their entries and nodes."""
    router = APIRouter()
    known: tuple[Spec, Resolver, Bounds] | None = None

    def prepared() -> tuple[Spec, Resolver, Bounds] | None:
        """Made anew for each spec, since it takes long for many entries."""
        nonlocal known
        spec, _ = agent.spec()
        if spec is None:
            return None
        if known is None or known[0] is not spec:
            known = (spec, Resolver(spec, agent.node), bounds_of(spec, agent.node))
        return known

    @router.get("/v1/flows/bounds")
    async def bounds() -> dict[str, Any]:
        """Where ranges of sources, destinations and ports begin; shares, and who carries them."""
        found = await asyncio.to_thread(prepared)
        if found is None:
            return {"sources": [], "destinations": [], "ports": [], "gateways": [], "nodes": []}
        spec, _, ranges = found
        return {
            "nodes": [str(node.address) for node in spec.nodes],
            "sources": ranges.sources,
            "destinations": ranges.destinations,
            "ports": ranges.ports,
            "gateways": [
                {key: gateway[key] for key in ("name", "addresses", "timeouts", "shares")}
                for gateway in agent.status()["gateways"]
            ],
        }

    @router.post("/v1/flows/entries")
    async def entries(body: Asked) -> list[dict[str, Any]]:
        """The entry of each flow, the addresses that it may leave with, and whom it reaches."""

        def answers() -> list[dict[str, Any]]:
            found = prepared()
            if found is None:
                return []
            told = (tell(found[1], *flow) for flow in body.flows)
            return [
                {"entry": t.entry, "sources": sorted(t.sources), "target": t.target} for t in told
            ]

        return await asyncio.to_thread(answers)

    return router
