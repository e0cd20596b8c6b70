"""What can be written of one gateway."""

import pytest

from natgate.model.gateway import Failback, Health, IcmpCheck
from tests.specs import two_zones


def test_a_gateway_needs_no_more_than_a_name_and_an_address() -> None:
    """What is left out has the careful meaning: it stays where it is, and one node carries it."""
    (gateway,) = two_zones().gateways
    least = type(gateway).model_validate(
        {"name": gateway.name, "addresses": [{"address": "10.10.0.85"}]}
    )
    assert least.mode == "active-standby"
    assert least.failback == Failback(policy="sticky")
    assert least.health == Health()
    assert least.snat == ()


def test_an_echo_that_is_missed_three_times_is_a_failure() -> None:
    """The timeout of a check is three of its intervals unless told otherwise."""
    check = IcmpCheck.model_validate({"kind": "icmp", "address": "10.10.0.1"})
    assert check.timeout == pytest.approx(3 * check.interval)
