"""A small world of an active-active gateway: what nodes say is late, and what their rules do counts.

Each node's rules give out the ports of shares; a rule change takes its time, and only then does the
node say so. All nodes read the same route table, whatever becomes of the path between them.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Network
from itertools import count
from random import Random

from natgate.model.claim import Claim
from natgate.model.event import (
    ClaimAnswered,
    ClaimBlock,
    Event,
    HealthChanged,
    HeartbeatHeard,
    Order,
    Probe,
    ProbeAnswered,
    ProbePeer,
    ReadRoutes,
    RoutesFailed,
    RoutesRead,
    TakeOver,
    Ticked,
    Wished,
)
from natgate.model.routes import Route
from natgate.model.view import NodeView
from natgate.model.wish import Wishes, lasting
from natgate.plan.failover import own_view, step
from natgate.plan.state import Setup, ShareSetup, State, begin
from tests.unit.plan.setups import EDGE, HOLD_DOWN, INTERVAL, TIMEOUT

TICK = INTERVAL / 2
SETTING_RULES = 0.004
"""Seconds that a change of the rules takes, at most; the agent does nothing else meanwhile."""

ABLE = 2.0
"""A node that has not read a share's routes for so long is not able to read them."""

WHERE = IPv4Network("192.0.2.0/24")


def shares(nodes: str, failback: float | None = None) -> tuple[ShareSetup, ...]:
    """One gateway `g` with a share for each node; the first has the edge route too."""
    return tuple(
        ShareSetup(
            name=f"g@{home}",
            gateway="g",
            nodes=(home, *(n for n in nodes if n != home)),
            routes=(*((EDGE,) if home == nodes[0] else ()), Route(table=home, destination=WHERE)),
            hold_down=HOLD_DOWN,
            has_echo=True,
            divided=True,
            failback=failback,
        )
        for home in nodes
    )


def divided_setup(me: str, nodes: str, failback: float | None = None) -> Setup:
    """The gateway as one of its nodes sees it."""
    return Setup(
        me=me,
        peers=tuple(n for n in nodes if n != me),
        shares=shares(nodes, failback),
        interval=INTERVAL,
        timeout=TIMEOUT,
        fenced=True,
        digest="d",
    )


@dataclass
class Node:
    """What is true of a node; `rules` are the shares whose ports its kernel gives to new flows."""

    name: str
    state: State
    alive: bool = True
    agent: bool = True
    upstream: bool = True
    born: int = 0
    rules: frozenset[str] = frozenset()
    taking: dict[str, bool] = field(default_factory=dict)
    kept: Wishes = field(default_factory=dict)
    said: NodeView = field(default_factory=NodeView)
    beat: float = -1.0
    free: float = 0.0
    able: dict[str, float] = field(default_factory=dict)
    numbers: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        """Whether its agent does."""
        return self.alive and self.agent


