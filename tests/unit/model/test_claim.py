"""Claims: only strictly checked names reach a fence."""

import pytest

from natgate.model.claim import NOBODY, Claim, check_claim, claim_key, is_key, is_owner
from natgate.model.error import BugError


def test_a_key_names_network_gateway_and_share() -> None:
    """Its three names are those of the spec, in this order."""
    assert claim_key("main", "partner", "node-a") == "main/partner/node-a"
    assert is_key("main/partner/node-a")
    assert Claim(owner="", epoch=0) == NOBODY


@pytest.mark.parametrize("name", ["", "a/b", "../x", "A", "-a", "a b", "a\n", "a" * 32, "ä"])
def test_what_is_no_name_is_in_no_key(name: str) -> None:
    """A name that could mean something to a store, a shell or a log is refused."""
    for names in ((name, "g", "s"), ("n", name, "s"), ("n", "g", name)):
        with pytest.raises(BugError, match="no key of a fence"):
            claim_key(*names)
    assert not is_owner(name)


@pytest.mark.parametrize("key", ["n/g", "n/g/s/x", "/n/g/s", "n/g/s/"])
def test_a_key_has_three_names(key: str) -> None:
    """Neither fewer nor more."""
    assert not is_key(key)


def test_a_claim_is_checked_before_it_is_made() -> None:
    """A wrong key, a wrong owner or an epoch that nothing can count is a fault of natgate itself."""
    check_claim("n/g/s", "node-a", 0)
    for key, owner, expected in (
        ("n/g", "a", 0),
        ("n/g/s", "A", 0),
        ("n/g/s", "a", -1),
        ("n/g/s", "a", 2**63),
    ):
        with pytest.raises(BugError, match="cannot claim"):
            check_claim(key, owner, expected)
