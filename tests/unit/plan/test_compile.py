"""What a node should hold, from the spec and the facts of the node."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.address import covers, subtract
from natgate.model.roles import Roles
from natgate.model.spec import Spec
from natgate.model.table import Chain, Table
from natgate.plan.compile import (
    COUNTED,
    COUNTERS,
    FORWARDING,
    FORWARDING6,
    NODES_COUNTERS,
    NodeFacts,
    compile_node,
    destinations_of,
    inside_of,
    internal_of,
    peer_addresses,
    upstream_echo,
)
from natgate.wire.config import parse_spec
from tests.effort import FEW
from tests.specs import spec_with, specs, two_zones

LINKS = ("eth0", "eth1.7")


def facts(node: str = "node-a", *, owner_works: bool = True) -> NodeFacts:
    """The facts of a node with two links."""
    return NodeFacts(name=node, links=LINKS, owner_works=owner_works)


def table(spec: Spec, node: str = "node-a") -> Table:
    """The table of one node."""
    return compile_node(spec, facts(node)).table


def lines(chain: Chain) -> list[str]:
    """A chain's rules as nft reads them."""
    return [str(rule) for rule in chain.rules]


def entries(*texts: str) -> Spec:
    """Source 000's network with other entries."""
    old = """\
      - name: to-partner
        sources: [10.10.0.0/28, 10.10.0.32/28]
        destinations: [192.168.100.0/24]
"""
    return parse_spec(spec_with((old, "".join(f"      - {{{text}}}\n" for text in texts))))


def test_source_000_compiles_to_these_rules() -> None:
    """Two zones, one fixed address: this is the whole table of one node."""
    chains = table(two_zones()).chains
    assert {name: lines(chain) for name, chain in chains.items()} == {
        "events": [
            'ct state new meta l4proto { tcp, udp } ct event set assured,destroy comment "half-open flows are not sent"',
        ],
        "untracked-prerouting": [
            'ip daddr 10.10.0.20 udp dport 4646 notrack comment "heartbeats"',
            'ip daddr 10.10.0.20 udp dport 3780 notrack comment "flow replication"',
        ],
        "untracked-output": [
            'udp dport 4646 notrack comment "heartbeats"',
            'udp dport 3780 notrack comment "flow replication"',
        ],
        "input": [
            'udp dport 3780 ip saddr != 10.10.0.52 counter name "not_a_node" drop comment "flow replication"',
        ],
        "prerouting": [
            'ip saddr 10.10.0.52 ip daddr 10.10.0.20 udp dport 4647 dnat to 10.10.0.52:4648 comment "probe of forwarding"',
            'ip saddr 10.10.0.52 ip daddr 10.10.0.20 icmp type echo-request icmp id 16384-16639 dnat to 192.168.100.5 comment "probe of partner\'s upstream"',
            'ip daddr 10.10.0.85 icmp type echo-request dnat to 10.10.0.20 comment "echo reply"',
        ],
        "forward": [
            'ct state invalid counter name "invalid" drop comment "skips translation"',
        ],
        "postrouting": [
            'ct status dnat ip saddr 10.10.0.52 snat to 10.10.0.20 comment "probe through this node"',
            'ip daddr @internal return comment "stays inside"',
            'ip saddr @inside ct timeout set "tcp-900" ct timeout set "udp-60" comment "idle time-outs"',
            'ip saddr & 255.255.255.240 vmap @snat28 comment "sources /28"',
            'ip saddr @inside counter name "no_entry" drop comment "no entry"',
            'fib saddr type != local ip daddr @destinations counter name "no_entry" drop comment "forged source"',
        ],
        "snat.partner.to-partner": [
            'ip daddr 192.168.100.0/24 meta l4proto { icmp, tcp, udp } counter snat to 10.10.0.85:1025-65535 fully-random comment "partner/to-partner"',
            'ip daddr 192.168.100.0/24 counter snat to 10.10.0.85 comment "partner/to-partner"',
        ],
    }


def test_source_000_compiles_to_these_lookups() -> None:
    """Sources, internal prefixes and fixed addresses lie in sets and maps."""
    held = table(two_zones())
    jump = "jump snat.partner.to-partner"
    assert {name: dict(lookup.elements) for name, lookup in held.lookups.items()} == {
        "inside": dict.fromkeys(
            ["10.10.0.0/28", "10.10.0.32/28", "10.10.0.64/28", "10.10.0.96/27", "10.10.0.128/25"],
            "",
        ),
        "internal": {"10.10.0.0/24": ""},
        "destinations": {"192.168.100.0/24": ""},
        "snat28": {"10.10.0.0": jump, "10.10.0.32": jump},
    }
    assert held.objects == {("counter", name) for name in (*COUNTERS, *NODES_COUNTERS)}
    assert held.timeouts.keys() == {"tcp-900", "udp-60"}


