"""SNAT entries as rules."""

from dataclasses import replace
from ipaddress import IPv4Address

from natgate.model.gateway import PortRules
from natgate.model.roles import Roles
from natgate.model.share import Block
from natgate.model.spec import Spec
from natgate.plan.compile import NodeFacts, compile_node
from natgate.plan.snat import draws, groups_of
from tests.gateways import every_entry

EVERY = "meta l4proto { icmp, tcp, udp }"


def rules(spec: Spec, chain: str) -> list[str]:
    """The texts of a chain of the node."""
    table = compile_node(spec, NodeFacts(name="node-a", links=("eth0",))).table
    return [rule.text for rule in table.chains[chain].rules]


def test_the_longest_mask_is_asked_first_and_the_whole_network_last() -> None:
    """The ranges hold nodes as well, whose own packets are not translated."""
    vmaps = [
        text for text in rules(every_entry(), "postrouting") if "saddr" in text and "map" in text
    ]
    assert [text for text in vmaps if "@own" not in text and "@any-port" not in text] == [
        "ip saddr vmap @snat32",
        "ip saddr & 255.255.255.252 vmap @snat30",
        "ip saddr & 255.255.255.240 vmap @snat28",
        f"ip saddr @inside {EVERY} snat to ip saddr & 255.255.255.0 map "
        "@address24:1025-65535 fully-random",
        "ip saddr @inside snat to ip saddr & 255.255.255.0 map @address24",
    ]


def test_a_source_with_one_address_for_everything_is_an_element() -> None:
    """A hundred thousand of them are one map, and each counts for its entry."""
    six = (
        "      - {name: icmp",
        "      - {name: six, hosts: [10.10.0.6], addresses: [203.0.113.6]}\n"
        "      - {name: half, sources: [10.10.0.8/29], addresses: [203.0.113.6]}\n"
        "      - {name: icmp",
    )
    spec = every_entry(six)
    table = compile_node(spec, NodeFacts(name="node-a", links=("eth0",))).table
    assert table.lookups["address32"].counted
    assert dict(table.lookups["address32"].elements) == {
        '10.10.0.6 comment "web/six"': "203.0.113.6"
    }
    assert [text for text in rules(spec, "postrouting") if "@address" in text][:4] == [
        f"{EVERY} snat to ip saddr map @address32:1025-65535 fully-random",
        "snat to ip saddr map @address32",
        f"{EVERY} snat to ip saddr & 255.255.255.248 map @address29:1025-65535 fully-random",
        "snat to ip saddr & 255.255.255.248 map @address29",
    ]


def test_ports_come_before_protocols_and_these_before_all_the_rest() -> None:
    """Of one source and destination the more specific entry is asked first."""
    assert rules(every_entry(), "snat.web.host_web.mail_web.icmp") == [
        "tcp dport { 25, 465-587 } numgen random mod 64510 < 3975 counter snat to "
        "203.0.113.2:1025-4999 fully-random",
        "tcp dport { 25, 465-587 } counter snat to 203.0.113.2:5001-65535 fully-random",
        "meta l4proto icmp counter snat to 203.0.113.1:1025-65535 fully-random",
        f"{EVERY} counter snat to 203.0.113.3:1025-65535 fully-random",
        "counter snat to 203.0.113.3",
    ]


def test_ports_of_both_protocols_are_one_rule() -> None:
    """Ports without protocols are those of TCP and of UDP; neighbours are one range."""
    both = every_entry(("ports: [25, 465/587], protocols: [tcp]", "ports: [25, 26]"))
    chain = rules(both, "snat.web.host_web.mail_web.icmp")
    assert chain[1].startswith("meta l4proto { tcp, udp } th dport 25-26 counter snat")


def test_with_affinity_a_host_reaches_a_destination_from_one_address() -> None:
    """The hash then knows nothing of ports."""
    shared = every_entry(
        ("addresses: [203.0.113.2]}", "addresses: [203.0.113.2, 203.0.113.6], affinity: true}")
    )
    assert "jhash ip saddr . ip daddr mod 2 seed 0x1" in rules(shared, "snat.web.subnet")[0]


def test_ports_are_hashed_in_the_form_in_which_nft_prints_them() -> None:
    """By the name of the one protocol; an entry of echoes has none."""
    two = (
        "addresses: [203.0.113.2], ports: [25, 465/587]",
        "addresses: [203.0.113.2, 203.0.113.6], ports: [25]",
    )
    chain = rules(every_entry(two), "snat.web.host_web.mail_web.icmp")
    assert "jhash ip saddr . ip daddr . tcp sport . tcp dport mod 2" in chain[0]
    echoes = (
        "addresses: [203.0.113.1], protocols",
        "addresses: [203.0.113.1, 203.0.113.6], protocols",
    )
    chain = rules(every_entry(echoes), "snat.web.host_web.mail_web.icmp")
    assert "jhash ip saddr . ip daddr mod 2" in chain[2]


