"""DNAT entries and hosts' own addresses as rules."""

import pytest

from natgate.model.spec import Spec
from natgate.model.table import Table
from natgate.plan import dnat
from natgate.plan.compile import NodeFacts, compile_node
from tests.gateways import every_entry


def table(spec: Spec) -> Table:
    """The table of the node."""
    return compile_node(spec, NodeFacts(name="node-a", links=("eth0",))).table


def rules(spec: Spec, chain: str) -> list[str]:
    """The texts of a chain of the node."""
    return [rule.text for rule in table(spec).chains[chain].rules]


def test_addresses_of_single_hosts_are_asked_before_ports_and_echo_last() -> None:
    """An echo is answered at addresses that serve no single host."""
    assert rules(every_entry(), "prerouting") == [
        "ip daddr vmap @whole",
        "ip daddr . meta l4proto . th dport vmap @served",
        "ip daddr { 203.0.113.1, 203.0.113.2, 203.0.113.3, 203.0.113.6 } icmp type echo-request "
        "dnat to 10.10.0.20",
    ]


def test_echo_is_not_answered_where_it_is_switched_off() -> None:
    """Whoever watches by ping must see the host, not the gateway."""
    silent = every_entry(("    health:", "    icmp_reply: false\n    health:"))
    assert not [text for text in rules(silent, "prerouting") if "echo" in text]


def test_a_port_leads_to_a_port_and_a_range_to_a_range() -> None:
    """The first public port leads to the host's first one, and so on."""
    spec = every_entry()
    assert rules(spec, "dnat.web.http") == ["meta l4proto tcp counter dnat to 10.10.0.6:8080"]
    assert rules(spec, "dnat.web.high") == ["meta l4proto udp counter dnat to 10.10.0.7:5000"]
    assert rules(spec, "dnat.web.range") == [
        "meta l4proto { tcp, udp } counter dnat ip to th dport map @dnat.web.range"
    ]
    single = every_entry(("protocol: both", "protocol: udp"))
    assert rules(single, "dnat.web.range") == [
        "meta l4proto udp counter dnat ip to udp dport map @dnat.web.range"
    ]
    mapped = table(spec).lookups["dnat.web.range"].elements
    assert dict(mapped) == {str(10 + n): f"10.10.0.6 . {110 + n}" for n in range(11)}
    served = table(spec).lookups["served"].elements
    assert len(served) == 1 + 22 + 1 + 1
    assert served["203.0.113.1 . udp . 20"] == "goto dnat.web.range"


def test_only_those_who_may_connect_are_let_through() -> None:
    """Everybody else meets no entry."""
    assert rules(every_entry(), "dnat.web.few") == [
        "ip saddr 198.51.100.0/24 meta l4proto tcp counter dnat to 10.10.0.7:22"
    ]
    listed = "clients: [198.51.100.0/24, 198.51.100.9/32, 192.0.2.7]"
    two = every_entry(("clients: [198.51.100.0/24]", listed))
    assert rules(two, "dnat.web.few")[0].startswith("ip saddr { 192.0.2.7, 198.51.100.0/24 } ")


def test_a_host_with_an_address_for_itself_leaves_with_it() -> None:
    """Its own one first, then the one of which it takes all ports, then SNAT entries."""
    spec = every_entry()
    order = [text for text in rules(spec, "postrouting") if "vmap" in text]
    assert order[:3] == [
        "ip saddr vmap @own",
        "ip saddr vmap @any-port",
        "ip saddr vmap @snat32",
    ]
    assert rules(spec, "leave.web.one") == ["counter snat to 203.0.113.5"]
    assert rules(spec, "leave.web.every") == ["counter snat to 203.0.113.4"]
    assert rules(spec, "dnat.web.every") == ["counter dnat to 10.10.0.7"]


def test_a_host_inside_is_seen_as_the_address_that_it_asked() -> None:
    """With ports that the gateway gives out, and that no entry serves."""
    hairpin = [
        text for text in rules(every_entry(), "postrouting") if "snat to ct original" in text
    ]
    asked = "{ 203.0.113.1, 203.0.113.2, 203.0.113.3, 203.0.113.4, 203.0.113.5 }"
    head = f"ct status dnat ip saddr @inside ct original ip daddr {asked} "
    assert hairpin == [
        f"{head}meta l4proto {{ icmp, tcp, udp }} numgen random mod 64510 < 3975 counter snat to "
        "ct original ip daddr:1025-4999 fully-random",
        f"{head}meta l4proto {{ icmp, tcp, udp }} counter snat to "
        "ct original ip daddr:5001-65535 fully-random",
        f"{head}counter snat to ct original ip daddr",
    ]


def test_an_entry_of_all_ports_has_no_target_ports() -> None:
    """Nobody may ask for them."""
    (gateway,) = every_entry().gateways
    with pytest.raises(TypeError):
        dnat.target_ports(gateway.dnat[-1])
