"""Bandwidths as the operator writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.bandwidth import bandwidth_text, bits_of
from natgate.model.error import SpecError
from natgate.model.spec import Spec
from natgate.wire.config import parse_spec
from tests.specs import spec_with


@pytest.mark.parametrize(
    ("text", "bits", "again"),
    [
        ("64kbit/s", 64_000, "64kbit/s"),
        ("100Mbit/s", 100_000_000, "100Mbit/s"),
        ("1.5Gbit/s", 1_500_000_000, "1500Mbit/s"),
        ("0.064Mbit/s", 64_000, "64kbit/s"),
        ("100Gbit/s", 100_000_000_000, "100Gbit/s"),
    ],
)
def test_a_bandwidth_is_bits_per_second(text: str, bits: int, again: str) -> None:
    """Units are powers of a thousand, and it is written in the largest one that fits."""
    assert bits_of(text) == bits
    assert bandwidth_text(bits) == again


@given(st.integers(64, 10**8))
def test_what_is_written_reads_back(kbit: int) -> None:
    """Whatever may be written."""
    assert bits_of(bandwidth_text(kbit * 1000)) == kbit * 1000


@pytest.mark.parametrize(
    "text",
    [
        *("100", "100Mb/s", "100 Mbit/s", "100mbit/s", "1e3Mbit/s", "-1Mbit/s", ".5Gbit/s", ""),
        *(
            "63kbit/s",
            "0Mbit/s",
            "101Gbit/s",
            "64.5kbit/s",
            "1.0001Mbit/s",
            "100Mbit/s\n",
            "\u0661Mbit/s",
        ),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """In one sentence with what to write."""
    with pytest.raises(ValueError, match=r"write a bandwidth with its unit, such as .*100Mbit/s"):
        bits_of(text)


def test_a_number_is_no_bandwidth() -> None:
    """Nobody can tell of which unit; the sentence names the place."""
    with pytest.raises(SpecError) as caught:
        parse_spec(spec_with(("address: 10.10.0.85", "address: 10.10.0.85, bandwidth: 100")))
    (problem,) = caught.value.problems
    assert problem.path == "gateways[0].addresses[0].bandwidth"
    assert problem.message.startswith("write a bandwidth with its unit")


def test_a_spec_with_a_bandwidth_reads_back_from_its_own_json() -> None:
    """As text, with its unit."""
    spec = parse_spec(
        spec_with(("address: 10.10.0.85", "address: 10.10.0.85, bandwidth: 1.5Gbit/s"))
    )
    text = spec.model_dump_json(by_alias=True)
    assert '"bandwidth":"1500Mbit/s"' in text
    assert Spec.model_validate_json(text) == spec
