"""Flows as the kernel holds them, and what an operator calls them."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from natgate.model.open_flow import (
    ASSURED,
    DESTINATION_TRANSLATED,
    ICMP,
    IPV4,
    IPV6,
    SCTP,
    SEEN_REPLY,
    SOURCE_TRANSLATED,
    TCP,
    UDP,
    OpenFlow,
    address_text,
    protocol_text,
    state_of,
)

FLOW = OpenFlow(
    family=IPV4,
    protocol=TCP,
    status=0,
    id=1,
    source=1,
    source_port=11,
    destination=2,
    destination_port=22,
    reply_source=3,
    reply_source_port=33,
    reply_destination=4,
    reply_destination_port=44,
)


@pytest.mark.parametrize(
    ("status", "kind", "client", "address", "port"),
    [
        (0, "none", 1, 4, 44),
        (SOURCE_TRANSLATED, "snat", 1, 4, 44),
        (DESTINATION_TRANSLATED, "dnat", 3, 2, 22),
        (SOURCE_TRANSLATED | DESTINATION_TRANSLATED, "both", 3, 2, 22),
    ],
)
def test_the_kind_is_what_the_kernel_did(
    status: int, kind: str, client: int, address: int, port: int
) -> None:
    """It tells which end is the host behind, and which address is the gateway's."""
    flow = replace(FLOW, status=status | ASSURED)
    assert (flow.kind, flow.client, flow.address, flow.address_port) == (
        kind,
        client,
        address,
        port,
    )


def test_the_port_of_an_echo_is_its_id_as_the_far_end_sees_it() -> None:
    """Its answer has the same id."""
    echo = replace(FLOW, protocol=ICMP, status=SOURCE_TRANSLATED)
    assert (echo.is_echo, echo.address_port) == (True, 33)


@pytest.mark.parametrize(
    ("protocol", "state", "status", "text"),
    [
        (TCP, 3, 0, "established"),
        (TCP, 99, 0, "99"),
        (SCTP, 2, 0, "cookie-wait"),
        (UDP, 0, 0, "unreplied"),
        (UDP, 0, SEEN_REPLY, "replied"),
        (UDP, 0, SEEN_REPLY | ASSURED, "assured"),
    ],
)
def test_a_flow_has_the_state_of_its_protocol(
    protocol: int, state: int, status: int, text: str
) -> None:
    """Or else whether it was answered, and is kept when the table is full."""
    assert state_of(replace(FLOW, protocol=protocol, state=state, status=status)) == text


def test_numbers_are_written_as_people_write_them() -> None:
    """Addresses of both families, and protocols with and without a name."""
    assert address_text(IPV4, int(IPv4Address("192.0.2.1"))) == "192.0.2.1"
    assert address_text(IPV6, int(IPv6Address("2001:db8::1"))) == "2001:db8::1"
    assert (protocol_text(17), protocol_text(200)) == ("udp", "200")
