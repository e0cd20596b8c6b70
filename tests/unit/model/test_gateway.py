"""What can be written of one gateway."""

import pytest

from natgate.model.error import SpecError
from natgate.model.gateway import Failback, Gateway, Health, IcmpCheck
from natgate.wire.config import parse_spec
from tests.specs import spec_with, two_zones


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


def test_a_range_is_each_of_its_addresses() -> None:
    """A file may say a prefix; whatever reads the spec sees single addresses, in order."""
    text = spec_with(
        ("- {address: 10.10.0.85}", "- {range: 10.10.0.84/31, withdrawn: true}"),
        ("    snat:", "      - {address: 10.10.0.90}\n    snat:"),
    )
    (gateway,) = parse_spec(text).gateways
    shown = [(str(fixed.address), fixed.withdrawn) for fixed in gateway.addresses]
    assert shown == [("10.10.0.84", True), ("10.10.0.85", True), ("10.10.0.90", False)]
    assert Gateway.model_validate_json(gateway.model_dump_json()) == gateway


@pytest.mark.parametrize(
    ("written", "path", "words"),
    [
        ("range: 10.10.0.81/28", "addresses[0].range", "the prefix is 10.10.0.80/28"),
        ("range: 10.0.0.0/8", "addresses[0].range", "more than 256 addresses; take a /24 or less"),
        ("range: 10.10.0.80/28, address: 10.10.0.85", "addresses[0].address", "unknown key"),
        ("range: 10.10.0.80/28, foo: 1", "addresses[0].foo", "unknown key"),
        ("range: 10.10.0.80/31}\n      - {address: 10.10.0.90, foo: 1", "addresses[1].foo", "unkn"),
        ("range: 10.10.0.64/27", "addresses", "32 are more than the quota of 20"),
        ("range: 10.9.0.0/31", "addresses[0].address", "10.9.0.0 is outside every allowed range"),
    ],
)
def test_a_range_that_cannot_be_is_refused_at_its_place(
    written: str, path: str, words: str
) -> None:
    """The path is that of the file."""
    with pytest.raises(SpecError) as caught:
        parse_spec(spec_with(("{address: 10.10.0.85}", f"{{{written}}}")))
    found = {problem.path: problem.message for problem in caught.value.problems}
    assert words in found[f"gateways[0].{path}"]
