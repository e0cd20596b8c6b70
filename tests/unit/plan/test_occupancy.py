"""How full blocks are."""

from ipaddress import IPv4Address

from natgate.model.counts import PortUse
from natgate.plan.occupancy import near_and_far, occupancy
from natgate.wire.config import parse_spec
from tests.specs import divided_zones, spec_with, two_zones

FIXED = IPv4Address("10.10.0.85")


def test_what_counts_is_the_fullest_destination() -> None:
    """A port may be used again towards another one; other addresses and ports are not counted."""
    uses = [PortUse(FIXED, 2000 + i, b"a") for i in range(3)]
    uses += [PortUse(FIXED, 2000, b"b"), PortUse(FIXED, 80, b"a")]
    uses += [PortUse(IPv4Address("192.0.2.1"), 2000, b"a")]
    (held,) = occupancy(two_zones(), uses)
    assert (held.address, held.share) == ("10.10.0.85", "partner")
    assert (held.flows, held.most, held.size) == (4, 3, 64511)


def test_each_block_is_counted_for_itself() -> None:
    """In an active-active gateway one block may be full while another is empty."""
    first, second = occupancy(divided_zones(), [PortUse(FIXED, 65535, b"a")])
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
