"""Conntrack events, many at a time."""

from contextlib import closing

import pytest

from natgate.kernel.flow_events import SETTINGS, FlowEvents
from natgate.kernel.sysctl import read
from tests.namespaces import execute

COMMON = "conntrack -I -s 10.1.0.10 -d 203.0.113.20 -t 100 -u SEEN_REPLY -p udp --dport 7000"


def flow(number: int, more: str = "") -> None:
    """A flow that is as good as one of packets."""
    execute(*f"{COMMON} --sport {5000 + number} {more}".split())


@pytest.mark.parametrize("new", [False, True])
def test_only_translated_flows_are_told(new: bool) -> None:  # noqa: FBT001 (a parameter)
    """Their ends, and their beginnings where asked; the others are not even queued."""
    with closing(FlowEvents(new=new, buffer=1 << 20)) as events:
        flow(1)
        flow(2, "--src-nat 10.1.200.5:2000")
        flow(3, "--dst-nat 10.1.0.11:80")
        assert (events.filled() > 0) == new
        execute("conntrack", "-F")
        assert 0 < events.filled() < 1
        batch = events.read()
        assert len(batch.starts) == (4 if new else 2)
        assert (batch.overrun, batch.oversized, batch.more) == (False, 0, False)
        assert len(events.read().starts) == 0
        assert all(batch.words[batch.starts] > 100), "a length of bytes begins each message"


def test_a_flow_that_began_before_anybody_listened_is_told_as_well() -> None:
    """Once the kernel has been told to keep that in mind; times are noted from then on."""
    with closing(FlowEvents(new=False, buffer=1 << 20)):
        assert {key: read(key) for key in SETTINGS} == SETTINGS
    flow(1, "--src-nat 10.1.200.5:2000")
    with closing(FlowEvents(new=False, buffer=1 << 20)) as events:
        execute("conntrack", "-F")
        assert len(events.read().starts) == 1


def test_an_overrun_is_told_and_the_rest_comes_later() -> None:
    """A buffer of some kilobytes holds a few events; every end arrives nevertheless."""
    with closing(FlowEvents(new=False, buffer=1 << 13)) as events:
        for number in range(30):
            flow(number, f"--src-nat 10.1.200.5:{2000 + number}")
        execute("conntrack", "-F")
        found, overruns = 0, 0
        while found < 30:
            batch = events.read()
            found += len(batch.starts)
            overruns += batch.overrun
    assert overruns > 0
