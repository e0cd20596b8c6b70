"""What a resolver may be."""

import pytest
from pydantic import ValidationError

from natgate.model.resolver import Resolver

WRITTEN = {
    "name": "resolver",
    "address": "10.0.0.2",
    "endpoint": "10.0.1.10",
    "forwards": [{"zone": "far.internal", "to": "10.9.0.53"}],
}


@pytest.mark.parametrize("zone", ["internal", "a.b-c.internal", "10.in-addr.arpa", "xn--4gbrim.eg"])
def test_a_zone_is_a_name_in_lower_case(zone: str) -> None:
    """One label or many, each of letters, digits and hyphens."""
    forwards = [{"zone": zone, "to": "10.9.0.53"}]
    made = Resolver.model_validate({**WRITTEN, "forwards": forwards})
    assert made.forwards[0].zone == zone


@pytest.mark.parametrize(
    "zone",
    ["", ".", 7, "far.internal.", "Far.internal", "far..internal", "-a.b", "a-.b", "a_b", "/#/"],
)
def test_what_is_no_name_is_refused(zone: object) -> None:
    """So that nothing else gets into a server's configuration."""
    with pytest.raises(ValidationError, match="a domain name in lower case"):
        Resolver.model_validate({**WRITTEN, "forwards": [{"zone": zone, "to": "10.9.0.53"}]})


@pytest.mark.parametrize("label", ["a" * 64, ".".join(["a" * 63] * 4)])
def test_a_name_has_its_longest_length(label: str) -> None:
    """63 characters in a label, 253 in all (RFC 1035, section 2.3.4)."""
    with pytest.raises(ValidationError, match="a domain name"):
        Resolver.model_validate({**WRITTEN, "forwards": [{"zone": label, "to": "10.9.0.53"}]})


def test_a_resolver_without_a_zone_is_refused() -> None:
    """It would know no name at all."""
    with pytest.raises(ValidationError, match="at least 1 item"):
        Resolver.model_validate({**WRITTEN, "forwards": []})
