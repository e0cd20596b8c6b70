"""The spec and the facts of one node to what that node should hold."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from natgate.model.address import collapse, in_nft, subtract
from natgate.model.desired import Desired, Guard
from natgate.model.gateway import Gateway
from natgate.model.roles import Roles
from natgate.model.routes import far_of
from natgate.model.spec import Spec
from natgate.model.table import Chain, Hook, Lookup, Rule, Table, table_of
from natgate.plan import addresses, bandwidth, dnat, handover, replication, snat, timeouts
from natgate.plan.arrival import arrival

SRCNAT = -150
"""Before every other source translation (100): the first one decides, and what is left over from
another tool must not give a flow from inside the node's own address."""

DSTNAT = -100
FIRST_PROBE_ID = 16384
"""ICMP ids from here on, 256 for each gateway, are probes through a node to its upstream."""

PROBE_IDS = 256

EVENTS = {"net/netfilter/nf_conntrack_events": "1"}
COUNTED = {
    "net/netfilter/nf_conntrack_acct": "1",
    "net/netfilter/nf_conntrack_timestamp": "1",
}
FORWARDING = "net/ipv4/ip_forward"
"""Set last, so that nothing is forwarded before the rules and the guard are in place; it sets every
link, which then can still be switched off alone."""

FORWARDING6 = "net/ipv6/conf/all/forwarding"
"""Off and kept off: nothing here translates IPv6, so it would leave with the hosts' own addresses.
`force_forwarding` (kernel 6.17) lets a link forward nevertheless."""

IPV6 = "net/ipv6/"
_FOLLOWING = {FORWARDING: "net/ipv4/conf/", FORWARDING6: "net/ipv6/conf/"}
SWITCHES = tuple(_FOLLOWING)
"""Settings with which the kernel sets others."""

