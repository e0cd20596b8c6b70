"""One entry more or less in a spec."""

import pytest

from natgate.model.edit import KINDS, AddEntry, RemoveEntry, edited
from natgate.model.error import RefusedError
from natgate.model.gateway import SnatEntry
from tests.gateways import every_entry

ENTRY = SnatEntry.model_validate({"name": "new", "hosts": ["10.10.0.9"]})


def test_an_entry_comes_after_the_others_of_its_kind() -> None:
    """Nothing else of the spec changes."""
    spec = every_entry()
    after = edited(spec, AddEntry(gateway="web", kind="snat", entry=ENTRY))
    (before_gateway,), (gateway,) = spec.gateways, after.gateways
    assert gateway.snat == (*before_gateway.snat, ENTRY)
    assert gateway.model_copy(update={"snat": before_gateway.snat}) == before_gateway
    assert edited(after, RemoveEntry(gateway="web", name="new")) == spec


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_of_any_kind_goes_by_its_name(kind: str) -> None:
    """Names are unique in a gateway."""
    spec = every_entry()
    gone, *rest = getattr(spec.gateways[0], kind)
    after = edited(spec, RemoveEntry(gateway="web", name=gone.name))
    assert getattr(after.gateways[0], kind) == tuple(rest)


def test_what_is_not_there_is_refused() -> None:
    """With what there is."""
    with pytest.raises(RefusedError, match=r"^there is no gateway lost: web$"):
        edited(every_entry(), AddEntry(gateway="lost", kind="snat", entry=ENTRY))
    with pytest.raises(RefusedError, match=r"^gateway web has no entry lost: natgate entries"):
        edited(every_entry(), RemoveEntry(gateway="web", name="lost"))
