"""A packet says itself where it comes from and goes."""

from ipaddress import IPv4Address

import pytest

from natgate.model.trace import Packet, Protocol


@pytest.mark.parametrize(
    ("protocol", "ports", "text"),
    [
        ("tcp", (40000, 443), "10.10.0.4:40000 -> 192.168.100.10:443"),
        ("udp", (None, 53), "10.10.0.4 -> 192.168.100.10:53"),
        ("icmp", (7, None), "10.10.0.4 -> 192.168.100.10"),
    ],
)
def test_a_packet_reads_as_source_and_destination(
    protocol: Protocol, ports: tuple[int | None, int | None], text: str
) -> None:
    """Ports are shown where there are some; an ICMP id is none."""
    packet = Packet(
        protocol=protocol,
        source=IPv4Address("10.10.0.4"),
        destination=IPv4Address("192.168.100.10"),
        source_port=ports[0],
        destination_port=ports[1],
    )
    assert str(packet) == text
