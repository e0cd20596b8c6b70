"""A small world for the decision: nodes, messages that are lost or late, and one route table."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random

from natgate.model.event import (
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
)
from natgate.model.routes import Route
from natgate.model.view import NodeView
from natgate.plan.failover import own_view, step
from natgate.plan.state import State, begin
from tests.unit.plan.setups import INTERVAL, ROUTES, setup

TICK = INTERVAL / 2


@dataclass
class Node:
    """What is true of a node, whatever others believe."""

    name: str
    state: State
    alive: bool = True
    agent: bool = True
    rules: bool = True
    upstream: bool = True
    born: int = 0
    said: NodeView = field(default_factory=NodeView)
    beat: float = -1.0

    @property
    def forwards(self) -> bool:
        """Whether traffic led here reaches the upstream."""
        return self.alive and self.rules and self.upstream

    @property
    def can_act(self) -> bool:
        """Whether it could take over."""
        return self.forwards and self.agent


class World:
    """Time goes from one happening to the next; `loss` and `lag` may be changed meanwhile."""

    def __init__(self, nodes: str, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 (a simulation, not a secret)
        self.now, self.loss, self.lag = 0.0, 0.0, 0.005
        self.table: dict[Route, str | None] = dict.fromkeys(ROUTES)
        self.nodes = {n: Node(name=n, state=begin(setup(n, nodes), 0.0)) for n in nodes}
        self._order = nodes
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = count()
        for node in self.nodes.values():
            self.later(self.random.uniform(0, TICK), partial(self._tick, node))

    def later(self, delay: float, work: Callable[[], None]) -> None:
        """Something happens after a delay."""
        heapq.heappush(self._queue, (self.now + delay, next(self._count), work))

    def run(self, until: float) -> None:
        """Everything that happens until then."""
        while self._queue and self._queue[0][0] <= until:
            self.now, _, work = heapq.heappop(self._queue)
            work()
        self.now = until

    def restart(self, node: Node) -> None:
        """The agent starts anew and knows nothing."""
        node.born += 1
        node.agent, node.state = True, begin(setup(node.name, self._order), self.now)

    def _tick(self, node: Node) -> None:
        self.later(TICK, partial(self._tick, node))
        if not (node.alive and node.agent):
            return
        reasons = tuple(
            text for text, good in (("rules", node.rules), ("upstream", node.upstream)) if not good
        )
        self._tell(node, HealthChanged(reasons={"g": reasons}))
        self._tell(node, Ticked())
        said = own_view(node.state, 1, "d")
        if said != node.said or self.now - node.beat >= INTERVAL:
            node.said, node.beat = said, self.now
            for peer in self.nodes.values():
                if peer is not node:
                    heard = HeartbeatHeard(peer=node.name, view=said)
                    self._send(partial(self._tell, peer, heard))

    def _send(self, arrive: Callable[[], None]) -> None:
        """A packet that may be lost, and takes its time."""
        if self.random.random() >= self.loss:
            self.later(self.random.uniform(0.0005, self.lag), arrive)

    def _tell(self, node: Node, event: Event) -> None:
        if not (node.alive and node.agent):
            return
        node.state, orders = step(node.state, event, self.now)
        for order in orders:
            self._carry_out(node, order)

    def _carry_out(self, node: Node, order: Order) -> None:
        match order:
            case ProbePeer():
                self._probe(node, self.nodes[order.peer])
            case ReadRoutes():
                self._in_turn(node, [lambda: self._read(node)])
            case TakeOver():
                self._take_over(node, order)

    def _probe(self, node: Node, peer: Node) -> None:
        def answer(probe: Probe, *, good: bool) -> None:
            gateway = "g" if probe is Probe.UPSTREAM else None
            event = ProbeAnswered(peer=peer.name, probe=probe, gateway=gateway)
            if peer.alive and good:
                self._send(lambda: self._tell(node, event))

        self._send(lambda: answer(Probe.KERNEL, good=True))
        self._send(lambda: answer(Probe.FORWARDING, good=peer.rules))
        self._send(lambda: answer(Probe.UPSTREAM, good=peer.rules and peer.upstream))

    def _take_over(self, node: Node, order: TakeOver) -> None:
        """Read, compare, move each route, read again: others may come between any two steps."""

        def begin_moving() -> None:
            if self.table[ROUTES[0]] != order.expected:
                self._read(node)
                return
            ours = [r for r in ROUTES if self.table[r] is None or self.table[r] in self.nodes]
            refused = self.random.random() < self.loss / 2
            work = [partial(self._move, node, route) for route in ours]
            end = self._fail if refused else self._read
            self._in_turn(node, [*work[: 1 if refused else None], lambda: end(node)])

        self._in_turn(node, [begin_moving])

    def _in_turn(self, node: Node, works: list[Callable[[], None]]) -> None:
        """One after the other; a node that dies or restarts meanwhile does no more of it."""
        born, at = node.born, 0.0
        for work in works:
            at += self.random.uniform(0.0001, 2 * self.lag)

            def due(work: Callable[[], None] = work) -> None:
                if node.alive and node.agent and node.born == born:
                    work()

            self.later(at, due)

    def _move(self, node: Node, route: Route) -> None:
        self.table[route] = node.name

    def _read(self, node: Node) -> None:
        self._tell(node, RoutesRead(share="g", holders=dict(self.table)))

    def _fail(self, node: Node) -> None:
        self._tell(node, RoutesFailed(share="g", error="refused"))
