"""Gateways that a new spec takes away."""

from itertools import product

import pytest

from natgate.model.error import RefusedError
from natgate.model.spec import Spec
from natgate.plan import deletion
from natgate.wire.config import parse_spec
from tests.specs import spec_with, two_zones

PROTECTED = (
    "gateway partner is protected against deletion: first apply it with deletion_protection: false"
)
ENDS = (
    "gateway partner would be deleted, and with it all connections of 10.10.0.85 and the entries "
    "to-partner"
)
OTHER = parse_spec(spec_with(("- name: partner\n", "- name: other\n")))


def guarded(*, protected: bool = False, entries: bool = True) -> Spec:
    """Source 000 with its gateway protected or not, with its entry or without."""
    spec = two_zones()
    changed: dict[str, object] = {"deletion_protection": protected}
    changed |= {} if entries else {"snat": ()}
    gateway = spec.gateways[0].model_copy(update=changed)
    return spec.model_copy(update={"gateways": (gateway,)})


def test_a_protected_gateway_cannot_be_deleted() -> None:
    """Neither by a spec that does not have it, whatever is forced, nor by removing natgate."""
    for entries, force in product((True, False), repeat=2):
        before = guarded(protected=True, entries=entries)
        with pytest.raises(RefusedError) as refused:
            deletion.refuse_deletion(before, OTHER, force=force)
        assert str(refused.value) == PROTECTED
        with pytest.raises(RefusedError, match="protected"):
            deletion.refuse_removal(before)


def test_a_gateway_with_entries_is_deleted_only_by_force() -> None:
    """The refusal says what would end; without entries nothing stands against it."""
    with pytest.raises(RefusedError) as refused:
        deletion.refuse_deletion(guarded(), OTHER)
    way_out = "take its entries out first, or apply with --force-deletion"
    assert str(refused.value) == f"{ENDS}: {way_out}"
    deletion.refuse_deletion(guarded(), OTHER, force=True)
    deletion.refuse_deletion(guarded(entries=False), OTHER)


def test_nothing_stands_against_a_spec_that_keeps_its_gateways() -> None:
    """Nor against the first spec, nor against removing what is not protected."""
    before = guarded(protected=True)
    deletion.refuse_deletion(before, before)
    deletion.refuse_deletion(before, guarded())
    deletion.refuse_deletion(None, before)
    deletion.refuse_removal(guarded())
    deletion.refuse_removal(None)
    assert deletion.notes(before, before) == ()


def test_a_plan_says_what_would_be_deleted() -> None:
    """With the reason for which apply would refuse it; what has no entries goes without a word."""
    assert deletion.notes(guarded(), OTHER) == (
        f"{ENDS}; apply refuses that without --force-deletion",
    )
    (note,) = deletion.notes(guarded(protected=True, entries=False), OTHER)
    assert note.endswith("of 10.10.0.85; apply refuses that while it is protected")
    assert deletion.notes(guarded(entries=False), OTHER) == ()
