"""The spec and the facts of one node to what that node should hold.

The longest source mask wins: one map per prefix length, tried from the longest. A map leads to the
chain of its source, where the more specific destination is tried first; a source without a matching
destination goes on to the next shorter mask.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from natgate.model.address import collapse, in_nft, subtract
from natgate.model.desired import Desired, Guard
from natgate.model.gateway import Gateway, SnatEntry
from natgate.model.roles import Roles
from natgate.model.share import EVERY_PORT, Block, joined, shares_of
from natgate.model.spec import Spec
from natgate.model.table import Chain, Hook, Lookup, Rule, Table, table_of
from natgate.plan import handover, replication
from natgate.plan.arrival import arrival

SRCNAT = -150
"""Before every other source translation (100): the first one decides, and what is left over from
another tool must not give a flow from inside the node's own address."""

DSTNAT = -100
FIRST_PROBE_ID = 16384
"""ICMP ids from here on, 256 for each gateway, are probes through a node to its upstream."""

PROBE_IDS = 256

MAX_CHAIN_NAME = 100
"""nftables takes 255 characters; a longer list of entries is named by its digest."""

FORWARDING = "net/ipv4/ip_forward"
EVENTS = {"net/netfilter/nf_conntrack_events": "1"}
"""Set last, so that nothing is forwarded before the rules and the guard are in place; it sets every
link, which then can still be switched off alone."""

NO_ROLES = Roles()
COUNTERS = ("invalid", "no_entry")
HANDOVER_COUNTERS = ("handed_over", "no_block")
NODES_COUNTERS = ("not_a_node",)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What is true of the machine a spec is compiled for, and of its place among the nodes."""

    name: str
    links: tuple[str, ...]
    owner_works: bool = True
    roles: Roles = NO_ROLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """One entry of one gateway, with the addresses it uses."""

    gateway: Gateway
    entry: SnatEntry
    addresses: tuple[IPv4Address, ...]
    blocks: tuple[Block, ...]
    portless: bool = True

    @property
    def label(self) -> str:
        """How rules, plans and counters name it."""
        return f"{self.gateway.name}/{self.entry.name}"


def compile_node(spec: Spec, facts: NodeFacts) -> Desired:
    """Everything the node `facts.name` should hold to carry its gateways."""
    addresses = _addresses(spec, facts.name)
    tunnel = handover.tunnel_of(spec, facts.name)
    # A tunnel of an earlier spec goes away with this one, so nothing is set on it.
    links = [link for link in facts.links if tunnel is not None or link != handover.TUNNEL]
    ranges = collapse(spec.network.ranges)
    guard = Guard(own=own_of(spec), inside=ranges, internal=internal_of(spec))
    return Desired(
        table=_table(spec, facts),
        owned=facts.owner_works and spec.host.ownership == "auto",
        guards=dict.fromkeys(links, guard),
        sysctls=_sysctls(links, replicated=replication.replicated(spec, facts.name)),
        blackholes=frozenset(IPv4Network(address) for address in addresses),
        tunnel=tunnel,
        detours=handover.detours_of(spec, facts.name),
    )


def inside_of(spec: Spec) -> tuple[IPv4Network, ...]:
    """The prefixes whose hosts must never be seen outside with their own address."""
    return subtract(spec.network.ranges, own_of(spec))


def destinations_of(spec: Spec) -> tuple[IPv4Network, ...]:
    """Every destination that an entry names: nobody may be forwarded there but by an entry."""
    return collapse(d for g in spec.gateways for e in g.snat for d in e.destinations)


def own_of(spec: Spec) -> tuple[IPv4Network, ...]:
    """The prefixes of the network that may be seen outside: those of addresses and of nodes.

    The addresses come first, since nearly all packets carry one of them.
    """
    kinds = ("address", "node")
    return tuple(s.cidr for kind in kinds for s in spec.network.subnets if s.kind == kind)


def internal_of(spec: Spec) -> tuple[IPv4Network, ...]:
    """Where inside hosts may go untranslated: the network, less what an entry names."""
    named = [d for g in spec.gateways for e in g.snat for d in e.destinations]
    return subtract(spec.network.ranges, named)


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
        FORWARDING: "1",
        **{f"net/ipv4/conf/{name}/forwarding": "1" for name in links},
    }


def _carried(spec: Spec, node: str) -> tuple[Gateway, ...]:
    return tuple(g for g in spec.gateways if node in spec.nodes_of(g))


def _addresses(spec: Spec, node: str) -> tuple[IPv4Address, ...]:
    return tuple(fixed.address for g in _carried(spec, node) for fixed in g.addresses)


def _table(spec: Spec, facts: NodeFacts) -> Table:
    node = facts.name
    groups = _groups(spec, facts)
    chains = {_chain_name(group): _source_chain(group) for group in groups.values()}
    divided = bool(handover.divided(spec, node))
    return table_of(
        chains=(
            *replication.chains(spec, node),
            *handover.chains(spec, node),
            *_input(spec, node),
            _prerouting(spec, node),
            _forward(),
            _postrouting(spec, node, groups),
            *chains.values(),
        ),
        lookups=(
            _prefix_set("inside", inside_of(spec)),
            _prefix_set("internal", internal_of(spec)),
            _prefix_set("destinations", destinations_of(spec)),
            *_source_maps(groups),
            *handover.lookups(spec, node, facts.roles.carriers),
        ),
        counters=(
            *COUNTERS,
            *(HANDOVER_COUNTERS if divided else ()),
            *(NODES_COUNTERS if len(spec.nodes) > 1 else ()),
        ),
    )


def _prefix_set(name: str, prefixes: Iterable[IPv4Network]) -> Lookup:
    elements = {in_nft(prefix): "" for prefix in prefixes}
    return Lookup(name=name, type="ipv4_addr", interval=True, elements=elements)


Group = tuple[Translation, ...]


def _groups(spec: Spec, facts: NodeFacts) -> dict[IPv4Network, Group]:
    """Every source prefix with the translations that name it."""
    groups: dict[IPv4Network, list[Translation]] = defaultdict(list)
    for gateway in _carried(spec, facts.name):
        blocks, portless = _blocks(spec, gateway, facts)
        for entry in gateway.snat:
            translation = Translation(
                gateway=gateway,
                entry=entry,
                addresses=spec.addresses_of(gateway, entry),
                blocks=blocks,
                portless=portless,
            )
            for source in entry.sources:
                groups[source].append(translation)
    return {source: tuple(group) for source, group in groups.items()}


def _blocks(spec: Spec, gateway: Gateway, facts: NodeFacts) -> tuple[tuple[Block, ...], bool]:
    """The ports this node gives out, and whether it translates protocols that have none.

    Nothing tells whose a return without a port is, so that only the node which receives the returns
    of an active-active gateway may send such packets.
    """
    shares = shares_of(spec, gateway)
    if gateway.mode == "active-standby":
        return (EVERY_PORT,), True
    mine = (share.block for share in shares if share.name in facts.roles.handing_out)
    receives = facts.roles.carriers.get(shares[0].name) == facts.name
    return joined(mine), receives and shares[0].name in facts.roles.handing_out


def _chain_name(group: Group) -> str:
    """The entries that a source's chain holds; sources with the same entries share it."""
    name = "snat." + "_".join(t.label.replace("/", ".") for t in group)
    if len(name) <= MAX_CHAIN_NAME:
        return name
    return f"snat.{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _source_maps(groups: dict[IPv4Network, Group]) -> Iterator[Lookup]:
    by_length: dict[int, dict[str, str]] = defaultdict(dict)
    for source, group in groups.items():
        by_length[source.prefixlen][str(source.network_address)] = f"jump {_chain_name(group)}"
    for length, elements in sorted(by_length.items(), reverse=True):
        yield Lookup(name=f"snat{length}", type="ipv4_addr : verdict", elements=elements)


