"""What an operator has asked for: said on one node, known to all, the latest word counts."""

from collections.abc import Mapping
from dataclasses import dataclass

MAINTENANCE = "maintenance"
ON, OFF = "on", "off"
TO, AT = "to ", "at "


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Wish:
    """One word of an operator; of two that are equally late the greater value counts."""

    number: int
    value: str


Wishes = Mapping[str, Wish]
"""Wishes by what they concern: `maintenance`, `drain NODE`, `move SHARE`."""


def drain(node: str) -> str:
    """Whether a node is to carry nothing: on or off."""
    return f"drain {node}"


def move(share: str) -> str:
    """Where a share is to go (`to NODE`), or where an operator has put it (`at NODE`)."""
    return f"move {share}"


def value(wishes: Wishes, key: str) -> str:
    """What is wished, empty if nothing is."""
    return wishes[key].value if key in wishes else ""


def merged(one: Wishes, other: Wishes) -> Wishes:
    """The latest word on everything; the order does not matter."""
    keys = one.keys() | other.keys()
    return {key: max(w[key] for w in (one, other) if key in w) for key in sorted(keys)}


def said(wishes: Wishes, key: str, text: str) -> Wishes:
    """The wishes after a new word, which is later than all that is known."""
    number = wishes[key].number + 1 if key in wishes else 1
    return {**wishes, key: Wish(number=number, value=text)}


def lasting(wishes: Wishes) -> Wishes:
    """Those that outlive an agent: a move is forgotten with it, or it could happen much later."""
    return {key: wish for key, wish in wishes.items() if not key.startswith("move ")}
