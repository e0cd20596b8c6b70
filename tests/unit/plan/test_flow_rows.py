"""Ordering and counting flows; test_flow_arrays.py compares with columns."""

import pytest

from natgate.model.open_flow import IPV6
from natgate.plan.flow_rows import KEYS, Total, counted, largest, ordered
from tests.unit.open_flows import flow


def test_flows_are_ordered_by_a_key_and_then_by_their_ends() -> None:
    """Numbers, not texts: 10.0.0.9 comes before 10.0.0.10; IPv4 before IPv6."""
    one, two, three = flow(source=9), flow(source=10), flow(source=1, family=IPV6)
    assert ordered([three, two, one], "source") == [one, two, three]


@pytest.mark.parametrize(
    ("key", "first", "last"),
    [
        ("bytes", {"bytes": 5}, {"reply_bytes": 4}),
        ("packets", {"reply_packets": 5}, {"packets": 4}),
        ("age", {"start_ns": 5}, {"start_ns": 0}),
        ("left", {"timeout": 5}, {"timeout": 6}),
        ("port", {"reply_destination_port": 5}, {"reply_destination_port": 6}),
        ("protocol", {"protocol": 1}, {"protocol": 6}),
        ("destination", {"reply_source": 1}, {"reply_source": 2}),
        ("client", {"source": 1}, {"source": 2}),
        ("address", {"reply_destination": 1}, {"reply_destination": 2}),
    ],
)
def test_each_key_says_what_comes_first(
    key: str, first: dict[str, int], last: dict[str, int]
) -> None:
    """The oldest, what moved most, and else the smallest."""
    assert ordered([flow(**last), flow(**first)], key) == [flow(**first), flow(**last)]
    assert key in KEYS


def test_groups_have_flows_packets_and_bytes_of_both_directions() -> None:
    """The largest first, by flows unless something else is the order."""
    found = [flow(bytes=1, packets=1), flow(reply_bytes=2, packets=1), flow(source=9, bytes=100)]
    groups = counted(found, lambda f: str(f.source))
    big, small = f"{0x0A000005}", "9"
    assert [(g.name, g.flows, g.packets, g.bytes) for g in largest(groups, "source")] == [
        (big, 2, 2, 3),
        (small, 1, 0, 100),
    ]
    assert [g.name for g in largest(groups, "bytes")] == [small, big]
    assert [g.name for g in largest(groups, "packets", 1)] == [big]
    one = Total(name="a", flows=1, packets=2, bytes=3)
    assert one.plus(one) == Total(name="a", flows=2, packets=4, bytes=6)
