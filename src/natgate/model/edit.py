"""One entry more or less: what an operator's program changes between two specs."""

from dataclasses import dataclass
from functools import partial
from operator import is_not

from natgate.model.error import RefusedError
from natgate.model.gateway import DnatEntry, Entry, Gateway, OwnAddress, SnatEntry
from natgate.model.spec import Spec

KINDS: dict[str, type[Entry]] = {"snat": SnatEntry, "dnat": DnatEntry, "own": OwnAddress}
"""The lists of a gateway that hold entries, and what is in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddEntry:
    """An entry of this kind comes to a gateway, after those that are there."""

    gateway: str
    kind: str
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveEntry:
    """The entry of this name goes, of whichever kind it is."""

    gateway: str
    name: str


Edit = AddEntry | RemoveEntry


def edited(spec: Spec, edit: Edit) -> Spec:
    """The spec after an edit; its rules are not checked again.

    RefusedError if there is no such gateway, or no entry to remove.
    """
    gateway = gateway_of(spec, edit.gateway)
    if isinstance(edit, AddEntry):
        kind, entries = edit.kind, (*getattr(gateway, edit.kind), edit.entry)
    else:
        kind, gone = find_entry(gateway, edit.name)
        entries = tuple(filter(partial(is_not, gone), getattr(gateway, kind)))
    return with_entries(spec, gateway, kind, entries)


def with_entries(spec: Spec, gateway: Gateway, kind: str, entries: tuple[Entry, ...]) -> Spec:
    """The spec with other entries of a kind in one of its gateways."""
    changed = gateway.model_copy(update={kind: entries})
    gateways = tuple(changed if g is gateway else g for g in spec.gateways)
    return spec.model_copy(update={"gateways": gateways})


def gateway_of(spec: Spec, name: str) -> Gateway:
    """The gateway of this name; RefusedError with those that there are."""
    for gateway in spec.gateways:
        if gateway.name == name:
            return gateway
    names = ", ".join(gateway.name for gateway in spec.gateways)
    raise RefusedError(f"there is no gateway {name}: {names}")


def find_entry(gateway: Gateway, name: str) -> tuple[str, Entry]:
    """An entry with its kind; RefusedError if the gateway has none of this name."""
    for kind in KINDS:
        for entry in getattr(gateway, kind):
            if entry.name == name:
                return kind, entry
    raise RefusedError(
        f"gateway {gateway.name} has no entry {name}: natgate entries lists those it has"
    )
