"""A take-over that is killed between any two of its effects ends in one consistent state."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

import pytest

from natgate.agent.takeover import WHOLE, Hands, TakeOverRun
from natgate.cloud.fake import FakeSteering
from natgate.cloud.interface import Target
from natgate.model.claim import Claim, claim_key
from natgate.model.error import HostError
from natgate.model.event import ClaimAnswered, RoutesFailed, RoutesRead, TakeOver
from natgate.model.journal import Failover
from natgate.model.routes import Route
from natgate.plan.state import ShareSetup
from natgate.store.fake import FakeStore
from natgate.store.fake_fence import FakeFence

NODES = {"a": IPv4Address("10.0.0.1"), "c": IPv4Address("10.0.0.3")}
ROUTES = tuple(Route(table=t, destination=IPv4Network("192.0.2.0/24")) for t in ("edge", "x", "y"))
EFFECTS = 40
"""More than a take-over has, so that the last ones run to their end."""


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


@dataclass
class Life:
    """How many effects a process has left before it is killed."""

    left: int

    def effect(self) -> None:
        """One effect is about to happen, or the process is dead."""
        if self.left <= 0:
            raise Killed
        self.left -= 1


@dataclass(slots=True)
class MortalSteering(FakeSteering):
    """Moves one route after the other, and may be killed before each."""

    life: Life = field(default_factory=lambda: Life(EFFECTS))

    async def read(self, routes: Sequence[Route]) -> Mapping[Route, Target | None]:
        """What each route leads to."""
        self.life.effect()
        return await FakeSteering.read(self, routes)

    async def point(self, routes: Sequence[Route], node: IPv4Address) -> Mapping[Route, str]:
        """Lead every route to a node."""
        failed: dict[Route, str] = {}
        for route in routes:
            self.life.effect()
            failed |= await FakeSteering.point(self, [route], node)
        return failed


@dataclass(slots=True)
class MortalFence(FakeFence):
    """May be killed before and after each call."""

    life: Life = field(default_factory=lambda: Life(EFFECTS))

    async def read(self, key: str) -> Claim | None:
        """The claim in force."""
        self.life.effect()
        return await FakeFence.read(self, key)

    async def claim(self, key: str, owner: str, expected: int) -> Claim:
        """Make `owner` the owner."""
        self.life.effect()
        answer = await FakeFence.claim(self, key, owner, expected)
        self.life.effect()
        return answer


@dataclass
class Node:
    """The node itself: its rules and its journal outlive its process."""

    store: FakeStore
    life: Life
    adopted: list[tuple[str, bool]] = field(default_factory=list)
    refuses: bool = False

    def adopt(self, share: str, *, handing_out: bool) -> None:
        """Bring the rules into force."""
        self.life.effect()
        if self.refuses:
            raise HostError("the kernel refused")
        self.adopted.append((share, handing_out))

    def record(self, failover: Failover) -> Failover:
        """Write the journal."""
        self.life.effect()
        return self.store.record(failover)

    def wall_clock(self) -> float:
        """Any time."""
        return 1.0


@dataclass
class World:
    """What outlives the processes: routes, claims, the journal; node `a` carried the share."""

    divided: bool
    fenced: bool = True
    targets: dict[Route, Target] = field(default_factory=lambda: dict.fromkeys(ROUTES, NODES["a"]))
    claims: dict[str, Claim] = field(default_factory=dict)
    store: FakeStore = field(default_factory=FakeStore)

    def __post_init__(self) -> None:
        """Node `a` owns the block."""
        if self.fenced:
            self.claims[self.key] = Claim(owner="a", epoch=1)

    @property
    def share(self) -> ShareSetup:
        """The one share, at home on node `a`."""
        return ShareSetup(
            name="g@a" if self.divided else "g",
            gateway="g",
            nodes=("a", "c"),
            routes=ROUTES,
            hold_down=1.0,
            has_echo=True,
            divided=self.divided,
        )

    @property
    def key(self) -> str:
        """Its name in the fence."""
        return claim_key("net", "g", "a" if self.divided else WHOLE)

    def process(self, effects: int = EFFECTS) -> tuple[TakeOverRun, MortalSteering, Node]:
        """A process of node `c` that is killed after so many effects."""
        life = Life(effects)
        steering = MortalSteering(targets=self.targets, life=life)
        node = Node(store=self.store, life=life)
        hands = Hands(
            me="c",
            network="net",
            nodes=NODES,
            names={address: name for name, address in NODES.items()},
            steering=steering,
            fence=MortalFence(claims=self.claims, life=life) if self.fenced else None,
            local=node,
        )
        return TakeOverRun(hands, self.share), steering, node

    def carriers(self) -> set[Target]:
        """Whom the routes lead to."""
        return set(self.targets.values())

    def owner(self) -> str | None:
        """Who owns the block by the word of the fence."""
        return self.claims[self.key].owner if self.fenced else None


ORDER = TakeOver(share="g", expected="a", reason="a is dead", released=True)


async def _take(world: World, effects: int) -> bool:
    """A take-over by a process that may be killed; whether it came to its end."""
    run, _, _ = world.process(effects)
    try:
        await run.run(ORDER)
    except Killed:
        return False
    return True


async def _restart(world: World, effects: int = EFFECTS) -> bool:
    """The next process ends what is open; whether it came to its end."""
    run, _, _ = world.process(effects)
    try:
        for record in world.store.failovers():
            if record.outcome == "running":
                await run.resume(record)
    except Killed:
        return False
    return True


def _assert_consistent(world: World) -> None:
    """One node carries every route and owns the block, and nothing is open in the journal."""
    assert len(world.carriers()) == 1
    (carrier,) = world.carriers()
    if world.fenced:
        assert NODES[str(world.owner())] == carrier
    assert all(record.outcome != "running" for record in world.store.failovers())


@pytest.mark.parametrize("fenced", [True, False], ids=["fenced", "no fence"])
@pytest.mark.parametrize("divided", [True, False], ids=["active-active", "active-standby"])
def test_killed_after_every_effect_it_ends_in_one_state(divided: bool, fenced: bool) -> None:  # noqa: FBT001
    """After a restart all routes lead to one node, which owns the block; every effect is tried."""

    async def story() -> None:
        for effects in range(EFFECTS):
            world = World(divided=divided, fenced=fenced)
            ended = await _take(world, effects)
            assert await _restart(world)
            _assert_consistent(world)
            if ended:
                assert world.carriers() == {NODES["c"]}
                return
        pytest.fail("a take-over never came to its end")

    asyncio.run(story())


@pytest.mark.parametrize("divided", [True, False], ids=["active-active", "active-standby"])
def test_killed_again_while_it_resumes_it_still_ends(divided: bool) -> None:  # noqa: FBT001
    """A second process that is killed at any effect of its resumption leaves work to a third."""

    async def story() -> None:
        for first in range(EFFECTS):
            for second in range(EFFECTS):
                world = World(divided=divided)
                if await _take(world, first):
                    return
                ended = await _restart(world, second)
                assert await _restart(world)
                _assert_consistent(world)
                if ended:
                    break

    asyncio.run(story())


def _run(world: World, order: TakeOver = ORDER) -> tuple[list[object], Node, MortalSteering]:
    async def story() -> tuple[list[object], Node, MortalSteering]:
        run, steering, node = world.process()
        return list(await run.run(order)), node, steering

    return asyncio.run(story())


def test_the_journal_has_the_intent_the_past_and_every_step() -> None:
    """What was there before, what was done in which order, and how it ended."""
    world = World(divided=True)
    events, node, _ = _run(world)
    (record,) = world.store.failovers()
    assert (record.before, record.after, record.reason) == ("a", "c", "a is dead")
    assert record.previous == {str(route): "a" for route in ROUTES}
    assert [step.name for step in record.steps] == ["claim", "rules", "routes", "verify"]
    assert record.outcome == "done"
    assert record.ms is not None
    assert node.adopted == [("g@a", True)]
    assert events[0] == ClaimAnswered(share="g@a", claim=Claim(owner="c", epoch=2))
    assert isinstance(events[1], RoutesRead)


def test_without_a_fence_the_ports_of_another_are_kept_and_not_given_out() -> None:
    """Flows of the block live on; new ones come from this node's own block."""
    world = World(divided=True, fenced=False)
    _, node, _ = _run(world)
    assert node.adopted == [("g@a", False)]


