"""Quotas of a spec."""

import pytest

from natgate.model.quota import quota_problems
from natgate.wire.config import parse_spec
from tests.specs import TWO_ZONES, two_zones

SNAT = "    snat:\n"
DNAT = "    dnat: [{name: web, address: 10.10.0.85, protocol: tcp, port: 80, target: 10.10.0.1}]\n"
MORE = {
    "gateways": (
        "gateways",
        "5 are more than the quota of 4: remove some, or raise quotas.gateways",
    ),
    "addresses": (
        "gateways[0].addresses",
        "5 are more than the quota of 4: remove some, or raise quotas.addresses",
    ),
    "dnat": (
        "gateways[0].dnat",
        "5 are more than the quota of 4: remove some, or raise quotas.dnat",
    ),
    "snat": (
        "gateways[0].snat",
        "5 are more than the quota of 4: remove some, or raise quotas.snat",
    ),
}


def test_the_defaults_are_those_of_the_clouds() -> None:
    """Five gateways, each with 20 addresses, 40 SNAT and 100 DNAT entries."""
    assert two_zones().quotas.model_dump() == {
        "gateways": 5,
        "addresses": 20,
        "snat": 40,
        "dnat": 100,
    }


@pytest.mark.parametrize("name", MORE)
def test_a_spec_beyond_a_quota_is_refused_with_its_name_and_figure(name: str) -> None:
    """As much as the quota is admitted, one more is not; the sentence names the way out."""
    spec = parse_spec(f"{TWO_ZONES.replace(SNAT, DNAT + SNAT)}quotas: {{{name}: 4}}\n")
    (gateway,) = spec.gateways
    for count, problems in ((4, []), (5, [MORE[name]])):
        if name == "gateways":
            held = spec.model_copy(update={name: (gateway,) * count})
        else:
            many = gateway.model_copy(update={name: getattr(gateway, name) * count})
            held = spec.model_copy(update={"gateways": (many,)})
        assert [(p.path, p.message) for p in quota_problems(held)] == problems
