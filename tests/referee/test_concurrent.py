"""Two invocations at once, held up before every call while the world changes: all ends right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import get_ident
from typing import Any

import pytest

from tests.referee import events
from tests.referee.bench import SETUP, Bench
from tests.referee.cloud import A, Cloud, settled
from tests.referee.schedule import Work, orders

Change = Callable[[Cloud], None]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """`first` has happened before the first event; `then` happens at any time before the second."""

    first: Change
    then: Change
    events: tuple[Any, Any]
    right: set[str]


def _a_stops(cloud: Cloud) -> None:
    cloud.stop("a")


def _a_is_replaced_and_c_falls_ill(cloud: Cloud) -> None:
    cloud.stop("a", gone=True)
    cloud.launch("a2", A, age=100)
    cloud.alarm(c="ALARM")


SCENES = {
    "a falls ill, then c while a recovers": Scene(
        first=lambda cloud: cloud.alarm(a="ALARM"),
        then=lambda cloud: cloud.alarm(c="ALARM"),
        events=(events.alarm("alarm-a"), events.alarm("alarm-c")),
        right={"eni-a"},
    ),
    "a says that it is ill, then its alarm does": Scene(
        first=lambda _cloud: None,
        then=lambda cloud: cloud.alarm(a="ALARM"),
        events=(events.word(), events.alarm("alarm-a")),
        right={"eni-c"},
    ),
    "a stops, and is there again while c falls ill": Scene(
        first=_a_stops,
        then=_a_is_replaced_and_c_falls_ill,
        events=(events.state("i-a"), events.alarm("alarm-c")),
        right={"eni-a2"},
    ),
    "a falls ill, then it stops": Scene(
        first=lambda cloud: cloud.alarm(a="ALARM"),
        then=_a_stops,
        events=(events.alarm("alarm-a"), events.state("i-a")),
        right={"eni-c"},
    ),
}


def _works(scene: Scene, cloud: Cloud) -> Sequence[Work]:
    """The change of the world, and two invocations that stop before each call."""
    pauses: dict[int, Callable[[], None]] = {}
    cloud.before = lambda _name, _arguments: pauses[get_ident()]()

    def take(event: object, pause: Callable[[], None]) -> None:
        pauses[get_ident()] = pause
        Bench(cloud).take(event)

    change = Work(lambda _pause: scene.then(cloud))
    return (
        Work(lambda pause: take(scene.events[0], pause)),
        Work(lambda pause: take(scene.events[1], pause), starts=lambda: change.done),
        change,
    )


@pytest.mark.parametrize("name", SCENES)
def test_every_order_of_calls_ends_right(name: str) -> None:
    """All routes lead to one right node, and neither invocation fails."""
    scene, clouds = SCENES[name], []

    def make() -> Sequence[Work]:
        cloud = settled(SETUP)
        scene.first(cloud)
        clouds.append(cloud)
        return _works(scene, cloud)

    for works in orders(make, changes=3):
        edge, client = clouds[-1].leads()
        assert [work.error for work in works] == [None] * 3
        assert edge == client
        assert edge in scene.right
    assert len(clouds) > 100


def test_the_orders_find_what_reading_once_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A referee that does not look again leaves the routes divided, or at the ill node."""
    monkeypatch.setattr("natgate.agent.referee.TURNS", 1)
    scene, clouds = SCENES["a falls ill, then c while a recovers"], []

    def make() -> Sequence[Work]:
        clouds.append(settled(SETUP))
        scene.first(clouds[-1])
        return _works(scene, clouds[-1])

    ends = {tuple(clouds[-1].leads()) for _ in orders(make, changes=3)}
    assert ends > {("eni-a", "eni-a"), ("eni-c", "eni-c")}
    assert any(edge != client for edge, client in ends)
