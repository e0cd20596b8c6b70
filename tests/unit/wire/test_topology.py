"""Routes as a file, and from what `ip -j` says."""

import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from natgate.model.error import HostError, SpecError
from natgate.model.topology import STANDARD_RULES, PolicyRule, PortOfHost, TableRoute
from natgate.wire.topology import Heard, host_of, parse_routes, render_routes, routes_data
from tests.routed import DIVIDED, ROUTES

STANDARD: list[dict[str, Any]] = [
    {"priority": 0, "src": "all", "table": "local"},
    {"priority": 32766, "src": "all", "table": "main"},
    {"priority": 32767, "src": "all", "table": "default"},
]

LINKS: list[dict[str, Any]] = [
    {
        "ifname": "lo",
        "flags": ["LOOPBACK"],
        "addr_info": [{"family": "inet", "local": "127.0.0.1"}],
    },
    {
        "ifname": "eth0",
        "flags": ["UP"],
        "addr_info": [
            {"family": "inet", "local": "10.10.0.5"},
            {"family": "inet6", "local": "fe80::1"},
        ],
    },
    {},
]


def heard(
    rules: list[dict[str, Any]] | None = None, routes: list[dict[str, Any]] | None = None
) -> Heard:
    """What `ip` says on a host."""
    return Heard(
        name="node-a",
        role="node",
        forwards=True,
        addresses=json.dumps(LINKS),
        rules=json.dumps(STANDARD if rules is None else rules),
        routes=json.dumps(routes) if routes else "",
        segments={"eth0": "n"},
        tables={"1001": "edge"},
    )


@pytest.mark.parametrize("text", [ROUTES, DIVIDED])
def test_what_is_written_is_read_again(text: str) -> None:
    """As YAML, and as JSON, which is YAML too."""
    topology = parse_routes(text)
    assert parse_routes(render_routes(topology)) == topology
    assert parse_routes(json.dumps(routes_data(topology))) == topology


def test_every_problem_is_told_at_once() -> None:
    """Each with its line."""
    text = ROUTES.replace("metric", "x").replace("10.10.0.5/32", "10.10.0.5/24")
    with pytest.raises(SpecError) as raised:
        parse_routes(text.replace("role: target", "rolle: target"), "r")
    assert "host bits set" in str(raised.value)
    assert "unknown key" in str(raised.value)
    assert all(problem.line for problem in raised.value.problems)


def test_a_host_has_its_links_without_the_loopback() -> None:
    """Only IPv4 addresses count; what `ip` leaves empty is no link."""
    found = host_of(heard())
    assert found.links == (
        PortOfHost(name="eth0", segment="n", addresses=(IPv4Address("10.10.0.5"),)),
    )
    assert found.rules == STANDARD_RULES
    assert found.forwards
    assert found.tables == {}


def test_an_address_of_the_loopback_is_kept() -> None:
    """Some hosts have their addresses there."""
    lo = dict(LINKS[0], addr_info=[{"family": "inet", "local": "10.1.1.1"}])
    found = host_of(replace(heard(), addresses=json.dumps([lo])))
    assert found.addresses == (IPv4Address("10.1.1.1"),)


def test_rules_select_by_link_prefixes_and_mark() -> None:
    """Tables have the names that the lab gives them."""
    rules: list[dict[str, Any]] = [
        {"priority": 7, "not": None, "src": "10.1.0.0", "srclen": 16, "dst": "10.2.0.1",
         "fwmark": "0x4e470001", "fwmask": "0xff", "table": "77"},
        {"priority": 8, "src": "all", "iif": "p1", "iif_detached": None, "table": "1001"},
        {"priority": 9, "src": "all", "fwmark": "0x2", "action": "unreachable"},
    ]  # fmt: skip
    assert host_of(heard(rules=rules)).rules == (
        PolicyRule(
            pref=7,
            inverted=True,
            source=IPv4Network("10.1.0.0/16"),
            destination=IPv4Network("10.2.0.1/32"),
            mark=0x4E470001,
            mask=0xFF,
            table="77",
        ),
        PolicyRule(pref=8, iif="p1", table="edge"),
        PolicyRule(pref=9, mark=2, stops="unreachable"),
    )


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"priority": 5, "src": "all", "tos": "0x10", "table": "5"}, "rule 5 says tos"),
        ({"priority": 6, "src": "all", "action": "nat"}, "rule 6 says action nat"),
    ],
)
def test_a_rule_that_a_trace_does_not_know_is_refused(rule: dict[str, Any], said: str) -> None:
    """A guess would be a wrong trace."""
    with pytest.raises(HostError, match=said):
        host_of(heard(rules=[rule]))


def test_routes_are_kept_as_far_as_a_packet_may_take_them() -> None:
    """Not those of the host's own addresses, of broadcasts, and of dead links."""
    routes: list[dict[str, Any]] = [
        {"dst": "default", "gateway": "10.10.0.1", "dev": "eth0", "flags": []},
        {"type": "blackhole", "dst": "10.9.9.9", "flags": []},
        {"type": "local", "dst": "10.10.0.5", "dev": "eth0", "table": "local", "flags": []},
        {"type": "local", "dst": "127.0.0.0/8", "dev": "lo", "table": "local", "flags": []},
        {"type": "local", "dst": "10.8.0.0/16", "dev": "lo", "table": "local", "flags": []},
        {"type": "broadcast", "dst": "10.10.0.255", "table": "local", "flags": []},
        {"dst": "10.7.0.0/16", "dev": "eth0", "flags": ["dead", "linkdown"]},
        {"dst": "10.6.0.0/16", "table": "1001", "metric": 5, "prefsrc": "10.10.0.5", "flags": [],
         "nexthops": [{"gateway": "10.10.0.2", "dev": "eth0"}, {"gateway": "10.10.0.3", "dev": "eth0"}]},
    ]  # fmt: skip
    both = [
        TableRoute(
            to=IPv4Network("10.6.0.0/16"),
            via=IPv4Address(via),
            link="eth0",
            metric=5,
            source=IPv4Address("10.10.0.5"),
        )
        for via in ("10.10.0.2", "10.10.0.3")
    ]
    assert host_of(heard(routes=routes)).tables == {
        "main": (
            TableRoute(to=IPv4Network("0.0.0.0/0"), via=IPv4Address("10.10.0.1"), link="eth0"),
            TableRoute(to=IPv4Network("10.9.9.9/32"), type="blackhole"),
        ),
        "local": (TableRoute(to=IPv4Network("10.8.0.0/16"), type="local", link="lo"),),
        "edge": tuple(both),
    }