def divided_table(node: str, roles: Roles) -> Table:
    """The table of source 000 in mode active-active."""
    text = spec_with(("- name: partner\n", "- name: partner\n    mode: active-active\n"))
    spec = parse_spec(text.replace("heartbeat: {", "steering: {kind: lab}\nheartbeat: {"))
    return compile_node(spec, NodeFacts(name=node, links=LINKS, roles=roles)).table


HOME = {"partner@node-a": "node-a", "partner@node-c": "node-c"}
TCP = "ip daddr 192.168.100.0/24 meta l4proto { icmp, tcp, udp } "


def entry(node: str, carriers: dict[str, str], *handing: str) -> list[str]:
    """The rules of the one entry."""
    roles = Roles(carriers=carriers, handing_out=frozenset(f"partner@{name}" for name in handing))
    return [
        rule.text for rule in divided_table(node, roles).chains["snat.partner.to-partner"].rules
    ]


def test_each_node_gives_out_its_own_block() -> None:
    """Protocols without ports leave only where what returns arrives."""
    assert entry("node-a", HOME, "node-a") == [
        f"{TCP}counter snat to 10.10.0.85:1025-33279 fully-random",
        "ip daddr 192.168.100.0/24 counter snat to 10.10.0.85",
    ]
    assert entry("node-c", HOME, "node-c") == [
        f"{TCP}counter snat to 10.10.0.85:33280-65535 fully-random",
        'ip daddr 192.168.100.0/24 counter name "no_block" drop',
    ]


def test_blocks_that_touch_are_one_and_others_are_drawn() -> None:
    """A node that has adopted a block gives out its ports as well."""
    both = dict.fromkeys(HOME, "node-a")
    assert entry("node-a", both, "node-a", "node-c")[0] == (
        f"{TCP}counter snat to 10.10.0.85:1025-65535 fully-random"
    )


def test_a_node_that_may_give_out_nothing_drops_new_flows_and_counts_them() -> None:
    """Rather than to send them with a port that another node may give out."""
    assert entry("node-a", HOME)[0] == f'{TCP}counter name "no_block" drop'


def test_what_another_node_carries_is_handed_to_it() -> None:
    """By port and by id alike, and nothing of one's own."""
    held = divided_table("node-a", Roles(carriers=HOME)).lookups
    assert dict(held["ports.partner"].elements) == {"33280-65535": "goto hand.2"}
    assert held["ids.partner"].elements == held["ports.partner"].elements
    assert dict(held["divided"].elements) == {"10.10.0.85": "goto owner.partner"}
    nobody = divided_table("node-a", Roles(carriers={"partner@node-c": "gone"})).lookups
    assert dict(nobody["ports.partner"].elements) == {}


def test_settings_guards_and_blackholes_come_with_the_table() -> None:
    """Every link is guarded, every fixed address ends here, and forwarding is set last."""
    desired = compile_node(two_zones(), facts())
    assert list(desired.sysctls) == [
        *COUNTED,
        "net/netfilter/nf_conntrack_tcp_be_liberal",
        "net/netfilter/nf_conntrack_tcp_loose",
        "net/netfilter/nf_conntrack_events",
        "net/ipv4/conf/all/rp_filter",
        "net/ipv4/conf/eth0/rp_filter",
        "net/ipv4/conf/eth1.7/rp_filter",
        "net/ipv4/conf/all/send_redirects",
        "net/ipv4/conf/eth0/send_redirects",
        "net/ipv4/conf/eth1.7/send_redirects",
        FORWARDING6,
        "net/ipv6/conf/eth0/force_forwarding",
        "net/ipv6/conf/eth1.7/force_forwarding",
        FORWARDING,
        "net/ipv4/conf/eth0/forwarding",
        "net/ipv4/conf/eth1.7/forwarding",
    ]
    assert desired.sysctls[FORWARDING6] == "0"
    quiet = parse_spec(spec_with(("gateways:", "host: {flow_counters: false}\ngateways:")))
    assert not set(COUNTED) & compile_node(quiet, facts()).sysctls.keys()
    assert desired.guards.keys() == set(LINKS)
    assert desired.blackholes == {IPv4Network("10.10.0.85/32")}


@pytest.mark.parametrize(
    ("works", "text", "owned"),
    [(True, "auto", True), (False, "auto", False), (True, "off", False), (False, "off", False)],
)
def test_the_table_is_owned_where_it_can_and_may_be(*, works: bool, text: str, owned: bool) -> None:
    """Ownership needs a kernel that can, and a spec that does not switch it off."""
    spec = parse_spec(spec_with(("heartbeat:", f'host: {{ownership: "{text}"}}\nheartbeat:')))
    assert compile_node(spec, facts(owner_works=works)).owned is owned


