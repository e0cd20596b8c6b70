"""Which links of a lab reach each other."""

from collections import Counter

import pytest

from natgate.lab import catalogue, routes
from natgate.lab.scene import LINK, VPC, hosts


@pytest.mark.parametrize("name", catalogue.built_in())
def test_each_wire_has_two_ends_and_a_switch_has_all(name: str) -> None:
    """Every host is somewhere, and the tunnel is the same segment on all of them."""
    scene = catalogue.prepared(name)
    found = {host.name: dict(routes.segments(scene, host.name)) for host in hosts(scene)}
    tunnels = {links.pop("ng-vx") for links in found.values()}
    assert tunnels == {"ng-vx"}
    ends = Counter(segment for links in found.values() for segment in links.values())
    shared = {segment for segment, count in ends.items() if count > 2}
    assert shared == ({"segment"} if scene.fabric == "flat" else set())
    assert min(ends.values()) == 2
    assert all(LINK in links for host, links in found.items() if host != VPC)