def test_ports_are_not_given_out_before_they_are_released() -> None:
    """A silent node may still give them out, whatever the fence says."""
    world = World(divided=True)
    order = TakeOver(share="g@a", expected="a", reason="a is dead", released=False)
    _, node, _ = _run(world, order)
    assert node.adopted == [("g@a", False)]


def test_a_fence_that_is_away_costs_ports_and_no_traffic() -> None:
    """The routes are moved all the same, and the flows kept."""

    async def story() -> None:
        world = World(divided=True)
        run, _, node = world.process()
        assert isinstance(run._hands.fence, MortalFence)  # noqa: SLF001 (the test's own)
        run._hands.fence.away = True  # noqa: SLF001
        events = await run.run(ORDER)
        assert world.carriers() == {NODES["c"]}
        assert node.adopted == [("g@a", False)]
        assert events[0] == ClaimAnswered(share="g@a", claim=None)
        assert world.store.failovers()[0].steps[0].what == "the fence is away"

    asyncio.run(story())


def test_who_claims_second_moves_nothing() -> None:
    """Of two nodes that take over at once the fence lets one."""

    class Busy(MortalFence):
        async def claim(self, key: str, owner: str, expected: int) -> Claim:
            self.claims[key] = Claim(owner="b", epoch=expected + 1)
            return await MortalFence.claim(self, key, owner, expected)

    async def story() -> None:
        world = World(divided=False)
        run, _, _ = world.process()
        object.__setattr__(run._hands, "fence", Busy(claims=world.claims))  # noqa: SLF001
        events = await run.run(ORDER)
        assert world.carriers() == {NODES["a"]}
        assert isinstance(events[-1], RoutesFailed)
        assert "b has claimed" in events[-1].error
        assert world.store.failovers()[0].outcome == "failed"

    asyncio.run(story())


