"""Adverts, as a raw socket receives them."""

from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from natgate.wire.vrrp import Advert, parse_advert


def packet(*, ttl: int = 255, options: int = 0, body: str = "3133c80100050000 0a0000fe") -> bytes:
    """An advert of 10.0.0.2 with router id 51 and priority 200."""
    head = bytes([0x45 + options]) + bytes(7) + bytes([ttl, 112, 0, 0])
    head += IPv4Address("10.0.0.2").packed + IPv4Address("10.0.0.1").packed
    return head + bytes(4 * options) + bytes.fromhex(body)


def test_an_advert_says_who_is_active() -> None:
    """Its source, router id and priority are read, behind IP options as well."""
    expected = Advert(source=IPv4Address("10.0.0.2"), router_id=51, priority=200)
    assert parse_advert(packet()) == parse_advert(packet(options=2)) == expected


def test_what_is_no_advert_of_this_segment_is_not_believed() -> None:
    """One that was forwarded, is of version 2, or is cut short."""
    assert parse_advert(packet(ttl=254)) is None
    assert parse_advert(packet(body="2133c80100050000")) is None
    assert parse_advert(packet()[:27]) is None
    assert parse_advert(packet()[:19]) is None


@given(st.binary(max_size=64))
def test_any_packet_is_read_or_refused(data: bytes) -> None:
    """Nothing that arrives can raise an error."""
    found = parse_advert(data)
    assert found is None or 0 <= found.priority <= 255
