"""How full blocks are."""

from ipaddress import IPv4Address

from natgate.model.counts import PortUse
from natgate.plan.occupancy import (
    Occupancy,
    near_and_far,
    occupancy,
    port_warnings,
    without_port,
)
from natgate.wire.config import parse_spec
from tests.specs import divided_zones, spec_with, two_zones

FIXED = IPv4Address("10.10.0.85")
HOST, OTHER = IPv4Address("10.10.0.5"), IPv4Address("10.10.0.6")


def test_what_counts_is_the_fullest_destination() -> None:
    """A port may be used again towards another one; other addresses and ports are not counted."""
    uses = [PortUse(FIXED, 2000 + i, b"a", HOST) for i in range(3)]
    uses += [PortUse(FIXED, 2000, b"b", OTHER), PortUse(FIXED, 80, b"a", HOST)]
    uses += [PortUse(IPv4Address("192.0.2.1"), 2000, b"a", HOST)]
    (held,) = occupancy(two_zones(), uses)
    assert (held.address, held.share) == ("10.10.0.85", "partner")
    assert (held.flows, held.most, held.size) == (4, 3, 64511)
    assert held.clients == (("10.10.0.5", 3), ("10.10.0.6", 1))


def test_each_block_is_counted_for_itself() -> None:
    """In an active-active gateway one block may be full while another is empty."""
    first, second = occupancy(divided_zones(), [PortUse(FIXED, 65535, b"a", HOST)])
    assert (first.flows, first.most, second.flows, second.most) == (0, 0, 1, 1)
    assert first.size + second.size == 64511


def test_the_two_sides_are_those_of_sources_and_destinations() -> None:
    """Two hosts of each prefix, since one may be the node, and what is checked beyond the node."""
    near, far = near_and_far(two_zones())
    assert [str(a) for a in near] == ["10.10.0.1", "10.10.0.14", "10.10.0.33", "10.10.0.46"]
    assert [str(a) for a in far] == ["192.168.100.1", "192.168.100.5", "192.168.100.254"]


def test_everywhere_is_reached_by_the_default_route() -> None:
    """An entry for every destination, however it is written, leads where nobody has a route."""
    named = "        destinations: [192.168.100.0/24]\n"
    for written in ("", "        destinations: [0.0.0.0/0]\n"):
        _, far = near_and_far(parse_spec(spec_with((named, written))))
        assert [str(a) for a in far] == ["192.0.2.1", "192.0.2.254", "192.168.100.5"]


def test_a_single_address_is_its_own_both_ends() -> None:
    """A destination of one host, or of two."""
    text = spec_with(("[192.168.100.0/24]", "[192.168.100.5/32, 192.168.100.8/31]"))
    assert [str(a) for a in near_and_far(parse_spec(text))[1]] == [
        "192.168.100.5",
        "192.168.100.8",
        "192.168.100.9",
    ]


def held(address: str, most: int) -> Occupancy:
    """A block of a thousand ports."""
    hosts = (("10.10.0.5", most),) if most else ()
    return Occupancy(address=address, share="g", flows=most, most=most, size=1000, clients=hosts)


def test_a_lack_of_ports_is_told_of_the_fullest_address() -> None:
    """If it is nearly full: the kernel counts races in the same figure."""
    assert without_port(()) is None
    assert without_port((held("a", 899), held("b", 2))) is None
    assert without_port((held("a", 900), held("b", 950), held("c", 1))) == "b"


def test_there_is_a_warning_before_ports_are_used_up() -> None:
    """At four fifths, with the host that has most flows; and one when packets were refused."""
    assert list(port_warnings((held("a", 799), held("b", 0)), {})) == []
    low, refused = port_warnings((held("a", 800),), {"a": 1234})
    assert (low.code, low.subject) == ("ports-low", "a")
    assert low.text == (
        "a: 800 of 1,000 ports of g are in use towards one destination; 10.10.0.5 has most flows "
        "(800)"
    )
    assert (refused.code, refused.text) == (
        "ports-refused",
        "a: 1,234 first packets found no free port",
    )
