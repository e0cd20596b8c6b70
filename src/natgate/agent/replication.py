"""Flow replication of one node: conntrackd is kept running, nodes that come back are filled."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress
from socket import IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP
from typing import Any

import structlog

from natgate.kernel import flows
from natgate.kernel.conntrackd import Conntrackd
from natgate.kernel.flows import Chosen
from natgate.model.error import HostError, NatgateError, RefusedError
from natgate.model.share import shares_of
from natgate.model.spec import Spec
from natgate.model.view import SyncView
from natgate.model.warning import ActiveWarning, warning
from natgate.plan import filling, refresh
from natgate.plan.filling import Filling
from natgate.plan.rehearse import Flows
from natgate.plan.replication import replicated
from natgate.plan.state import State, active, speaks
from natgate.wire.conntrackd import Pairing, Stats

LOG = structlog.get_logger()
LOOK = 0.1
"""Seconds between two looks at a conntrackd that is being filled."""

PAUSE = 1.0
"""Seconds between two looks at whether one lives, and before a dead one is started again."""

COUNT = 5
"""Looks at one that fills nobody, of which one reads its counters."""

DIVIDED, EVERY = "active-active", (0, 65535)
"""Where one node carries all, its flows have any port: hosts of their own addresses choose it."""

UNCONFIRMED = 400
"""Messages that may wait for the peer's word at any time: it confirms some 300 at once."""

FAR_BEHIND = 1000
"""Messages that the peer has not confirmed, of which a warning tells."""