def test_routes_that_were_moved_meanwhile_are_left_alone() -> None:
    """An order that expects somebody else is out of date: nothing is done and nothing recorded."""
    world = World(divided=False)
    order = TakeOver(share="g", expected="c", reason="c is dead")
    events, _, _ = _run(world, order)
    assert isinstance(events[0], RoutesRead)
    assert world.carriers() == {NODES["a"]}
    assert world.store.failovers() == ()


def test_a_refused_route_is_told_with_what_was_done() -> None:
    """Each route is tried, and the one that failed is named."""

    async def story() -> None:
        world = World(divided=False)
        run, steering, _ = world.process()
        steering.forbidden = {ROUTES[1]}
        events = await run.run(ORDER)
        assert isinstance(events[-1], RoutesFailed)
        assert "2 of 3 routes were led to c" in events[-1].error
        assert str(ROUTES[1]) in events[-1].error
        assert world.store.failovers()[0].outcome == "failed"

    asyncio.run(story())


def test_rules_that_cannot_be_brought_into_force_end_it() -> None:
    """No route leads here before the rules are there."""

    async def story() -> None:
        world = World(divided=True)
        run, _, node = world.process()
        node.refuses = True
        events = await run.run(ORDER)
        assert isinstance(events[-1], RoutesFailed)
        assert world.carriers() == {NODES["a"]}

    asyncio.run(story())


def test_routes_that_cannot_be_read_are_told() -> None:
    """Neither a take-over nor a resumption ends in silence."""

    async def story() -> None:
        world = World(divided=False)
        await _take(world, 5)
        run, steering, _ = world.process()
        steering.away = True
        assert isinstance((await run.run(ORDER))[0], RoutesFailed)
        await run.resume(world.store.failovers()[0])
        assert world.store.failovers()[0].outcome == "failed"

    asyncio.run(story())


def test_somebody_who_keeps_moving_the_routes_away_is_told() -> None:
    """Reading again does not go on for ever."""

    class Stubborn(MortalSteering):
        async def read(self, routes: Sequence[Route]) -> Mapping[Route, Target | None]:
            self.targets[ROUTES[2]] = NODES["a"]
            return await MortalSteering.read(self, routes)

    async def story() -> None:
        world = World(divided=False)
        run, _, _ = world.process()
        object.__setattr__(run._hands, "steering", Stubborn(targets=world.targets))  # noqa: SLF001
        events = await run.run(ORDER)
        assert isinstance(events[-1], RoutesFailed)
        assert "keeps moving" in events[-1].error

    asyncio.run(story())


def test_own_routes_are_kept_and_foreign_ones_left() -> None:
    """What a node hands over by is led to its peer, unless it leads to something that is no node."""

    async def story() -> None:
        world = World(divided=True)
        run, steering, _ = world.process()
        steering.targets[ROUTES[1]] = "link 7"
        del steering.targets[ROUTES[2]]
        await run._hands.keep([(route, "c") for route in ROUTES])  # noqa: SLF001
        assert list(world.targets.values()) == [NODES["c"], "link 7", NODES["c"]]

    asyncio.run(story())
