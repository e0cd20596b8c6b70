"""Facts and orders are small frozen values."""

from dataclasses import FrozenInstanceError, fields
from typing import get_args

import pytest

from natgate.model import event
from natgate.model.event import HeartbeatHeard, TakeOver
from natgate.model.view import NodeView


@pytest.mark.parametrize("kind", [*get_args(event.Event), *get_args(event.Order)])
def test_facts_and_orders_are_frozen(kind: type) -> None:
    """Nobody can change a fact or an order after it was made."""
    values = dict.fromkeys((field.name for field in fields(kind)), "x")
    made = kind(**values)
    assert made == kind(**values)
    with pytest.raises((FrozenInstanceError, TypeError)):
        made.anything = 1


def test_facts_are_named_in_the_past_tense_and_orders_are_not() -> None:
    """A name tells a fact (something happened) from an order (something is to be done)."""
    assert all(kind.__name__.endswith(("ed", "Heard", "Read")) for kind in get_args(event.Event))
    assert {kind.__name__ for kind in get_args(event.Order)} == {
        "ClaimBlock",
        "ProbePeer",
        "ReadRoutes",
        "TakeOver",
    }


def test_equal_facts_are_equal() -> None:
    """Two facts that say the same are the same, whoever made them."""
    one = HeartbeatHeard(peer="b", view=NodeView())
    assert one == HeartbeatHeard(peer="b", view=NodeView())
    assert TakeOver(share="g", expected=None, reason="r").expected is None
