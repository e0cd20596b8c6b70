"""The configuration of FRR in a lab."""

from natgate.lab import catalogue, routing
from natgate.lab.record import Lab
from natgate.wire import frr

BGP = Lab(name="x", scene=catalogue.prepared("fixed-source-bgp"))


def test_a_lab_has_frr_only_where_its_scene_asks_for_it() -> None:
    """The VPC router and each node speak BGP, and nobody else."""
    assert routing.speakers(BGP) == ("vpc", "node-a", "node-c")
    assert routing.speakers(Lab(name="x", scene=catalogue.prepared("fixed-source"))) == ()


def test_an_operators_configuration_holds_nothing_of_natgate() -> None:
    """Nothing is announced before natgate comes."""
    for text in (routing.router_configuration(["10.10.0.68"]), routing.node_configuration("10.1")):
        made = frr.parse_running(text)
        assert (made.networks, made.maps, made.foreign) == ({}, frozenset(), frozenset())
        assert "\nrouter bgp " in text


def test_the_router_has_every_node_for_a_neighbour() -> None:
    """Each by its own address, all of one kind, so that their MEDs are compared."""
    text = routing.router_configuration(["10.10.0.68", "10.10.0.100"])
    for node in ("10.10.0.68", "10.10.0.100"):
        assert f" neighbor {node} peer-group nodes\n" in text