def test_a_withdrawn_address_is_replaced_by_those_that_are_left() -> None:
    """Who had another address keeps it; with none left the packets are dropped and counted."""
    three = ("addresses: [203.0.113.2]}", "addresses: [203.0.113.2, 203.0.113.3, 203.0.113.6]}")
    gone = [
        (f"{{address: 203.0.113.{n}}}", f"{{address: 203.0.113.{n}, withdrawn: true}}")
        for n in (2, 3, 6)
    ]
    assert rules(every_entry(three, gone[0]), "snat.web.subnet")[-1] == (
        "counter snat to jhash ip saddr . ip daddr mod 3 seed 0x1 map "
        "{ 0 : 203.0.113.3, 1 : 203.0.113.3, 2 : 203.0.113.6 }"
    )
    assert rules(every_entry(three, *gone[:2]), "snat.web.subnet")[-1] == (
        "counter snat to 203.0.113.6"
    )
    assert rules(every_entry(three, *gone), "snat.web.subnet") == ['counter name "no_address" drop']


def test_a_failed_address_is_replaced_too_unless_all_of_them_fail() -> None:
    """It is used again where nothing else is left, since none is better than the others then."""
    three = ("addresses: [203.0.113.2]}", "addresses: [203.0.113.2, 203.0.113.3, 203.0.113.6]}")
    first = ("{address: 203.0.113.2}", "{address: 203.0.113.2, withdrawn: true}")
    spec = every_entry(three, first)
    group = groups_of(
        spec, spec.gateways, "node-a", Roles(unanswered={"web": failed("203.0.113.3")})
    )
    (subnet,) = {t for found in group.values() for t in found if t.entry.name == "subnet"}
    assert subnet.slots == tuple(IPv4Address("203.0.113.6") for _ in range(3))
    every = replace(subnet, unanswered=failed("203.0.113.3", "203.0.113.6"))
    assert [str(a)[-1] for a in every.slots] == ["3", "3", "6"]


def failed(*addresses: str) -> frozenset[IPv4Address]:
    """Addresses that get no answers."""
    return frozenset(map(IPv4Address, addresses))


def test_blocks_are_drawn_as_often_as_they_have_ports() -> None:
    """So that a small one is not full long before the others."""
    blocks = (Block(first=1, last=10), Block(first=20, last=39), Block(first=50, last=50))
    assert [draw for draw, _ in draws(blocks)] == [
        "numgen random mod 31 < 10 ",
        "numgen random mod 21 < 20 ",
        "",
    ]
    assert list(draws(())) == []


def test_an_entry_without_addresses_takes_all_that_serve_no_single_host() -> None:
    """The addresses of single hosts are theirs alone."""
    spec = every_entry((", addresses: [203.0.113.6]", ""))
    (gateway,) = spec.gateways
    assert spec.addresses_of(gateway, gateway.snat[5]) == tuple(
        IPv4Address(f"203.0.113.{n}") for n in (1, 2, 3, 6)
    )


def test_a_limit_stands_before_the_ports_and_not_before_what_has_none() -> None:
    """Another limit is another set, since an element keeps the limit it was made with."""
    spec = every_entry()
    first, *others = spec.gateways
    limited = first.model_copy(update={"ports": PortRules(per_client=9)})
    spec = spec.model_copy(update={"gateways": (limited, *others)})
    limit = f'add @clients.{first.name}.9 {{ ip saddr ct count over 9 }} counter name "client_limit" drop'
    *_, refused, _, plain = rules(spec, "snat.web.host_web.mail_web.icmp")
    assert refused == f"{EVERY} {limit}"
    assert plain == "counter snat to 203.0.113.3"
    table = compile_node(spec, NodeFacts(name="node-a", links=("eth0",))).table
    assert table.lookups[f"clients.{first.name}.9"].dynamic
    assert ("counter", "client_limit") in table.objects


def test_a_host_with_a_block_leaves_with_its_address_and_its_ports() -> None:
    """Two maps from each host: with ports, and without for protocols that have none."""
    spec = every_entry(
        ("subnets: [clients-b], addresses: [203.0.113.2]", "hosts: [10.10.0.33, 10.10.0.34], addresses: [203.0.113.6], block_size: 512"),
        ("destinations: [198.51.100.0/24], addresses: [203.0.113.6]", "destinations: [198.51.100.0/24], addresses: [203.0.113.1]"),
    )  # fmt: skip
    assert rules(spec, "snat.web.subnet") == [
        f"{EVERY} counter snat ip to ip saddr map @ports.web.subnet fully-random",
        "counter snat to ip saddr map @address.web.subnet",
    ]
    table = compile_node(spec, NodeFacts(name="node-a", links=("eth0",))).table
    assert dict(table.lookups["ports.web.subnet"].elements) == {
        "10.10.0.33": "203.0.113.6 . 1025-1536",
        "10.10.0.34": "203.0.113.6 . 1537-2048",
    }
    assert dict(table.lookups["address.web.subnet"].elements) == {
        "10.10.0.33": "203.0.113.6",
        "10.10.0.34": "203.0.113.6",
    }
