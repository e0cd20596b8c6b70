"""A trace as a document."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from natgate.wire.trace import parse_protocol, trace_data
from tests.gateways import every_entry
from tests.routed import WORLD, packet, routed, walked


def test_what_is_traced_is_written_with_its_port() -> None:
    """An echo has none."""
    assert parse_protocol("tcp:443") == ("tcp", 443)
    assert parse_protocol("udp:53") == ("udp", 53)
    assert parse_protocol("icmp") == ("icmp", None)


@pytest.mark.parametrize("text", ["tcp", "tcp:0", "udp:65536", "icmp:1", "sctp:5", ""])
def test_anything_else_is_refused(text: str) -> None:
    """With the three ways to write it."""
    with pytest.raises(ValueError, match="is not tcp:443, udp:53 or icmp"):
        parse_protocol(text)


def test_the_document_has_every_hop_and_the_three_sources() -> None:
    """`predicted` is a list where the spec leaves a choice; the question is there if there is one."""
    trace = walked(routed(), every_entry(), "client", packet("10.10.0.5", WORLD))
    data = trace_data(trace)
    assert set(data) == {"hops", "source_at_target", "match", "reason"}
    assert data["source_at_target"] == {
        "predicted": "203.0.113.3",
        "dry_run": None,
        "observed": None,
    }
    assert data["hops"][1] == {
        "host": "vpc",
        "role": "router",
        "in": "pc",
        "table": "clients",
        "prefix": "0.0.0.0/0",
        "next_hop": "10.10.0.20",
        "out": "pn",
        "verdict": "forwarded",
        "entry": None,
        "rule": None,
        "after": {
            "protocol": "tcp",
            "source": "10.10.0.5",
            "source_port": None,
            "destination": WORLD,
            "destination_port": 443,
        },
        "sources": [],
        "note": None,
    }
    two = replace(trace, possible=(IPv4Address(1), IPv4Address(2)), query=trace)
    data = trace_data(two)
    assert data["source_at_target"]["predicted"] == ["0.0.0.1", "0.0.0.2"]
    assert data["query"] == trace_data(trace)
