"""A file of routes contradicts itself nowhere, or says where."""

import pytest

from natgate.model.error import SpecError
from natgate.wire.topology import parse_routes
from tests.routed import ROUTES, host, routed
from tests.specs import replaced


def test_hosts_are_found_by_name_and_by_address() -> None:
    """What is not there is None."""
    topology = routed()
    assert topology.host("web") is topology.holder(host(topology, "web").addresses[0])
    assert topology.host("nobody") is None
    assert host(topology, "vpc").link("pw") is not None
    assert host(topology, "vpc").link(None) is None


def test_neighbours_are_the_others_of_a_segment() -> None:
    """A host is no neighbour of itself."""
    topology = routed()
    client = host(topology, "client")
    (found,) = topology.neighbours(client, client.links[0])
    assert (found[0].name, found[1].name) == ("vpc", "pc")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("name: web", "name: client", "hosts[1].name: host client is already at hosts[0].name"),
        ("{name: pw,", "{name: pc,", "hosts[2].links[1].name: link pc is already at"),
        ("table: nodes}", "table: nodes, stops: prohibit}", "hosts[2].rules[3]: give the table"),
        (", link: p0", ", link: p9", "hosts[4].tables.main[1].link: internet has no link p9"),
        (", link: p0", "", "hosts[4].tables.main[1].link: missing; say by which link"),
        ("hosts:", "carriers: {partner: node-x}\nhosts:", "carriers.partner: there is no host node-x"),
    ],
)  # fmt: skip
def test_every_contradiction_is_named_with_its_place(old: str, new: str, problem: str) -> None:
    """So that the file can be mended at once."""
    with pytest.raises(SpecError) as raised:
        parse_routes(replaced(ROUTES, (old, new)), "routes.yaml")
    assert problem in str(raised.value)


def test_a_resolver_asks_from_an_address_that_a_host_has() -> None:
    """Else its question has no way."""
    text = (
        "{name: r, address: 10.10.0.2, endpoint: 10.10.0.3, forwards: [{zone: x, to: 192.0.2.9}]}"
    )
    with pytest.raises(SpecError, match=r"no host has 10\.10\.0\.3"):
        routed(("hosts:", f"names: {{resolver: {text}}}\nhosts:"))
    held = text.replace("10.10.0.3", "10.10.0.5")
    assert routed(("hosts:", f"names: {{resolver: {held}}}\nhosts:")).names is not None
