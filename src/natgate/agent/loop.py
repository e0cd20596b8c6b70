"""The one loop of a node: facts come in, the kernel is kept, the decision is taken, orders go out."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import structlog

from natgate.agent.consent import refuse, refuse_foreign
from natgate.agent.drift import Drifts, kernel_warnings, summary
from natgate.agent.edits import Applied, Planned, make, stored_spec
from natgate.agent.health import own_health
from natgate.agent.keeper import Keeper, Kept
from natgate.agent.replication import Replication
from natgate.agent.roles import remembered_roles, remembered_wishes, roles_of, still_valid
from natgate.agent.status import status
from natgate.agent.takeover import Local
from natgate.agent.watch import Post, Watch, Watched
from natgate.kernel.notices import Notice, Notices
from natgate.model.change import Change
from natgate.model.edit import Edit, edited
from natgate.model.error import HostError, NatgateError, RefusedError
from natgate.model.event import Event, HealthChanged, TakeOver, Ticked
from natgate.model.journal import Failover, seen
from natgate.model.spec import Spec
from natgate.model.view import NO_SYNC, NodeView
from natgate.model.warning import ActiveWarning
from natgate.model.wish import lasting
from natgate.plan import failover
from natgate.plan.addresses import address_warnings, received
from natgate.plan.deletion import refuse_removal
from natgate.plan.digest import digest_of
from natgate.plan.judge import path_health
from natgate.plan.rehearse import Flows
from natgate.plan.setup import setup_of
from natgate.plan.stance import stands_ready
from natgate.plan.state import ShareSetup, State, active, begin
from natgate.plan.warnings import warnings
from natgate.store.interface import Generation, Store
from natgate.wire.config import parse_spec, render_spec
from natgate.wire.journal import render_roles, render_wishes

LOG = structlog.get_logger()
HAND_OVER = 2.0
"""Seconds that a node which is being removed waits for another to carry its gateways."""

MakeWatch = Callable[[Watched, Local, Post], Watch]
MakeReplication = Callable[[Spec, Callable[[], State | None]], Replication]


class Agent:
    """One node's agent. Everything happens in its loop; the methods below run there too."""

    def __init__(
        self,
        *,
        node: str,
        keeper: Keeper,
        store: Store,
        notices: Notices,
        make_watch: MakeWatch,
        make_replication: MakeReplication,
        wall_clock: Callable[[], float],
        first_spec: str | None = None,
    ) -> None:
        self.node = node
        self._keeper = keeper
        self._store = store
        self._notices = notices
        self._first_spec = first_spec
        self._make_watch = make_watch
        self._make_replication = make_replication
        self._replication: Replication | None = None
        self._sync = NO_SYNC
        self.wall_clock = wall_clock
        self._inbox: deque[Event] = deque()
        self._awake = asyncio.Event()
        self._changing = asyncio.Lock()
        self._leaving = False
        self._former: dict[IPv4Address, str] = {}
        self._spec: Spec | None = None
        self._generation = Generation(number=0, text="", digest="")
        self._state: State | None = None
        self._roles = remembered_roles(store)
        self._taking: dict[str, bool] = {}
        self._counting: set[asyncio.Task[None]] = set()
        self._wishes = remembered_wishes(store)
        self._watch: Watch | None = None
        self._kept = Kept(failure=HostError("not verified yet"))
        self._dirty = False
        self._verified = 0.0
        self._drifts = Drifts(node)
        self._said: NodeView | None = None
        self._stopping = False
        self.more_warnings: Callable[[], tuple[ActiveWarning, ...]] = tuple

    async def begin(self) -> None:
        """Take up the stored spec, or the first one; a first one that is refused leaves nothing."""
        latest = self._store.latest()
        if latest is not None:
            await self._adopt(latest, stored_spec(latest))
        elif self._first_spec is not None:
            await self.apply(self._first_spec, "first spec")

    async def run(self) -> None:
        """Keep this node until `stop`; what was applied stays."""
        loop = asyncio.get_running_loop()
        for sock in self._notices.sockets:
            loop.add_reader(sock, self._on_notice)
        ticker = loop.create_task(self._tick())
        try:
            while not self._stopping:
                await self._awake.wait()
                self._awake.clear()
                self._turn()
        finally:
            ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticker
            for sock in self._notices.sockets:
                loop.remove_reader(sock)
            await self._stop_watching()

    def stop(self) -> None:
        """End the loop after the present turn."""
        self._stopping = True
        self._awake.set()

    def post(self, event: Event) -> None:
        """Hand the loop a fact."""
        self._inbox.append(event)
        self._awake.set()

    async def apply(
        self, text: str, source: str, *, force_deletion: bool = False, end_flows: bool = False
    ) -> Applied:
        """Bring a spec into force on this node, wholly or not at all.

        The spec is stored first: killed at any moment, the node comes back with the old spec or
        with the new one. SpecError, RefusedError and HostError leave the old one in force.
        """
        spec = parse_spec(text, source)
        async with self._changing:
            before = self._spec
            applied = await self._exchange(spec, text, force_deletion=force_deletion)
            if end_flows:
                ended = await asyncio.to_thread(self._keeper.end_stale, spec, before)
                applied = replace(applied, ended=ended)
        return applied

    async def _exchange(self, spec: Spec, text: str, *, force_deletion: bool = False) -> Applied:
        """This spec in place of the one in force, while nothing else changes it."""
        before, previous = self._spec, self._generation
        refuse(self.node, before, spec, force_deletion=force_deletion)
        generation = self._store.add(text, digest_of(spec))
        kept = self._keeper.bring(spec, still_valid(self._roles, before, spec))
        try:
            if kept.failure is not None:
                raise kept.failure
            await self._adopt(generation, spec, kept)
        except NatgateError:
            self._store.withdraw(generation.number)
            if before is not None:
                await self._adopt(previous, before)
            else:
                await self._let_go()
            raise
        LOG.info("spec applied", generation=generation.number, changes=len(kept.changes))
        return Applied(generation=generation.number, changes=kept.changes)

    async def edit(self, edit: Edit) -> Applied:
        """Add or remove one entry: at once where only elements change, else by a whole exchange."""
        async with self._changing:
            if self._spec is None:
                raise RefusedError("there is no spec to edit: natgate apply brings one into force")
            made = make(self._keeper, self._store, self._spec, self._generation, edit)
            if made is None:
                text = render_spec(edited(self._spec, edit))
                return await self._exchange(parse_spec(text, "spec"), text)
            self._spec, self._generation, change = made
            if self._state is not None:
                setup = replace(self._state.setup, digest=self._generation.digest)
                self._state = replace(self._state, setup=setup)
            return Applied(generation=self._generation.number, changes=(change,))

    async def plan(self, text: str, source: str) -> Planned:
        """What `apply` would do; nothing is done."""
        spec, before = parse_spec(text, source), self._spec
        refuse_foreign(self.node, spec)
        changes = self._keeper.plan(spec)[2]
        stale = await asyncio.to_thread(self._keeper.stale, spec, before)
        return Planned(spec=spec, changes=changes, stale=stale)

    async def remove(self) -> tuple[Change, ...]:
        """Take away all that natgate made here, and idle until the next spec.

        Peers are told first, and the gateways handed over if one of them can carry them.
        """
        async with self._changing:
            refuse_removal(self._spec)
            self._leaving = True
            try:
                await self._handed_over()
                return await self._let_go()
            finally:
                self._leaving = False

    async def _handed_over(self) -> None:
        """Wait until this node carries nothing, but not for ever: there may be no other."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + HAND_OVER
        while self._state is not None and self._state.setup.peers and loop.time() < deadline:
            if self.node not in _actives(self._state).values():
                return
            await asyncio.sleep(0.01)

    async def _let_go(self) -> tuple[Change, ...]:
        spec, generation = self._spec, self._generation
        await self._stop_watching(leaving=True)
        try:
            changes = self._keeper.remove()
        except NatgateError:
            if spec is not None:
                await self._adopt(generation, spec)
            raise
        self._spec, self._generation = None, Generation(number=0, text="", digest="")
        LOG.info("removed", changes=len(changes))
        return changes

    async def _stop_watching(self, *, leaving: bool = False) -> None:
        """From the first line on no turn uses what is being put away."""
        watch, self._watch, self._state = self._watch, None, None
        replication, self._replication = self._replication, None
        if replication is not None:
            await replication.close()
        if watch is not None:
            try:
                await watch.close(leaving=leaving)
            except HostError as error:
                LOG.warning("not withdrawn", reason=str(error))

    def spec(self) -> tuple[Spec | None, Generation]:
        """The spec in force."""
        return self._spec, self._generation

    def counters(self) -> Mapping[str, int]:
        """Packets per named counter and per entry on this node."""
        return self._keeper.counters()

    def status(self) -> dict[str, Any]:
        """What is true now."""
        now = asyncio.get_running_loop().time()
        return status(
            spec=self._spec,
            state=self._state,
            node=self.node,
            generation=self._generation.number,
            warnings=self._warnings(now),
            replication=self._replication.status() if self._replication else None,
            now=now,
        )

    async def _adopt(self, generation: Generation, spec: Spec, kept: Kept | None = None) -> None:
        """Watch, decide and keep by this spec from now on."""
        kinds = {s.steering.kind for s in (self._spec, spec) if s is not None}
        await self._stop_watching(leaving=len(kinds) > 1)
        if self._spec is not None:
            self._former |= {node.address: node.name for node in self._spec.nodes}
        for node in spec.nodes:
            self._former.pop(node.address, None)
        now = asyncio.get_running_loop().time()
        self._roles = still_valid(self._roles, self._spec, spec)
        self._spec, self._generation = spec, generation
        self._kept = kept or self._keeper.bring(spec, self._roles)
        self._keeper.end_withdrawn(spec)
        self._verified = now
        if self._kept.error:
            LOG.error("not in force", reason=self._kept.error)
        setup = setup_of(spec, self.node, self._former.values(), digest=generation.digest)
        watched = Watched(spec=spec, setup=setup, former=dict(self._former))
        self._watch = self._make_watch(watched, self, self.post)
        self._watch.changed = self._awake.set
        await self._watch.resume(f for f in self._store.failovers() if f.outcome == "running")
        self._replication = self._make_replication(spec, lambda: self._state)
        self._state = begin(setup, now, wishes=self._wishes, handing_out=self._roles.handing_out)
        self._awake.set()

    async def _tick(self) -> None:
        """Time passes: the decision looks at the clock four times in a heartbeat interval."""
        loop = asyncio.get_running_loop()
        beat = loop.time()
        while True:
            interval = self._spec.heartbeat.interval if self._spec else 0.1
            now = loop.time()
            if now >= beat:
                beat = max(beat + interval, now)
                self._say(again=True)
            if self._spec and now - self._verified >= self._spec.verify_interval:
                self._dirty = True
            self.post(Ticked())
            await asyncio.sleep(interval / 4)

    def _on_notice(self) -> None:
        if self._notices.read() & {Notice.TABLE, Notice.SETTINGS}:
            self._dirty = True
            self._awake.set()

    def _turn(self) -> None:
        """Observe, plan, apply, once for all that has come in."""
        events = list(self._inbox)
        self._inbox.clear()
        if self._state is None or self._spec is None or self._watch is None:
            return
        now = asyncio.get_running_loop().time()
        if self._dirty:
            self._keep(now)
        self._take(self._own_health())
        if self._watch.report is not None:
            self._watch.report.say(path_health(self._state))
        for event in events:
            self._take(event)
        self._play()
        self._offer(now)
        self._say(again=False)

    def _offer(self, now: float) -> None:
        """Tell the steering for what this node stands ready, where the network chooses by itself."""
        assert self._state is not None  # noqa: S101 (only called with a state)
        assert self._watch is not None  # noqa: S101 (made with the state)
        for share in self._state.setup.shares:
            self._watch.offer(share.name, stands_ready(self._state, share, now))

    def _keep(self, now: float) -> None:
        """Look at the kernel and put right what is not as the spec wants it."""
        self._bring(now)
        if self._kept.changes:
            what = "; ".join(summary(change) for change in self._kept.changes)
            self._drifts.add(now, what)
            LOG.warning("drift repaired", changes=what)

    def _bring(self, now: float) -> None:
        assert self._spec is not None  # noqa: S101 (only called with a spec)
        self._dirty = False
        self._kept = self._keeper.bring(self._spec, self._roles)
        self._verified = now
        if self._kept.error:
            LOG.error("repair failed", reason=self._kept.error)

    def _play(self) -> None:
        """Let the rules follow the decision: whose ports are whose, and which are handed out here."""
        assert self._state is not None  # noqa: S101 (only called with a state)
        assert self._spec is not None  # noqa: S101 (the same)
        roles = roles_of(self._state, self._taking, self._roles)
        if roles != self._roles:
            self._roles = roles
            self._kept = self._keeper.adopt(self._spec, roles)
            self._look_again()
            if self._kept.failure is None:
                self._store.keep("roles", render_roles(roles))
        wishes = lasting(self._state.wishes)
        if wishes != lasting(self._wishes):
            self._store.keep("wishes", render_wishes(wishes))
        self._wishes = self._state.wishes

    def _look_again(self) -> None:
        """Verify in the next turn: first the routes are moved, and the peers told."""
        self._dirty = True
        self._awake.set()

    def adopt(self, share: str, *, handing_out: bool) -> None:
        """Carry a share from now on, before its routes lead here; HostError if the rules do not."""
        self._taking[share] = handing_out
        self._play()
        if self._kept.failure is not None:
            raise self._kept.failure

    def record(self, failover: Failover) -> Failover:
        """Write the journal; a take-over that has ended no longer speaks for the decision."""
        if failover.outcome != "running":
            self._taking.pop(failover.share, None)
        recorded = self._store.record(failover)
        if failover.outcome == "done":
            task = asyncio.get_running_loop().create_task(self._count_into(recorded))
            self._counting.add(task)
            task.add_done_callback(self._counting.discard)
        return recorded

    async def _count_into(self, failover: Failover) -> None:
        """Add to a record how many flows moved along."""
        found = await self.count_flows(failover.share)
        if found is not None:
            counted = replace(failover, flows=found.flows, clients=found.clients)
            self._store.record(counted)

    @property
    def state(self) -> State | None:
        """What the decision knows; None without a spec."""
        return self._state

    async def refused(self, share: ShareSetup) -> dict[str, str]:
        """What the steering would refuse this node of a share's routes; nothing is changed."""
        return await self._watch.refused(share) if self._watch else {}

    async def count_flows(self, share: str) -> Flows | None:
        """The flows of a share on this node, and their clients; None if it has none to count."""
        return await self._replication.count(share) if self._replication else None

    def failovers(self, most: int = -1) -> tuple[Failover, ...]:
        """The journal of this node, the latest first."""
        return self._store.failovers(most)

    def _take(self, event: Event) -> None:
        assert self._state is not None  # noqa: S101 (only called with a state)
        assert self._watch is not None  # noqa: S101 (made with the state)
        now = asyncio.get_running_loop().time()
        before = _actives(self._state)
        self._state, orders = failover.step(self._state, event, now)
        for order in orders:
            if isinstance(order, TakeOver):
                LOG.warning("taking over", share=order.share, reason=order.reason)
            self._watch.carry_out(order)
        after = _actives(self._state)
        for share, node in after.items():
            if node != before[share]:
                self._note(share, before[share], node)
        moved = any(before[share] not in {None, node} for share, node in after.items())
        if moved and self._replication is not None:
            self._replication.moved()

    def _note(self, share: str, before: str | None, node: str | None) -> None:
        """What another node did is in the journal as well."""
        LOG.info("active", share=share, node=node, before=before)
        if before is not None and node not in {None, self.node}:
            self._store.record(seen(share, before, str(node), started=self.wall_clock()))

    def _own_health(self) -> HealthChanged:
        """Why this node may not carry each gateway, and which addresses it sees fail."""
        assert self._spec is not None  # noqa: S101 (only asked with a spec)
        assert self._watch is not None  # noqa: S101 (made with the spec)
        assert self._state is not None  # noqa: S101 (made with the watch)
        local = (f"rules not in force: {self._kept.error}",) if self._kept.error else ()
        if self._leaving:
            local = (*local, "natgate is being removed from this node")
        self._watch.addresses.carry(received(self._state), self.node, self._roles.unanswered)
        # Told together with the reasons that follow from it.
        self._sync = self._replication.view() if self._replication else NO_SYNC
        filling = self._replication.reasons() if self._replication else ()
        return own_health(
            self._spec, self._watch, local=local, filling=filling, unfilled=self._unfilled()
        )

    def _unfilled(self) -> list[str]:
        """The gateways that a node which is being filled must not take over; it keeps what it has."""
        assert self._state is not None  # noqa: S101 (only called with a state)
        shares = self._state.setup.shares
        carried = {s.gateway for s in shares if active(self._state, s.name) == self.node}
        return [name for name in dict.fromkeys(s.gateway for s in shares) if name not in carried]

    def _say(self, *, again: bool) -> None:
        """Tell the peers: at the interval, and at once when something changed."""
        if self._state is None or self._watch is None:
            return
        number, digest = self._generation.number, self._generation.digest
        view = failover.own_view(self._state, number, digest, self._handing_out(), self._sync)
        if again or view != self._said:
            self._watch.send(view)
            self._said = view

    def _handing_out(self) -> frozenset[str]:
        """As the rules are; where they could not be brought into force, as they may still be."""
        if self._kept.failure is None:
            return self._roles.handing_out
        return self._roles.handing_out | remembered_roles(self._store).handing_out

    def _warnings(self, now: float) -> list[ActiveWarning]:
        if self._state is None or self._spec is None:
            return []
        return [
            *warnings(self._state, self._generation.digest, now),
            *address_warnings(self._spec, self._roles.unanswered),
            *kernel_warnings(self.node, self._spec, self._kept),
            *(self._replication.warnings() if self._replication else ()),
            *self._drifts.warnings(now),
            *(self._watch.report.warnings() if self._watch and self._watch.report else ()),
            *self.more_warnings(),
        ]


def _actives(state: State) -> dict[str, str | None]:
    return {name: active(state, name) for name in state.shares}
