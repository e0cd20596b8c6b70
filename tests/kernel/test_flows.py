"""Flows in the kernel's own table."""

from ipaddress import IPv4Address
from socket import IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, inet_aton

import pytest

from natgate.kernel import flow_table, flows
from tests.namespaces import execute

ADDRESS = inet_aton("10.1.200.5")
OURS = [(frozenset([ADDRESS]), 1025, 65535)]
COMMON = "conntrack -I -s 10.1.0.10 -d 203.0.113.20 -t 100 -u SEEN_REPLY,ASSURED --mark 7"


@pytest.fixture(autouse=True)
def table() -> None:
    """Three translated flows, and one that is not."""
    udp = f"{COMMON} -p udp --dport 7000"
    execute(*f"{udp} --sport 5000 --src-nat 10.1.200.5:2000".split())
    execute(*f"{udp} --sport 5001 --src-nat 10.1.200.6:2001".split())
    execute(*f"{udp} --sport 5002".split())
    tcp = f"{COMMON} -p tcp --state ESTABLISHED --dport 7000 --sport 5003"
    execute(*f"{tcp} --src-nat 10.1.200.5:2003".split())


@pytest.mark.parametrize(
    ("protocols", "ports"),
    [
        ((None,), {2000, 2003}),
        ((IPPROTO_UDP,), {2000}),
        ((IPPROTO_TCP,), {2003}),
        ((IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_TCP), {2000, 2003}),
        ((IPPROTO_ICMP,), set()),
    ],
)
def test_flows_are_found_by_address_and_protocol(
    protocols: tuple[int | None, ...], ports: set[int]
) -> None:
    """Untranslated ones and those of other addresses are left out."""
    assert {flow.port for flow in flows.translated(OURS, protocols)} == ports


def test_flows_are_found_by_port() -> None:
    """A block is a part of an address; both of its ends belong to it."""
    addresses = frozenset([ADDRESS])
    assert [flow.port for flow in flows.translated([(addresses, 2003, 2003)])] == [2003]
    assert flows.has_any([(addresses, 1025, 2000)])
    assert not flows.has_any([(addresses, 2004, 65535)])
    assert not flows.has_any([])


def test_echoes_of_a_host_end_by_their_ids() -> None:
    """Those of other hosts, and those with other ids, go on."""
    made = [("10.1.0.10", 7), ("10.1.0.10", 8), ("10.1.0.11", 7)]
    for host, number in made:
        echo = f"conntrack -I -p icmp -s {host} -d 203.0.113.20 -t 100 --icmp-type 8"
        execute(*f"{echo} --icmp-code 0 --icmp-id {number}".split())
    flow_table.end_echoes(IPv4Address("10.1.0.10"), range(1, 8))
    listed = execute("conntrack", "-L", "-p", "icmp")
    left = {host: f"src={host} dst" in listed for host, _ in made}
    assert left == {"10.1.0.10": True, "10.1.0.11": True}
    assert "id=8" in listed
    assert listed.count("id=7") == 2


def test_a_touch_changes_nothing() -> None:
    """Neither the time that a flow has, nor its mark, nor its id; a flow that is gone is no error."""
    before = flows.translated(OURS)
    execute("conntrack", "-D", "-p", "udp")
    flows.touch([flow.tuple for flow in before])
    (after,) = flows.translated(OURS)
    (same,) = (flow for flow in before if flow.port == after.port)
    assert (after.key, after.tuple) == (same.key, same.tuple)
    assert 90 < after.left <= 100
    assert "mark=7" in execute("conntrack", "-L", "-p", "tcp")