class Replication:
    """What one agent does about flow replication, for one spec."""

    def __init__(
        self,
        *,
        spec: Spec,
        me: str,
        daemon: Conntrackd,
        pairing: Callable[[Spec, str, str], Pairing],
        state: Callable[[], State | None],
    ) -> None:
        self._spec = spec
        self._me = me
        self._daemon = daemon
        self._pairing = pairing
        self._state = state
        self._loop = asyncio.get_running_loop()
        self._filling: Filling | None = None
        self._filled: dict[str, str] = {}
        self._stats = Stats()
        self._error: str | None = None
        self._work: set[asyncio.Task[None]] = set()
        self._sending = False
        if not replicated(spec, me):
            daemon.remove()
            return
        (self._peer,) = (n.name for n in spec.nodes if n.name != me)
        # A node whose conntrackd alone had died still has its flows, which filling would replace.
        # Looked for before it starts, since its peer sends at once.
        had = self._has_flows()
        fresh = self._bring() and not had
        self._filling = Filling(session=daemon.session(), started=self._loop.time(), empty=fresh)
        self._begin(self._watch())
        udp = refresh.pace((g.timeouts.udp for g in spec.gateways), refresh.ROUND)
        tcp = refresh.pace((g.timeouts.tcp for g in spec.gateways), refresh.SLOW_ROUND)
        self._begin(self._refresh((IPPROTO_UDP, IPPROTO_ICMP), udp))
        self._begin(self._refresh((IPPROTO_TCP,), tcp))

    def view(self) -> SyncView:
        """What this node says of its replication."""
        held = self._filling
        if held is None or self._error is not None:
            return SyncView()
        return SyncView(session=held.session, empty=held.empty, filled=dict(self._filled))

    def reasons(self) -> tuple[str, ...]:
        """Why this node should not take anything over yet."""
        held = self._filling
        if held is None or not held.empty or self._error is not None:
            return ()
        return (f"being filled with flows from {self._peer}",)

    def moved(self) -> None:
        """Shares changed hands: what conntrackd holds for this node's own flows has to follow."""
        if self._filling is not None:
            self._begin(self._tell_later())

    def status(self) -> dict[str, Any] | None:
        """How replication fares; None if there is none."""
        held = self._filling
        if held is None:
            return None
        stats = self._stats
        return {
            "peer": self._peer,
            "state": "down" if self._error else "being filled" if held.empty else "in sync",
            "flows": stats.flows,
            "injected": stats.injected,
            "failed": stats.failed,
            "sent_bytes": stats.sent_bytes,
            "received_bytes": stats.received_bytes,
            "lost": stats.lost,
            "behind": stats.behind,
            "overruns": stats.overruns,
            "error": self._error,
        }

    def warnings(self) -> list[ActiveWarning]:
        """What is wrong with it now."""
        if self._error is not None:
            return [warning("replication-down", self._me, f"{self._me}: {self._error}")]
        if self._filling is not None and self._filling.late:
            text = (
                f"{self._me} was not filled by {self._peer} in time: some connections may be lost"
            )
            return [warning("replication-late", self._me, text)]
        if self._stats.behind > FAR_BEHIND:
            text = f"{self._peer} has not confirmed {self._stats.behind} messages about flows"
            return [warning("replication-behind", self._me, text)]
        if self._spec.replication.kind != "none" and len(self._spec.nodes) > 2:  # noqa: PLR2004
            text = "conntrackd replicates between two nodes, and the spec has more"
            return [warning("replication-down", self._me, text)]
        return []

    async def close(self) -> None:
        """Stop looking; conntrackd goes on."""
        work = list(self._work)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def _bring(self) -> bool:
        """Have conntrackd running; whether it was started for that."""
        try:
            started = self._daemon.bring(self._pairing(self._spec, self._me, self._peer))
        except (RefusedError, HostError) as error:
            if str(error) != self._error:
                LOG.warning("replication down", reason=str(error))
            self._error = str(error)
            return False
        if self._error is not None:
            LOG.info("replication up")
        self._error = None
        return started

    async def _watch(self) -> None:
        """See that conntrackd lives, that this node is filled, and that others are."""
        looks = 0
        while True:
            empty = self._filling is not None and self._filling.empty
            if self._daemon.lives() is None:
                await asyncio.sleep(PAUSE)
                await self._revive()
            elif self._filling is not None:
                if empty or looks % COUNT == 0:
                    await self._count()
                await self._keep_way()
                self._fill()
            looks += 1
            await asyncio.sleep(LOOK if empty else PAUSE)

    async def _keep_way(self) -> None:
        """Make the route to the other node again, which a link takes along when it goes down."""
        with suppress(RefusedError, HostError):
            await asyncio.to_thread(self._pairing, self._spec, self._me, self._peer)

    async def _count(self) -> None:
        before = self._stats
        with suppress(HostError):
            self._stats = await self._daemon.stats()
        if self._stats.overruns > before.overruns:
            LOG.warning("events lost", overruns=self._stats.overruns)
            self._begin(self._tell_later())

    async def _revive(self) -> None:
        """A conntrackd that died starts anew: its flows are still in the kernel, and it reads them."""
        if await asyncio.to_thread(self._bring):
            LOG.warning("conntrackd had died and was started again")
        self._filling = Filling(
            session=self._daemon.session(), started=self._loop.time(), empty=False
        )
        self._filled.clear()

    def _fill(self) -> None:
        state, held = self._state(), self._filling
        if state is None or held is None:
            return
        now = self._loop.time()
        peers = {
            name: peer.view.sync for name, peer in state.peers.items() if speaks(state, name, now)
        }
        after = filling.step(held, self._me, peers, self._stats.injected, now, state.setup.grace)
        if held.empty and not after.empty:
            LOG.info("filled", flows=self._stats.injected, late=after.late)
        self._filling = after
        for name in filling.to_fill(self.view(), peers):
            if not self._sending and (peers[name].empty or _read(state)):
                self._sending = True
                self._begin(self._send(name, peers[name]))

    async def _send(self, name: str, peer: SyncView) -> None:
        """Every flow that this node knows, to an empty peer; else those that live here.

        What conntrackd sends in bulk takes the place of what the peer has: a flow that lives there
        would be made anew, and get another port if one of its packets is quicker.
        """
        try:
            if peer.empty:
                await self._daemon.tell("-R")
                await self._daemon.tell("-B")
                await self._confirmed()
                # What it now holds of the peer's own is still being sent, and forgotten after that.
                self._begin(self._tell_later(filling.LONGEST))
            else:
                await self._tell_mine()
            self._filled[name] = peer.session
        except NatgateError as error:
            LOG.warning("flows not sent", peer=name, reason=str(error))
        finally:
            self._sending = False

    async def _confirmed(self) -> None:
        """Wait until the peer has confirmed what was sent, as long as it may wait to be filled."""
        deadline = self._loop.time() + filling.LONGEST
        while self._loop.time() < deadline:
            stats = await self._daemon.stats()
            if stats.behind <= UNCONFIRMED:
                return
            await asyncio.sleep(LOOK)

    async def _tell_later(self, seconds: float = PAUSE) -> None:
        """What lives here is told, once a take-over, an overrun or a filling has passed."""
        await asyncio.sleep(seconds)
        try:
            await self._tell_mine()
        except NatgateError as error:
            LOG.warning("flows not sent", peer=self._peer, reason=str(error))

    async def _tell_mine(self) -> None:
        """Have conntrackd hold the flows that live here, and no others, and send them.

        A flow that it takes for its own, and that expires here, it ends on the other node as well:
        so it first forgets all, unless the other carries none. Then the kernel says once more how
        each flow stands that lives here.
        """
        if self._peer_carries():
            await self._daemon.tell("-f", "internal")
        found = await asyncio.to_thread(flows.translated, self._mine())
        await asyncio.to_thread(flows.touch, [flow.tuple for flow in found])

    def _peer_carries(self) -> bool:
        state = self._state()
        return state is not None and self._peer in {active(state, name) for name in state.shares}

    def _has_flows(self) -> bool:
        try:
            return flows.has_any(list(self._chosen().values()))
        except NatgateError:
            return False

    async def _refresh(self, protocols: tuple[int, ...], every: float) -> None:
        """Keep alive the replicas of what lives here."""
        known: refresh.Expiries = {}
        looked = False
        while True:
            await asyncio.sleep(every)
            mine = self._mine()
            if not mine:
                known, looked = {}, False
                continue
            try:
                found = await asyncio.to_thread(flows.translated, mine, protocols)
                left: list[tuple[Hashable, float]] = [(f.key, f.left) for f in found]
                now = self._loop.time()
                known, touched = refresh.due(known, left, now, since_start=looked, every=every)
                looked = True
                chosen = set(touched)
                await asyncio.to_thread(flows.touch, [f.tuple for f in found if f.key in chosen])
            except NatgateError as error:
                LOG.warning("replicas not refreshed", reason=str(error))

    async def count(self, share: str) -> Flows | None:
        """The flows of a share that this node carries or has replicas of, and their clients."""
        state = self._state()
        if state is None or not (self._filling or active(state, share) == self._me):
            return None
        try:
            found = await asyncio.to_thread(flows.translated, [self._chosen()[share]])
        except NatgateError:
            return None
        return Flows(flows=len(found), clients=len({flow.client for flow in found}))

    def _mine(self) -> list[Chosen]:
        """The addresses and ports whose flows live on this node."""
        state = self._state()
        if state is None:
            return []
        chosen = self._chosen()
        return [chosen[name] for name in chosen if active(state, name) == self._me]

    def _chosen(self) -> dict[str, Chosen]:
        """The addresses and ports of each share."""
        return {
            share.name: (
                frozenset(fixed.address.packed for fixed in gateway.addresses),
                *((share.block.first, share.block.last) if gateway.mode == DIVIDED else EVERY),
            )
            for gateway in self._spec.gateways
            for share in shares_of(self._spec, gateway)
        }


def _read(state: State) -> bool:
    """Whether this node knows who carries what."""
    return all(share.holders is not None for share in state.shares.values())