class DividedWorld:
    """Time goes from one happening to the next; `loss`, `lag`, `cut` and `refused` may change."""

    def __init__(self, nodes: str, seed: int, failback: float | None = None) -> None:
        self.random = Random(seed)  # noqa: S311 (a simulation, not a secret)
        self.now, self.loss, self.lag, self.refused = 0.0, 0.0, 0.005, 0.0
        self.cut: set[frozenset[str]] = set()
        self.fence_away = 0.0
        self.claims: dict[str, Claim] = {}
        self.setups = {n: divided_setup(n, nodes, failback) for n in nodes}
        self.shares = shares(nodes)
        self.table: dict[Route, str | None] = {r: None for s in self.shares for r in s.routes}
        self.nodes = {n: Node(name=n, state=begin(self.setups[n], 0.0)) for n in nodes}
        self.moved: list[tuple[float, str, str]] = []
        self.clashes: list[tuple[float, str, list[str]]] = []
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = count()
        for node in self.nodes.values():
            self.later(self.random.uniform(0, TICK), partial(self._tick, node))

    def later(self, delay: float, work: Callable[[], None]) -> None:
        """Something happens after a delay."""
        heapq.heappush(self._queue, (self.now + delay, next(self._count), work))

    def run(self, until: float) -> None:
        """Everything that happens until then; clashes are noted when they begin."""
        while self._queue and self._queue[0][0] <= until:
            self.now, _, work = heapq.heappop(self._queue)
            work()
            self._look()
        self.now = until

    def carrier(self, share: ShareSetup) -> str | None:
        """Whom the share's first route leads to."""
        return self.table[share.routes[0]]

    def givers(self, share: str) -> list[str]:
        """Whose rules give out the share's ports, of those that live and are able to read routes."""
        return [
            node.name
            for node in self.nodes.values()
            if node.runs
            and share in node.rules
            and node.able.get(share, self.now) <= self.now
            and self.now - node.able.get(share, -ABLE - 1) <= ABLE
        ]

    def restart(self, node: Node) -> None:
        """The agent starts anew: it knows what it kept, and its rules are as they were."""
        node.born += 1
        node.alive = node.agent = True
        node.taking, node.able, node.numbers, node.free = {}, {}, {}, self.now
        setup = self.setups[node.name]
        node.state = begin(setup, self.now, wishes=node.kept, handing_out=node.rules)

    def wish(self, node: Node, key: str, value: str) -> None:
        """An operator says a word on a node."""
        self.tell(node, Wished(key=key, value=value))

    def _look(self) -> None:
        for share in self.shares:
            givers = self.givers(share.name)
            if len(givers) > 1:
                self.clashes.append((self.now, share.name, givers))

    def _tick(self, node: Node) -> None:
        self.later(TICK, partial(self._tick, node))
        if node.runs:
            reasons = () if node.upstream else ("upstream",)
            self.tell(node, HealthChanged(reasons={"g": reasons}), Ticked())
            if self.now - node.beat >= INTERVAL:
                self._say(node, again=True)

    def tell(self, node: Node, *events: Event) -> None:
        """Facts reach a node's agent, once it has finished what it does."""
        if not node.runs:
            return
        if self.now < node.free:
            self.later(
                node.free - self.now, self._while_born(node, partial(self.tell, node, *events))
            )
            return
        for event in events:
            node.state, orders = step(node.state, event, self.now)
            for order in orders:
                self._carry_out(node, order)
        self._play(node, events)

    def _play(self, node: Node, events: Iterable[Event]) -> None:
        """The rules follow the decision, and then it is said."""
        held = node.state.shares
        wanted = frozenset(s for s in held if held[s].hands_out or node.taking.get(s))
        node.kept = lasting(node.state.wishes)
        read = [event.share for event in events if isinstance(event, RoutesRead)]
        if wanted == node.rules:
            node.able |= dict.fromkeys(read, self.now)
            self._say(node)
            return
        took = self.random.uniform(0.0005, SETTING_RULES)
        node.free = self.now + took
        node.able |= dict.fromkeys(read, node.free)

        def in_force() -> None:
            node.rules = wanted
            self._say(node)

        self.later(took, self._while_born(node, in_force))

    def _while_born(self, node: Node, work: Callable[[], object]) -> Callable[[], None]:
        """What a node does not do any more once it has died or restarted."""
        born = node.born

        def due() -> None:
            if node.runs and node.born == born:
                work()

        return due

    def _say(self, node: Node, *, again: bool = False) -> None:
        said = own_view(node.state, 1, "d", node.rules)
        if said == node.said and not again:
            return
        node.said, node.beat = said, self.now
        number = next(self._count)
        for peer in self.nodes.values():
            if peer is not node:
                hear = partial(self._hear, peer, node.name, said, (node.born, number), peer.born)
                self._send(node, peer, hear)

    def _hear(
        self, peer: Node, sender: str, said: NodeView, number: tuple[int, int], born: int
    ) -> None:
        """Nothing is believed twice, out of order, or after a restart of who hears it."""
        if peer.born == born and number > peer.numbers.get(sender, (-1, -1)):
            peer.numbers[sender] = number
            self.tell(peer, HeartbeatHeard(peer=sender, view=said))

    def _send(self, node: Node, peer: Node, arrive: Callable[[], None]) -> None:
        """A packet that may be lost, and takes its time."""
        cut = frozenset((node.name, peer.name)) in self.cut
        if not cut and self.random.random() >= self.loss:
            self.later(self.random.uniform(0.0005, self.lag), arrive)

    def _carry_out(self, node: Node, order: Order) -> None:
        match order:
            case ProbePeer():
                self._probe(node, self.nodes[order.peer])
            case ReadRoutes():
                end = self._fail if self.random.random() < self.refused else self._read
                self._in_turn(node, [partial(end, node, order.share)])
            case TakeOver():
                self._take_over(node, order)
            case ClaimBlock():
                self._in_turn(node, [lambda: self._ask_fence(node, order.share)])

    def _probe(self, node: Node, peer: Node) -> None:
        def answer(probe: Probe, *, good: bool) -> None:
            gateway = "g" if probe is Probe.UPSTREAM else None
            event = ProbeAnswered(peer=peer.name, probe=probe, gateway=gateway)
            if peer.alive and good:
                self._send(peer, node, lambda: self.tell(node, event))

        self._send(node, peer, lambda: answer(Probe.KERNEL, good=True))
        self._send(node, peer, lambda: answer(Probe.FORWARDING, good=True))
        self._send(node, peer, lambda: answer(Probe.UPSTREAM, good=peer.upstream))

    def _take_over(self, node: Node, order: TakeOver) -> None:
        """Read, compare, rules, each route, read again: others may come between any two steps."""
        share = next(s for s in self.shares if s.name == order.share)

        def begin_moving() -> None:
            if self.carrier(share) != order.expected:
                self._read(node, share.name)
                return
            claim = self._claim(node, share.name)
            own = share.home == node.name if claim is None else claim.owner == node.name
            node.taking[share.name] = order.released and own
            self._play(node, ())
            refused = self.random.random() < self.refused
            work = [partial(self._move, node, route) for route in share.routes]
            end = self._fail if refused else self._read
            self._in_turn(node, [*work[: 1 if refused else None], partial(end, node, share.name)])

        self._in_turn(node, [begin_moving])

    def _ask_fence(self, node: Node, share: str) -> None:
        self._claim(node, share)

    def _claim(self, node: Node, share: str) -> Claim | None:
        """Ask the fence, which may be away: who comes first is the owner."""
        if self.random.random() < self.fence_away:
            self.tell(node, ClaimAnswered(share=share, claim=None))
            return None
        held = self.claims.get(share)
        if held is None or held.owner != node.name:
            held = Claim(owner=node.name, epoch=held.epoch + 1 if held else 1)
            self.claims[share] = held
        self.tell(node, ClaimAnswered(share=share, claim=held))
        return held

    def _in_turn(self, node: Node, works: Sequence[Callable[[], object]]) -> None:
        """One after the other; a node that dies or restarts meanwhile does no more of it."""
        at = 0.0
        for work in works:
            at = max(at, node.free - self.now) + self.random.uniform(0.0001, 2 * self.lag)
            self.later(at, self._while_born(node, work))

    def _move(self, node: Node, route: Route) -> None:
        if self.table[route] != node.name:
            self.moved.append((self.now, node.name, str(route)))
        self.table[route] = node.name

    def _read(self, node: Node, share: str) -> None:
        node.taking.pop(share, None)
        routes = next(s.routes for s in self.shares if s.name == share)
        self.tell(node, RoutesRead(share=share, holders={r: self.table[r] for r in routes}))

    def _fail(self, node: Node, share: str) -> None:
        node.taking.pop(share, None)
        self.tell(node, RoutesFailed(share=share, error="refused"))
