"""Two referees run at once while the world changes: every order of their steps ends right.

Each reads instances and alarms, then routes, then writes each change in any order, and begins
again until nothing is to be changed. All states that can be reached are visited.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from natgate.model.referee import CloudEvent, RouteChange, TableRoute, World
from natgate.plan.referee import decide
from tests.unit.plan.referee_setups import CLIENT, EDGE, NOW, SETUP, event, leads, world

MOST_TURNS = 5
"""The agent takes more than these."""


@dataclass(frozen=True, kw_only=True)
class Actor:
    """One referee: `seen` is the phase in which it read the world, `due` what it must write."""

    step: str = "look"
    seen: int = 0
    due: frozenset[RouteChange] = frozenset()
    turns: int = 0


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Everything at one time; a node carries each route."""

    phase: int
    edge: str | None
    client: str | None
    actors: tuple[Actor, Actor] = (Actor(), Actor())


@dataclass(frozen=True, kw_only=True)
class Scene:
    """How the world changes, the event at each change, and who must carry all in the end.

    The world is as `phases[0]` at first; the first referee starts at the second phase, the other
    one at the last.
    """

    phases: tuple[World, ...]
    events: tuple[CloudEvent, CloudEvent]
    right: set[str]


ILL_A = event("alarm", alarm="alarm-a")
ILL_C = event("alarm", alarm="alarm-c")
SCENES = {
    "a falls ill, then c while a recovers": Scene(
        phases=(
            world("a", "c"),
            world("a", "c", alarms="!o"),
            world("a", "c", alarms="o!"),
        ),
        events=(ILL_A, ILL_C),
        right={"a"},
    ),
    "a falls ill and recovers": Scene(
        phases=(world("a", "c"), world("a", "c", alarms="!o"), world("a", "c")),
        events=(ILL_A, ILL_A),
        right={"a", "c"},
    ),
    "a stops, and is there again while c falls ill": Scene(
        phases=(world("a", "c"), world("c"), world("a2", "c", alarms="o!")),
        events=(event("state", instance="i-a", leaving=True), ILL_C),
        right={"a2"},
    ),
    "a falls ill, then c stops": Scene(
        phases=(world("a", "c"), world("a", "c", alarms="!o"), world("a", alarms="!o")),
        events=(ILL_A, event("state", instance="i-c", leaving=True)),
        right={"a"},
    ),
    "two events about the same": Scene(
        phases=(world("a", "c"), world("a", "c", alarms="!o"), world("a", "c", alarms="!o")),
        events=(ILL_A, event("peer", zone=ILL_A.zone, ill=True)),
        right={"c"},
    ),
    "the first deployment, a comes after c": Scene(
        phases=(world(), world("c", alarms="??"), world("a", "c", alarms="??")),
        events=(event("launch", instance="i-c"), event("launch", instance="i-a")),
        right={"a", "c"},
    ),
}


def _next(scene: Scene, now: Moment) -> Iterator[Moment]:
    """Whatever may happen next."""
    if now.phase + 1 < len(scene.phases):
        yield replace(now, phase=now.phase + 1)
    for index, actor in enumerate(now.actors):
        if actor.step == "done" or now.phase < index + 1:
            continue
        for moment, after in _steps(scene, now, actor, scene.events[index]):
            actors = list(now.actors)
            actors[index] = after
            yield replace(moment, actors=(actors[0], actors[1]))


def _steps(
    scene: Scene, now: Moment, actor: Actor, about: CloudEvent
) -> Iterator[tuple[Moment, Actor]]:
    match actor.step:
        case "look":
            yield now, replace(actor, step="routes", seen=now.phase, turns=actor.turns + 1)
        case "routes":
            routes = {EDGE: leads(now.edge), CLIENT: leads(now.client)}
            seen = replace(scene.phases[actor.seen], routes=routes)
            due = frozenset(decide(SETUP, about, seen, NOW).changes)
            yield now, replace(actor, step="write" if due else "done", due=due)
        case _:
            for change in actor.due:
                left = actor.due - {change}
                yield (
                    _written(now, change.route, change.interface.removeprefix("eni-")),
                    replace(actor, step="write" if left else "look", due=left),
                )


def _written(now: Moment, route: TableRoute, node: str) -> Moment:
    return replace(now, edge=node) if route == EDGE else replace(now, client=node)


@pytest.mark.parametrize("name", SCENES)
def test_every_order_of_steps_ends_right(name: str) -> None:
    """All routes lead to one node, which is a right one, and after few turns."""
    scene = SCENES[name]
    at_first = "a" if name != "the first deployment, a comes after c" else None
    left = [Moment(phase=0, edge=at_first, client=at_first)]
    visited, ends = set(left), 0
    while left:
        now = left.pop()
        assert all(actor.turns <= MOST_TURNS for actor in now.actors), now
        following = list(_next(scene, now))
        if not following:
            ends += 1
            assert now.edge == now.client
            assert now.edge in scene.right
        for each in following:
            if each not in visited:
                visited.add(each)
                left.append(each)
    assert ends