NO_ROLES = Roles()
COUNTERS = ("invalid", "no_address", "no_entry")
HANDOVER_COUNTERS = ("handed_over", "no_block")
NODES_COUNTERS = ("not_a_node",)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What is true of the machine a spec is compiled for, and of its place among the nodes."""

    name: str
    links: tuple[str, ...]
    owner_works: bool = True
    roles: Roles = NO_ROLES


def compile_node(spec: Spec, facts: NodeFacts) -> Desired:
    """Everything the node `facts.name` should hold to carry its gateways."""
    tunnel = handover.tunnel_of(spec, facts.name)
    # A tunnel of an earlier spec goes away with this one, so nothing is set on it.
    links = [link for link in facts.links if tunnel is not None or link != handover.TUNNEL]
    ranges = collapse(spec.network.ranges)
    guard = Guard(own=own_of(spec), inside=ranges, internal=internal_of(spec))
    return Desired(
        table=_table(spec, facts),
        owned=facts.owner_works and spec.host.ownership == "auto",
        guards=dict.fromkeys(links, guard),
        sysctls={
            **(COUNTED if spec.host.flow_counters else {}),
            **_sysctls(links, replicated=replication.replicated(spec, facts.name)),
        },
        blackholes=frozenset(map(IPv4Network, _addresses(spec, facts.name))),
        tunnel=tunnel,
        detours=handover.detours_of(spec, facts.name),
    )


def inside_of(spec: Spec) -> tuple[IPv4Network, ...]:
    """The prefixes whose hosts must never be seen outside with their own address."""
    return subtract(spec.network.ranges, own_of(spec))


def destinations_of(spec: Spec) -> tuple[IPv4Network, ...]:
    """Every destination outside that an entry names: nobody may be forwarded there but by an entry."""
    return subtract(far_of(spec), internal_of(spec))


def own_of(spec: Spec) -> tuple[IPv4Network, ...]:
    """The prefixes of the network that may be seen outside: those of addresses and of nodes.

    The addresses come first, since nearly all packets carry one of them.
    """
    kinds = ("address", "node")
    return tuple(s.cidr for kind in kinds for s in spec.network.subnets if s.kind == kind)


def internal_of(spec: Spec) -> tuple[IPv4Network, ...]:
    """Where inside hosts may go untranslated: the network, less what an entry names of it.

    A destination around a whole range, such as 0.0.0.0/0, means what lies outside of it.
    """
    return collapse(
        left
        for whole in spec.network.ranges
        for left in subtract((whole,), (far for far in far_of(spec) if not _around(far, whole)))
    )


def _around(far: IPv4Network, whole: IPv4Network) -> bool:
    return far != whole and far.supernet_of(whole)


def _sysctls(links: Iterable[str], *, replicated: bool) -> dict[str, str]:
    """Keys in the form with slashes, since the name of a link may hold a dot."""
    places = ("all", *links)
    redirects = {f"net/ipv4/conf/{name}/send_redirects": "0" for name in places}
    reverse_path = {f"net/ipv4/conf/{name}/rp_filter": "0" for name in places}
    return {
        "net/netfilter/nf_conntrack_tcp_be_liberal": "1",
        "net/netfilter/nf_conntrack_tcp_loose": "0",
        **(EVENTS if replicated else {}),
        **reverse_path,
        **redirects,
        FORWARDING6: "0",
        **{f"net/ipv6/conf/{name}/force_forwarding": "0" for name in links},
        FORWARDING: "1",
        **{f"net/ipv4/conf/{name}/forwarding": "1" for name in links},
    }


def follows(switch: str, key: str) -> bool:
    """Whether the kernel sets a setting of a link whenever a switch is changed."""
    return key != switch and key.startswith(_FOLLOWING[switch]) and key.endswith("forwarding")


def carried_by(spec: Spec, node: str) -> tuple[Gateway, ...]:
    """The gateways that a node may carry."""
    return tuple(g for g in spec.gateways if node in spec.nodes_of(g))


def _addresses(spec: Spec, node: str) -> tuple[IPv4Address, ...]:
    return tuple(fixed.address for g in carried_by(spec, node) for fixed in g.addresses)


def _table(spec: Spec, facts: NodeFacts) -> Table:
    node = facts.name
    carried = carried_by(spec, node)
    groups = snat.groups_of(spec, carried, node, facts.roles)
    divided = bool(handover.divided(spec, node))
    return table_of(
        chains=(
            *replication.chains(spec, node),
            *handover.chains(spec, node),
            *_input(spec, node),
            _prerouting(spec, node),
            _forward(),
            _postrouting(spec, facts, groups),
            *snat.chains(groups),
            *dnat.chains(carried),
            *bandwidth.chains(spec, carried, node, facts.roles),
        ),
        lookups=(
            _prefix_set("inside", inside_of(spec)),
            _prefix_set("internal", internal_of(spec)),
            _prefix_set("destinations", destinations_of(spec)),
            *snat.source_maps(groups),
            *snat.block_maps(groups),
            *snat.client_sets(carried),
            *dnat.lookups(carried),
            *handover.lookups(spec, node, facts.roles.carriers),
            *bandwidth.lookups(carried),
        ),
        counters=(
            *COUNTERS,
            *(HANDOVER_COUNTERS if divided else ()),
            *(NODES_COUNTERS if len(spec.nodes) > 1 else ()),
            *((snat.CLIENT_LIMIT,) if any(snat.client_sets(carried)) else ()),
        ),
        timeouts=tuple(timeouts.objects(carried)),
    )


def _prefix_set(name: str, prefixes: Iterable[IPv4Network]) -> Lookup:
    elements = {in_nft(prefix): "" for prefix in prefixes}
    return Lookup(name=name, type="ipv4_addr", interval=True, elements=elements)


def _input(spec: Spec, node: str) -> Iterator[Chain]:
    """What may arrive at the node itself."""
    rules = (*replication.admitted(spec, node), *arrival(spec, node))
    if rules:
        yield Chain(name="input", hook=Hook(type="filter", hook="input", priority=0), rules=rules)


def _postrouting(spec: Spec, facts: NodeFacts, groups: snat.Groups) -> Chain:
    """Seen by the first packet of a flow only; one that no entry translates is not even kept."""
    me = spec.node(facts.name).address
    rules = [
        Rule(text=f"ct status dnat ip saddr {peer} snat to {me}", comment="probe through this node")
        for peer in peer_addresses(spec, facts.name)
    ]
    carried = carried_by(spec, facts.name)
    rules += addresses.checks(spec, facts.name)
    rules += timeouts.reached(carried)
    for gateway in carried:
        rules += dnat.hairpin(gateway)
    rules.append(Rule(text="ip daddr @internal return", comment="stays inside"))
    rules += timeouts.leaving(carried)
    rules += dnat.leaving(carried)
    rules += snat.by_source(groups)
    drop = 'counter name "no_entry" drop'
    rules.append(Rule(text=f"ip saddr @inside {drop}", comment="no entry"))
    forwarded = "fib saddr type != local ip daddr @destinations"
    rules.append(Rule(text=f"{forwarded} {drop}", comment="forged source"))
    hook = Hook(type="nat", hook="postrouting", priority=SRCNAT)
    return Chain(name="postrouting", hook=hook, rules=tuple(rules))


def _prerouting(spec: Spec, node: str) -> Chain:
    """A peer's probe goes through this node: back to the peer, or on to a gateway's upstream.

    It comes back to another port than it was sent to, or two nodes would reflect it to each other.
    """
    me = spec.node(node).address
    asked, reflected = spec.heartbeat.probe_port, spec.heartbeat.reflection_port
    rules: list[Rule] = []
    for peer in peer_addresses(spec, node):
        match = f"ip saddr {peer} ip daddr {me}"
        text = f"{match} udp dport {asked} dnat to {peer}:{reflected}"
        rules.append(Rule(text=text, comment="probe of forwarding"))
        for index, gateway in enumerate(spec.gateways):
            upstream = upstream_echo(gateway)
            if upstream and node in spec.nodes_of(gateway):
                first = FIRST_PROBE_ID + PROBE_IDS * index
                ids = f"icmp type echo-request icmp id {first}-{first + PROBE_IDS - 1}"
                text = f"{match} {ids} dnat to {upstream}"
                rules.append(Rule(text=text, comment=f"probe of {gateway.name}'s upstream"))
    rules += dnat.arriving(carried_by(spec, node), me)
    hook = Hook(type="nat", hook="prerouting", priority=DSTNAT)
    return Chain(name="prerouting", hook=hook, rules=tuple(rules))


def _forward() -> Chain:
    """The only rule that every packet passes: what conntrack calls invalid skips translation."""
    rule = Rule(text='ct state invalid counter name "invalid" drop', comment="skips translation")
    hook = Hook(type="filter", hook="forward", priority=0)
    return Chain(name="forward", hook=hook, rules=(rule,))


def peer_addresses(spec: Spec, node: str) -> tuple[IPv4Address, ...]:
    """The addresses of the other nodes, in the order of the spec."""
    return tuple(n.address for n in spec.nodes if n.name != node)


def upstream_echo(gateway: Gateway) -> IPv4Address | None:
    """The address whose echo proves a gateway's upstream, if it has an ICMP check."""
    return next((c.address for c in gateway.health.upstream if c.kind == "icmp"), None)