def _source_chain(group: Group) -> Chain:
    """The more specific destination first; an entry for everywhere comes last."""
    pairs = [(d, t) for t in group for d in t.entry.destinations]
    pairs.sort(key=lambda pair: (-pair[0].prefixlen, pair[0]))
    rules = [rule for d, t in pairs for rule in _translate(f"ip daddr {in_nft(d)} ", t)]
    rules += [rule for t in group if not t.entry.destinations for rule in _translate("", t)]
    return Chain(name=_chain_name(group), rules=tuple(rules))


def _translate(match: str, translation: Translation) -> Iterator[Rule]:
    """Ports (and echo ids) drawn at random from this node's blocks; other protocols have none."""
    protocols = "meta l4proto { icmp, tcp, udp }"
    comment = translation.label
    left = len(translation.blocks)
    for block in translation.blocks:
        draw = f"numgen random mod {left} 0 " if left > 1 else ""
        target = _with_ports(translation.addresses, block)
        text = f"{match}{protocols} {draw}counter {target} fully-random"
        yield Rule(text=text, comment=comment)
        left -= 1
    no_block = 'counter name "no_block" drop'
    if not translation.blocks:
        yield Rule(text=f"{match}{protocols} {no_block}", comment=comment)
    plain = f"counter {_without_ports(translation.addresses)}" if translation.portless else no_block
    yield Rule(text=f"{match}{plain}", comment=comment)


def _with_ports(addresses: tuple[IPv4Address, ...], block: Block) -> str:
    """Several addresses are hashed, the same on any node."""
    if len(addresses) == 1:
        return f"snat to {addresses[0]}:{block}"
    ranged = ", ".join(f"{i} : {a} . {block}" for i, a in enumerate(addresses))
    return f"snat ip to {_hashed(addresses)} map {{ {ranged} }}"


def _without_ports(addresses: tuple[IPv4Address, ...]) -> str:
    if len(addresses) == 1:
        return f"snat to {addresses[0]}"
    bare = ", ".join(f"{i} : {a}" for i, a in enumerate(addresses))
    return f"snat to {_hashed(addresses)} map {{ {bare} }}"


def _hashed(addresses: tuple[IPv4Address, ...]) -> str:
    return f"jhash ip saddr . ip daddr mod {len(addresses)} seed 0x1"


def _input(spec: Spec, node: str) -> Iterator[Chain]:
    """What may arrive at the node itself."""
    rules = (*replication.admitted(spec, node), *arrival(spec, node))
    if rules:
        yield Chain(name="input", hook=Hook(type="filter", hook="input", priority=0), rules=rules)


def _postrouting(spec: Spec, node: str, groups: dict[IPv4Network, Group]) -> Chain:
    """Seen by the first packet of a flow only; one that no entry translates is not even kept."""
    me = spec.node(node).address
    rules = [
        Rule(text=f"ct status dnat ip saddr {peer} snat to {me}", comment="probe through this node")
        for peer in peer_addresses(spec, node)
    ]
    rules.append(Rule(text="ip daddr @internal return", comment="stays inside"))
    for length in sorted({source.prefixlen for source in groups}, reverse=True):
        mask = IPv4Network((0, length)).netmask
        masked = "" if length == IPv4Network(0).max_prefixlen else f" & {mask}"
        rules.append(
            Rule(text=f"ip saddr{masked} vmap @snat{length}", comment=f"sources /{length}")
        )
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
