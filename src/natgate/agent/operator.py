"""The operator's hand: failovers that are asked for, drains, maintenance; and rehearsals of them."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from natgate.agent.loop import Agent
from natgate.model.error import HostError, RefusedError
from natgate.model.event import Wished
from natgate.model.wish import MAINTENANCE, OFF, ON, TO, drain, move
from natgate.plan.judge import judge
from natgate.plan.rehearse import Rehearsal, rehearse, to_move
from natgate.plan.state import ShareSetup, State, active, speaks

PATIENCE = 10.0
"""Seconds that a failover which was asked for may take; it takes milliseconds."""

POLL = 0.01


class Operator:
    """What an operator asks of one agent, which tells the others."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._loop = asyncio.get_running_loop

    async def rehearse(self, to: str | None, gateway: str | None) -> list[Rehearsal]:
        """What `failover` would do; nothing is changed."""
        state = self._state()
        self._check(state, to, gateway)
        now = self._loop().time()
        journal = self._agent.failovers()
        return [
            rehearse(
                state,
                share,
                after,
                journal=journal,
                refused=await self._agent.refused(share),
                flows=await self._agent.count_flows(share.name),
                now=now,
            )
            for share, after in to_move(state, to, gateway)
        ]

    async def failover(self, to: str | None, gateway: str | None) -> list[dict[str, Any]]:
        """Move shares to a node, or home if `to` is None; what was moved, once all are.

        RefusedError with every obstacle before anything is asked for; HostError with what is left
        if it does not happen in time, and then it is no longer asked for.
        """
        planned = await self.rehearse(to, gateway)
        obstacles = [f"{r.share}: {text}" for r in planned for text in r.obstacles]
        if obstacles:
            raise RefusedError("nothing was moved: " + "; ".join(obstacles))
        began = self._loop().time()
        for rehearsal in planned:
            self._agent.post(Wished(key=move(rehearsal.share), value=f"{TO}{rehearsal.after}"))
        left = await self._until(lambda: self._not_there(planned))
        took = round((self._loop().time() - began) * 1000, 1)
        for share in left:
            self._agent.post(Wished(key=move(share), value=""))
        if left:
            done = len(planned) - len(left)
            raise HostError(
                f"{done} of {len(planned)} shares were moved; not moved within {PATIENCE:.0f} s: "
                f"{', '.join(left)}; natgate status says why"
            )
        return [
            {"share": r.share, "before": r.before, "after": r.after, "ms": took} for r in planned
        ]

    async def drain(self, node: str, *, on: bool) -> dict[str, Any]:
        """Ask that a node carry nothing, or no longer ask it; what it carries now.

        RefusedError if no other node could carry what it carries.
        """
        state = self._state()
        if node != state.setup.me and node not in state.setup.peers:
            raise RefusedError(f"there is no node {node} ({', '.join(self._names(state))})")
        carried = [s for s in state.setup.shares if active(state, s.name) == node]
        stuck = [s.name for s in carried if on and not self._others(state, s, node)]
        if stuck:
            raise RefusedError(
                f"{node} is not drained: no other healthy node can carry {', '.join(stuck)}"
            )
        self._agent.post(Wished(key=drain(node), value=ON if on else OFF))
        await asyncio.sleep(0)
        return {"node": node, "drained": on, "carries": [share.name for share in carried]}

    async def maintenance(self, *, on: bool) -> dict[str, Any]:
        """Suspend failovers by themselves on every node, or let them happen again."""
        self._state()
        self._agent.post(Wished(key=MAINTENANCE, value=ON if on else OFF))
        await asyncio.sleep(0)
        return {"maintenance": on}

    def _state(self) -> State:
        state = self._agent.state
        if state is None:
            raise RefusedError("no spec has been applied on this node: natgate apply FILE")
        return state

    def _check(self, state: State, to: str | None, gateway: str | None) -> None:
        names = self._names(state)
        if to is not None and to not in names:
            raise RefusedError(f"there is no node {to} ({', '.join(names)})")
        gateways = list(dict.fromkeys(share.gateway for share in state.setup.shares))
        if gateway is not None and gateway not in gateways:
            raise RefusedError(f"there is no gateway {gateway} ({', '.join(gateways)})")

    def _names(self, state: State) -> list[str]:
        return sorted((state.setup.me, *state.setup.peers))

    def _others(self, state: State, share: ShareSetup, node: str) -> list[str]:
        now = self._loop().time()
        return [
            other
            for other in share.nodes
            if other != node and speaks(state, other, now) and judge(state, share, other, now).fit
        ]

    def _not_there(self, planned: list[Rehearsal]) -> list[str]:
        state = self._state()
        return [r.share for r in planned if active(state, r.share) != r.after]

    async def _until(self, left: Callable[[], list[str]]) -> list[str]:
        deadline = self._loop().time() + PATIENCE
        while self._loop().time() < deadline:
            if not left():
                return []
            await asyncio.sleep(POLL)
        return left()


def rehearsal_json(rehearsal: Rehearsal) -> dict[str, Any]:
    """One rehearsal, ready for JSON."""
    return {
        **asdict(rehearsal),
        "steps": [{"name": name, "what": what} for name, what in rehearsal.steps],
    }
