"""A flow, as people name it."""

from ipaddress import IPv4Address

import pytest

from natgate.model.flow import Flow


@pytest.mark.parametrize(
    ("protocol", "port", "text"),
    [
        ("tcp", 443, "tcp 10.10.0.5 to 198.51.100.7:443"),
        ("47", None, "47 10.10.0.5 to 198.51.100.7"),
    ],
)
def test_it_is_named_by_its_first_packet(protocol: str, port: int | None, text: str) -> None:
    """A protocol without ports has none."""
    here, there, seen = map(IPv4Address, ("10.10.0.5", "198.51.100.7", "203.0.113.3"))
    flow = Flow(
        source=here,
        destination=there,
        protocol=protocol,
        port=port,
        seen=seen,
        reached=there,
        reached_port=port,
    )
    assert str(flow) == text