def test_the_longest_mask_is_tried_first() -> None:
    """One map for each prefix length, from a single host up to the whole subnet."""
    spec = entries(
        "name: all, sources: [10.10.0.0/28, 10.10.0.32/28], destinations: [192.0.2.0/24]",
        "name: host, sources: [10.10.0.5/32], destinations: [192.0.2.0/24]",
        "name: half, sources: [10.10.0.0/29], destinations: [192.0.2.0/24]",
    )
    held = table(spec)
    assert [rule.text for rule in held.chains["postrouting"].rules[3:-2]] == [
        "ip saddr vmap @snat32",
        "ip saddr & 255.255.255.248 vmap @snat29",
        "ip saddr & 255.255.255.240 vmap @snat28",
    ]
    assert dict(held.lookups["snat32"].elements) == {"10.10.0.5": "jump snat.partner.host"}
    assert dict(held.lookups["snat29"].elements) == {"10.10.0.0": "jump snat.partner.half"}


def test_the_more_specific_destination_is_tried_first() -> None:
    """Within a source's chain destinations go from a single host to everywhere."""
    spec = entries(
        "name: rest, sources: [10.10.0.0/28]",
        "name: net, sources: [10.10.0.0/28], destinations: [192.0.2.0/24, 198.51.100.0/24]",
        "name: host, sources: [10.10.0.0/28], destinations: [192.0.2.7/32]",
    )
    held = table(spec)
    (chain,) = (c for name, c in held.chains.items() if name.startswith("snat."))
    assert chain.name == "snat.partner.rest_partner.net_partner.host"
    assert [(rule.comment, rule.text.split(" ")[:3]) for rule in chain.rules[::2]] == [
        ("partner/host", ["ip", "daddr", "192.0.2.7"]),
        ("partner/net", ["ip", "daddr", "192.0.2.0/24"]),
        ("partner/net", ["ip", "daddr", "198.51.100.0/24"]),
        ("partner/rest", ["meta", "l4proto", "{"]),
    ]


def test_several_addresses_are_hashed_the_same_on_every_node() -> None:
    """Each connection chooses its address, with a fixed seed, so that nodes agree."""
    text = spec_with(
        (
            "      - {address: 10.10.0.85}\n",
            "      - {address: 10.10.0.85}\n      - {address: 10.10.0.86}\n",
        )
    )
    spec = parse_spec(text)
    rules = [
        lines(table(spec, node).chains["snat.partner.to-partner"]) for node in ("node-a", "node-c")
    ]
    assert rules[0] == rules[1]
    key = "jhash ip saddr . ip daddr . th sport . th dport mod 2 seed 0x1"
    assert rules[0][0] == (
        "ip daddr 192.168.100.0/24 meta l4proto { icmp, tcp, udp } counter snat ip to "
        f"{key} map {{ 0 : 10.10.0.85 . 1025-65535, 1 : 10.10.0.86 . 1025-65535 }} "
        'fully-random comment "partner/to-partner"'
    )
    assert (
        "jhash ip saddr . ip daddr mod 2 seed 0x1 map { 0 : 10.10.0.85, 1 : 10.10.0.86 }"
        in rules[0][1]
    )


def test_a_long_list_of_entries_is_named_by_its_digest() -> None:
    """A chain's name stays short, and different lists have different names."""
    names = [f"{letter * 30}" for letter in "abcd"]
    spec = entries(
        *(
            f"name: {name}, sources: [10.10.0.0/28], destinations: [192.0.{i}.0/24]"
            for i, name in enumerate(names)
        ),
        *(
            f"name: x{name[1:]}, sources: [10.10.0.32/28], destinations: [192.0.{i}.0/24]"
            for i, name in enumerate(names[:3])
        ),
        "name: last, sources: [10.10.0.32/28], destinations: [192.0.9.0/24]",
    )
    found = [name for name in table(spec).chains if name.startswith("snat.")]
    assert len(found) == len(set(found)) == 2
    assert all(len(name) == len("snat.") + 16 for name in found)


def test_sources_with_the_same_entries_share_a_chain() -> None:
    """A hundred sources of one entry need one chain."""
    hosts = ", ".join(f"10.10.0.{n}/32" for n in range(16))
    held = table(entries(f"name: many, sources: [{hosts}], destinations: [192.0.2.0/24]"))
    assert [name for name in held.chains if name.startswith("snat.")] == ["snat.partner.many"]
    assert len(held.lookups["snat32"].elements) == 16


