"""When an instance is replaced beside the events of section 3.2: not by good news, late by the tick."""

from dataclasses import replace

import pytest

from natgate.model.referee import READY_WITHIN, Instance
from natgate.plan.referee import decide
from tests.unit.plan.referee_setups import COOLDOWN, NOW, SETUP, A, C, event, node, world


def _name(instance: Instance | None) -> str | None:
    return None if instance is None else instance.instance.removeprefix("i-")


def test_good_news_replaces_nobody() -> None:
    """Two alarms of one cause end one after the other, and the later one is no illness any more."""
    given = world("a", "c", alarms="o!")
    for trigger, facts in (("alarm", {"alarm": "alarm-a"}), ("peer", {"zone": C})):
        told = event(trigger, **facts)  # type: ignore[arg-type]
        assert _name(decide(SETUP, told, given, NOW).replace) == "c"
        turn = decide(SETUP, replace(told, mended=True), given, NOW)
        assert (turn.replace, turn.skipped) == (None, ())


@pytest.mark.parametrize(
    ("alarms", "since", "replaced"),
    [
        ("o!", (0.0, 0.0), "c"),
        ("!o", (0.0, 0.0), "a"),
        ("o!", (0.0, NOW - COOLDOWN + 1), None),
        ("o!", (NOW - COOLDOWN + 1, 0.0), None),
        ("o!", (None, 0.0), None),
        ("o!", (0.0, None), None),
        ("?!", (0.0, 0.0), None),
        ("!!", (0.0, 0.0), None),
        ("oo", (0.0, 0.0), None),
    ],
)
def test_a_tick_replaces_what_has_been_ill_for_long(
    alarms: str, since: tuple[float | None, ...], replaced: str | None
) -> None:
    """One that was too young when its alarm began has no other event; the other zone must be well."""
    known = {zone: at for zone, at in zip((A, C), since, strict=True) if at is not None}
    given = replace(world("a", "c", alarms=alarms), since=known)
    turn = decide(SETUP, event(), given, NOW)
    assert (_name(turn.replace), turn.skipped) == (replaced, ())


def test_a_tick_waits_until_one_is_old_enough() -> None:
    """One that is still on its way to be ready is ill by the alarm that it has inherited."""
    ill, enough = {A: 0.0, C: 0.0}, READY_WITHIN + COOLDOWN
    for age, replaced in ((enough - 1, None), (enough, "c")):
        given = replace(world("a", node("c", age=age), alarms="o!"), since=ill)
        turn = decide(SETUP, event(), given, NOW)
        assert (_name(turn.replace), turn.skipped) == (replaced, ())
