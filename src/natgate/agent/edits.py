"""One entry more or less, written down and made at once."""

from dataclasses import dataclass

from natgate.agent.keeper import Keeper
from natgate.model.change import Change
from natgate.model.edit import AddEntry, Edit, edited
from natgate.model.error import NatgateError
from natgate.model.spec import Spec
from natgate.plan.digest import digest_with, digest_without
from natgate.plan.stale import Stale
from natgate.store.interface import Generation, Store
from natgate.wire.config import parse_spec
from natgate.wire.edit import parse_edit, render_edit


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The answer to an operator's spec: its generation, the changes, and how many flows were ended."""

    generation: int
    changes: tuple[Change, ...]
    ended: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What applying a spec would do: the changes, and the open flows that it would leave as before."""

    spec: Spec
    changes: tuple[Change, ...]
    stale: tuple[Stale, ...]


def make(
    keeper: Keeper, store: Store, spec: Spec, before: Generation, edit: Edit
) -> tuple[Spec, Generation, Change] | None:
    """The spec and the generation in force afterwards; None if the spec has to be compiled whole.

    It is stored first, as every spec is. HostError leaves the old one in force.
    """
    quick = keeper.quick(spec, edit)
    if quick is None:
        return None
    added = AddEntry(gateway=edit.gateway, kind="snat", entry=quick.entry)
    follows = digest_with if isinstance(edit, AddEntry) else digest_without
    generation = store.amend(before, render_edit(edit), follows(before.digest, added))
    try:
        keeper.make(edit, quick)
    except NatgateError:
        store.withdraw(generation.number)
        raise
    return quick.spec, generation, quick.change


def stored_spec(generation: Generation) -> Spec:
    """The spec of a stored generation."""
    spec = parse_spec(generation.text, "stored spec")
    for text in generation.edits:
        spec = edited(spec, parse_edit(text))
    return spec
