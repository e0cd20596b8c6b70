"""The world of the nodes with a referee in it, who sees alarms late and writes the same routes."""

from functools import partial

from natgate.model.referee import (
    Alarm,
    CloudEvent,
    Instance,
    RefereeSetup,
    RefereeShare,
    RouteChange,
    TableRoute,
    Target,
    Trigger,
)
from natgate.model.referee import World as Seen
from natgate.model.routes import Route
from natgate.plan.referee import decide
from tests.unit.plan.setups import ROUTES
from tests.unit.plan.world import Node, World

NAMES = {TableRoute(table=r.table, destination=str(r.destination)): r for r in ROUTES}
PERIOD = 0.25
"""How long an alarm takes; short, so that it often speaks while nodes decide."""


class Refereed(World):
    """Each zone is named after its node, and its interface too."""

    def __init__(self, nodes: str, seed: int) -> None:
        super().__init__(nodes, seed)
        self.written: list[tuple[float, str]] = []
        self.alarms: dict[str, Alarm] = dict.fromkeys(nodes, "INSUFFICIENT_DATA")
        share = RefereeShare(name="g", zones=tuple(nodes), routes=tuple(NAMES))
        self.referee = RefereeSetup(
            group="g", region="r", asg="g", alarms={n: n for n in nodes}, shares=(share,)
        )
        self.later(PERIOD, self._evaluate)
        self.later(4 * PERIOD, self._ticking)

    def judge(self, trigger: Trigger, zone: str = "", *, ill: bool = False) -> None:
        """An event reaches the referee, which runs; there may be several at once."""
        event = CloudEvent(trigger=trigger, kind=trigger, zone=zone, ill=ill)
        self.later(self.random.uniform(0, self.lag), partial(self._turn, event, 8))

    def _move(self, node: Node, route: Route) -> None:
        if self.table[route] != node.name:
            self.written.append((self.now, node.name))
        super()._move(node, route)

    def _evaluate(self) -> None:
        """Alarms follow what nodes say of themselves; a silent agent says nothing, which is bad."""
        self.later(PERIOD, self._evaluate)
        for node in self.nodes.values():
            state: Alarm = "OK" if node.can_act else "ALARM"
            if self.alarms[node.name] != state:
                self.alarms[node.name] = state
                self.judge("alarm", node.name)

    def _ticking(self) -> None:
        self.later(4 * PERIOD, self._ticking)
        self.judge("tick")

    def _turn(self, event: CloudEvent, left: int) -> None:
        """Read, decide, and write each route at a time of its own; then again, unless all is well."""
        running = tuple(
            Instance(zone=n.name, interface=n.name, instance=n.name)
            for n in self.nodes.values()
            if n.alive
        )
        routes = {
            name: None
            if (holder := self.table[route]) is None
            else Target(kind="ours", text=holder)
            for name, route in NAMES.items()
        }
        seen = Seen(instances=running, alarms=dict(self.alarms), routes=routes)
        changes = decide(self.referee, event, seen, self.now).changes
        if not changes or not left:
            return
        ends = [self.random.uniform(0, 2 * self.lag) for _ in changes]
        for end, change in zip(ends, changes, strict=True):
            if self.random.random() >= self.loss / 2:
                self.later(end, partial(self._write, change))
        self.later(max(ends) + 1e-6, partial(self._turn, event, left - 1))

    def _write(self, change: RouteChange) -> None:
        self.written.append((self.now, "referee"))
        self.table[NAMES[change.route]] = change.interface
