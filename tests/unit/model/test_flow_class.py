"""Flows that a spec cannot tell apart."""

from natgate.model.flow_class import EARLIER, NO_BOUNDS, NOTHING, Bounds, Told
from tests.unit.open_flows import flow


def test_flows_between_the_same_bounds_are_of_one_class() -> None:
    """A bound belongs to what begins there."""
    bounds = Bounds(sources=(10, 20), destinations=(5,), ports=(80, 81))
    one = bounds.class_of(flow(source=10, destination=5, destination_port=80))
    assert one == (6, 1, 1, 1)
    assert bounds.class_of(flow(source=19, destination=99, destination_port=80)) == one
    assert bounds.class_of(flow(source=20, destination=4, destination_port=81)) == (6, 2, 0, 2)
    assert NO_BOUNDS.class_of(flow()) == (6, 0, 0, 0)


def test_an_entry_names_what_it_translated_as_it_would_now() -> None:
    """What it would translate otherwise was translated by an earlier spec."""
    out = Told(entry="g/out", sources=frozenset({0xCB007101}), target=None)
    assert out.label(flow()) == "g/out"
    assert out.label(flow(reply_destination=1)) == EARLIER
    assert out.label(flow(status=0xE)) == ""
    served = Told(entry="g/http", sources=frozenset(), target=9)
    assert served.label(flow(status=0x2E, reply_source=9)) == "g/http"
    assert served.label(flow(status=0x2E, reply_source=8)) == EARLIER
    assert NOTHING.label(flow()) == EARLIER
