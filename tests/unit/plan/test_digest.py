"""A spec in sixteen digits."""

from hypothesis import given

from natgate.model.edit import KINDS, AddEntry, RemoveEntry, edited
from natgate.model.spec import Spec
from natgate.plan.digest import digest_of, digest_with, digest_without
from tests.gateways import every_entry
from tests.specs import specs


@given(specs(), specs())
def test_different_specs_have_different_digests(one: Spec, other: Spec) -> None:
    """And equal ones the same."""
    assert (digest_of(one) == digest_of(other)) == (one == other)
    assert len(digest_of(one)) == 16


def test_the_order_of_entries_means_nothing() -> None:
    """The longest mask wins, wherever it stands."""
    spec = every_entry()
    (gateway,) = spec.gateways
    turned = gateway.model_copy(update={"snat": gateway.snat[::-1]})
    assert digest_of(spec.model_copy(update={"gateways": (turned,)})) == digest_of(spec)


def test_the_digest_after_an_edit_follows_from_the_one_before() -> None:
    """For entries of every kind, there and back."""
    spec = every_entry()
    for kind in KINDS:
        for entry in getattr(spec.gateways[0], kind):
            without = edited(spec, RemoveEntry(gateway="web", name=entry.name))
            change = AddEntry(gateway="web", kind=kind, entry=entry)
            assert digest_without(digest_of(spec), change) == digest_of(without)
            assert digest_with(digest_of(without), change) == digest_of(spec)
