"""Idle time-outs as the operator writes them."""

import pytest

from natgate.model.error import SpecError
from natgate.model.timeouts import Timeouts
from natgate.wire.config import parse_spec
from tests.specs import spec_with

HEALTH = "    health:\n"


def timeouts(text: str) -> Timeouts:
    """Those of a gateway that says so."""
    written = (HEALTH, f"    timeouts: {text}\n{HEALTH}")
    return parse_spec(spec_with(written)).gateways[0].timeouts


def test_what_is_left_out_is_as_usual() -> None:
    """A quarter of an hour for TCP, a minute for UDP."""
    assert (Timeouts().tcp, Timeouts().udp) == (900.0, 60.0)
    assert timeouts("{tcp: 5m}") == Timeouts(tcp="5m", udp="60s")  # type: ignore[arg-type]


@pytest.mark.parametrize(("udp", "unreplied"), [("2s", 2), ("30s", 30), ("5m", 30)])
def test_a_udp_flow_that_is_no_stream_has_half_a_minute_at_most(udp: str, unreplied: int) -> None:
    """And never more than a stream has."""
    assert timeouts(f"{{udp: {udp}}}").unreplied == unreplied


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{tcp: 9s}", "gateways[0].timeouts.tcp: write whole seconds, from 10s to 432000s"),
        ("{tcp: 121h}", "gateways[0].timeouts.tcp: write whole seconds, from 10s to 432000s"),
        ("{udp: 1s}", "gateways[0].timeouts.udp: write whole seconds, from 2s to 86400s"),
        ("{udp: 2500ms}", "gateways[0].timeouts.udp: write whole seconds, from 2s to 86400s"),
        ("{udp: 60}", "write a duration with its unit"),
    ],
)
def test_what_the_kernel_cannot_keep_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    """With its place, and what to write instead."""
    with pytest.raises(SpecError) as caught:
        timeouts(text)
    assert sentence in str(caught.value)
    assert len(caught.value.problems) == 1
