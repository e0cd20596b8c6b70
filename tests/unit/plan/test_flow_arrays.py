"""Flows in columns are chosen, ordered, named and counted as single ones are."""

from ipaddress import ip_network

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.flow_choice import EVERY, Choice, Network, families, takes
from natgate.model.flow_class import Bounds, Told
from natgate.model.flow_columns import Columns
from natgate.model.open_flow import IPV4, IPV6, OpenFlow, state_of
from natgate.plan import flow_arrays
from natgate.plan.flow_names import Names, Share
from natgate.plan.flow_rows import KEYS, counted, largest, ordered
from tests.unit.open_flows import BOTH, columns, flow, flows

FLOWS = st.sampled_from(BOTH).flatmap(lambda family: st.lists(flows(family), max_size=9))
FOUR = st.lists(flows(IPV4), max_size=9)
NETWORKS = [
    "10.0.0.0/24", "10.0.0.5", "203.0.113.1", "0.0.0.0/0", "2001:db8::/32", "::1", "8000::/1",
]  # fmt: skip
PREFIXES: st.SearchStrategy[Network | None] = st.none() | st.sampled_from(
    [ip_network(text) for text in NETWORKS]
)
CHOICES = st.builds(
    Choice,
    kinds=st.sampled_from([EVERY.kinds, Choice().kinds, ("snat",), ("dnat", "both")]),
    source=PREFIXES,
    destination=PREFIXES,
    client=PREFIXES,
    address=PREFIXES,
    protocol=st.sampled_from([None, 1, 6]),
    port=st.sampled_from([None, 80]),
    state=st.sampled_from([None, "established", "replied"]),
    mark=st.sampled_from([None, (1, 1), (2, 3)]),
    zone=st.sampled_from([None, 1]),
    without=st.sampled_from([(), (0x0A000005,)]),
)


def read(found: list[OpenFlow]) -> Columns:
    """The same in columns."""
    return columns(found, found[0].family if found else IPV4)


@given(FLOWS, CHOICES)
def test_the_same_flows_are_chosen(found: list[OpenFlow], choice: Choice) -> None:
    """Whatever the choice."""
    made = read(found)
    if made.family in families(choice):
        chosen = flow_arrays.mask(choice, made).tolist()
        assert chosen == [takes(choice, each) for each in found]


@pytest.mark.parametrize(
    "choice",
    [
        Choice(source=ip_network("10.0.0.0/24"), client=ip_network("10.0.0.5")),
        Choice(destination=ip_network("2001:db8::/32"), address=ip_network("2001:db8::1")),
        Choice(protocol=6, port=443, state="established", mark=(1, 1), zone=1),
        Choice(kinds=EVERY.kinds, without=(0x0A000005,)),
    ],
)
def test_each_part_of_a_choice_counts(choice: Choice) -> None:
    """Prefixes of both families, what is compared as a number, and sources left out."""
    for family in families(choice):
        here = 0xCB007101 if family == IPV4 else 0x20010DB8 << 96 | 1
        one = {
            "family": family, "source": 0x0A000005, "destination": here, "reply_source": here,
            "reply_destination": here, "reply_destination_port": 443, "mark": 3, "zone": 1,
        }  # fmt: skip
        found = [flow(**one), flow(**{**one, "source": 7}), flow(**{**one, "mark": 2})]
        chosen = flow_arrays.mask(choice, read(found)).tolist()
        assert chosen == [takes(choice, each) for each in found]


@pytest.mark.parametrize("key", KEYS)
@given(FLOWS)
def test_they_are_in_the_same_order(key: str, found: list[OpenFlow]) -> None:
    """By every key; and a row of the columns is the flow that it was."""
    made = read(found)
    rows = flow_arrays.rows(made, flow_arrays.order(made, key))
    assert [KEYS[key](row) for row in rows] == [KEYS[key](row) for row in ordered(found, key)]
    assert sorted(rows, key=repr) == sorted(found, key=repr)


@given(FLOWS)
def test_what_was_not_read_is_zero(found: list[OpenFlow]) -> None:
    """In a row of columns of which some are empty."""
    made = columns(found, read(found).family, ["id"])
    rows = flow_arrays.rows(made, np.arange(len(found)))
    assert [(row.id, row.source, row.status) for row in rows] == [(f.id, 0, 0) for f in found]


@given(FLOWS)
def test_groups_have_the_same_totals(found: list[OpenFlow]) -> None:
    """Also where the kernel counts nothing."""
    made = read(found)
    assert largest(flow_arrays.totals(made, *flow_arrays.states(made)), "flows") == largest(
        counted(found, state_of), "flows"
    )
    bare = columns(found, made.family, ["protocol", "state", "status"])
    totals = flow_arrays.totals(bare, *flow_arrays.states(bare))
    assert {(t.packets, t.bytes) for t in totals} <= {(0, 0)}


BOUNDS = Bounds(sources=(0x0A000100,), destinations=(0xC6336400,), ports=(80, 81))
SHARES = (
    Share(address=0xCB007101, gateway="g", first=1, last=100, carrier="a"),
    Share(address=0xCB007101, gateway="g", first=101, last=60_000, carrier="c"),
)
TOLD = st.builds(
    Told,
    entry=st.sampled_from(["", "g/one", "g/two"]),
    sources=st.sampled_from([frozenset(), frozenset({0xCB007101})]),
    target=st.sampled_from([None, 0x0A000005, 0xC6336407]),
)


@given(FOUR, st.lists(TOLD, min_size=1))
def test_they_have_the_same_entries_and_nodes(found: list[OpenFlow], told: list[Told]) -> None:
    """One translated flow of each class is asked for, and all others of it follow."""
    names = Names(bounds=BOUNDS, shares=SHARES, probing=(0xFFFFFFFF,))
    made = read(found)
    entries = flow_arrays.Entries(names, made)
    assert {BOUNDS.class_of(f) for f in entries.examples} == {
        BOUNDS.class_of(f) for f in found if f.kind != "none"
    }
    for number, known in enumerate(names.unknown(found)):
        names.told[known] = told[number % len(told)]
    entries.settle()
    shown = [entries.texts[place] for place in entries.places(made)]
    assert shown == [names.entry(each) for each in found]
    texts, places = flow_arrays.nodes(names, made)
    assert [texts[place] for place in places] == [names.node(each) for each in found]


def test_without_an_agent_nothing_has_a_name() -> None:
    """There is nothing to ask for."""
    entries = flow_arrays.Entries(Names(), columns([], IPV4))
    entries.settle()
    assert (entries.examples, entries.places(columns([], IPV4)).tolist()) == ([], [])
    assert flow_arrays.whole(np.array([[0, 0, 0, 1]], np.uint32)) == [1]
    assert len(columns([], IPV6)) == 0