def test_a_node_holds_only_the_gateways_that_it_may_carry() -> None:
    """A node that is not named by a gateway knows its inside and none of its entries."""
    text = spec_with(("  - name: partner\n", "  - name: partner\n    nodes: [node-c]\n"))
    spec = parse_spec(text)
    held = compile_node(spec, facts("node-a"))
    assert held.blackholes == frozenset()
    assert [name for name in held.table.chains if name.startswith("snat.")] == []
    assert len(held.table.chains["prerouting"].rules) == 1
    assert held.guards == compile_node(spec, facts("node-c")).guards
    assert len(compile_node(spec, facts("node-c")).table.chains["prerouting"].rules) == 3


def test_a_gateway_without_icmp_check_has_no_probe_of_its_upstream() -> None:
    """Only an echo can be sent through a node; without it forwarding alone is probed."""
    text = spec_with(("kind: icmp, address", "kind: tcp, port: 80, address"))
    spec = parse_spec(text)
    assert upstream_echo(spec.gateways[0]) is None
    assert len(table(spec).chains["prerouting"].rules) == 2
    assert upstream_echo(two_zones().gateways[0]) == IPv4Address("192.168.100.5")
    assert peer_addresses(spec, "node-a") == (IPv4Address("10.10.0.52"),)


@FEW
@given(specs())
def test_every_translation_names_its_entry(spec: Spec) -> None:
    """The comment of a rule says which, and that of an element with an address."""
    labels = {f"{g.name}/{e.name}" for g in spec.gateways for e in g.snat}
    for node in spec.nodes:
        held = table(spec, node.name)
        assert all(rule.comment for chain in held.chains.values() for rule in chain.rules)
        for lookup in held.lookups.values():
            if lookup.counted:
                said = {key.partition(" comment ")[2].strip('"') for key in lookup.elements}
                assert said <= labels
        for name, chain in held.chains.items():
            assert not name.startswith("snat.") or {r.comment for r in chain.rules} <= labels
            assert len(name) <= 100


@given(specs(), st.data())
def test_internal_is_the_network_less_what_entries_name(spec: Spec, data: st.DataObject) -> None:
    """The guard lets inside hosts reach the network, but nothing that an entry names."""
    named = [
        d
        for g in spec.gateways
        for e in g.snat
        for d in e.destinations
        if d.prefixlen or d in spec.network.ranges
    ]
    within = data.draw(st.sampled_from([*named, *spec.network.ranges]))
    address = within[data.draw(st.integers(0, within.num_addresses - 1))]
    expected = covers(spec.network.ranges, address) and not covers(named, address)
    assert covers(internal_of(spec), address) == expected
    (guard, *_) = compile_node(spec, facts(spec.nodes[0].name)).guards.values()
    assert (guard.inside, guard.internal) == (spec.network.ranges, internal_of(spec))


def test_a_destination_around_the_network_means_what_lies_outside_of_it() -> None:
    """Else hosts could not be reached from outside, whose addresses would be those of far ends."""
    around = IPv4Network("0.0.0.0/0")
    spec = entries(f"name: out, sources: [10.10.0.0/28], destinations: [{around}]")
    assert internal_of(spec) == spec.network.ranges
    assert destinations_of(spec) == subtract((around,), spec.network.ranges)


@given(specs(), st.integers(0, 2**16 - 1))
def test_only_addresses_and_nodes_may_be_seen_outside(spec: Spec, offset: int) -> None:
    """Whatever lies in the network is inside, but for the subnets of fixed addresses and nodes."""
    address = spec.network.ranges[0][offset]
    own = [s.cidr for s in spec.network.subnets if s.kind != "client"]
    (guard, *_) = compile_node(spec, facts(spec.nodes[0].name)).guards.values()
    assert covers(guard.inside, address)
    assert covers(guard.own, address) == covers(own, address)
    assert covers(inside_of(spec), address) == (not covers(own, address))


@FEW
@given(specs())
def test_every_reference_is_to_something_that_is_there(spec: Spec) -> None:
    """Maps lead to chains of the table, and rules name only its sets, maps and counters."""
    held = table(spec, spec.nodes[0].name)
    texts = [rule.text for chain in held.chains.values() for rule in chain.rules]
    words = {word for text in texts for word in text.split()}
    names = {word[1:].partition(":")[0] for word in words if word.startswith("@")}
    assert {name for name in names if "," not in name} <= held.lookups.keys()
    values = {v for m in held.lookups.values() if m.is_map for v in m.elements.values()}
    targets = {value.split()[1] for value in values if value.startswith(("jump ", "goto "))}
    assert targets <= held.chains.keys()
    assert {name for name in held.chains if name.startswith("snat.")} <= targets
