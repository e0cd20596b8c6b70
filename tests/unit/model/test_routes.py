"""Which routes carry a gateway."""

from hypothesis import given

from natgate.model.routes import EVERYWHERE, wanted_routes
from natgate.model.spec import Spec
from natgate.wire.config import parse_spec
from tests.specs import spec_with, specs, two_zones


def _texts(spec: Spec) -> list[str]:
    return [str(route) for route in wanted_routes(spec, spec.gateways[0])]


def test_the_edge_route_comes_first() -> None:
    """The route of returning traffic tells who is active; then come those of the clients."""
    assert _texts(two_zones()) == [
        "10.10.0.80/28 in edge",
        "192.168.100.0/24 in clients-a",
        "192.168.100.0/24 in clients-c",
    ]


def test_an_address_in_no_subnet_is_routed_alone() -> None:
    """A fixed address outside the network is routed as itself."""
    text = spec_with(
        (
            "  ranges: [10.10.0.0/24]\n",
            "  ranges: [10.10.0.0/24]\n  address_ranges: [198.51.100.0/24]\n",
        ),
        ("10.10.0.85", "198.51.100.7"),
    )
    assert _texts(parse_spec(text))[0] == "198.51.100.7/32 in edge"


def test_an_entry_for_everywhere_needs_the_default_route() -> None:
    """Without destinations the clients' default route leads to the node."""
    text = spec_with(("        destinations: [192.168.100.0/24]\n", ""))
    assert _texts(parse_spec(text))[1:] == ["0.0.0.0/0 in clients-a", "0.0.0.0/0 in clients-c"]


def test_only_the_tables_of_the_sources_are_concerned() -> None:
    """A client subnet without a source of the entry keeps its routes; a shared table counts once."""
    text = spec_with(("10.10.0.0/28, 10.10.0.32/28]", "10.10.0.0/29, 10.10.0.8/29]"))
    assert _texts(parse_spec(text))[1:] == ["192.168.100.0/24 in clients-a"]


@given(specs())
def test_routes_are_unique_and_lead_with_the_addresses(spec: Spec) -> None:
    """Each gateway's routes are distinct, edge routes first, one default route at most a table."""
    for gateway in spec.gateways:
        routes = wanted_routes(spec, gateway)
        assert len(set(routes)) == len(routes)
        edge = [route.table == spec.network.edge_table for route in routes]
        assert edge == sorted(edge, reverse=True)
        assert edge[0]
        everywhere = [route.table for route in routes if route.destination == EVERYWHERE]
        assert len(set(everywhere)) == len(everywhere)
