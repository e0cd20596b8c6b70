"""SNAT entries as rules: who leaves with which address and port.

The longest source mask wins: maps for each prefix length, tried from the longest. A source that has
one entry with one address for all that it sends is an element with that address, so that a hundred
thousand of them cost no more than one. Another map leads to the chain of its source, where the more specific destination is tried first, and of one destination the
entry that names ports, then one that names protocols. A source without a matching entry goes on to
the next shorter mask.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from natgate.model.address import in_nft
from natgate.model.gateway import Gateway, SnatEntry
from natgate.model.portblocks import Assigned, assigned, served_ports
from natgate.model.roles import Roles
from natgate.model.share import EVERY_PORT, Block, joined, shares_of, without
from natgate.model.spec import Spec
from natgate.model.table import Chain, Lookup, Rule, any_of
from natgate.plan import timeouts

MAX_CHAIN_NAME = 100
"""nftables takes 255 characters; a longer list of entries is named by its digest."""

BLOCK_TYPE = "ipv4_addr : ipv4_addr . inet_service"
BY_HOST = "ip saddr . ip daddr"

WITH_PORTS = ("icmp", "tcp", "udp")
"""Protocols of which natgate gives out ports; of an echo it is the id."""

CLIENT_LIMIT = "client_limit"
"""Counts what is refused to a host that has as many flows as its gateway allows."""

PORTED = f"meta l4proto {any_of(WITH_PORTS)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """One entry of one gateway, with the addresses and the ports it uses."""

    gateway: Gateway
    entry: SnatEntry
    addresses: tuple[IPv4Address, ...]
    blocks: tuple[Block, ...]
    portless: bool = True
    idle: str = ""
    assigned: tuple[Assigned, ...] = ()
    unanswered: frozenset[IPv4Address] = frozenset()

    @property
    def label(self) -> str:
        """How rules, plans and counters name it."""
        return self.gateway.label(self.entry)

    @property
    def slots(self) -> tuple[IPv4Address, ...]:
        """The address of each hash value; what a withdrawn or failed one had goes to the others.

        Who had another address keeps it. Where every address fails, they are used all the same.
        """
        given = [a for a in self.addresses if a not in self.gateway.withdrawn]
        left = [a for a in given if a not in self.unanswered] or given
        if not left:
            return ()
        return tuple(a if a in left else left[i % len(left)] for i, a in enumerate(self.addresses))

    @property
    def plain(self) -> bool:
        """Whether it is one address and every port for all that its sources send."""
        limited = self.gateway.ports.per_client is not None
        narrowed = self.entry.destinations or self.rank or self.idle or self.assigned or limited
        return not narrowed and len(set(self.slots)) == 1 and self.blocks == (EVERY_PORT,)

    @property
    def rank(self) -> int:
        """Of one source and destination the higher one comes first."""
        return 2 if self.entry.ports else 1 if self.entry.protocols else 0


Group = tuple[Translation, ...]
Groups = dict[IPv4Network, Group]
"""Every source prefix with the translations that name it."""


def groups_of(spec: Spec, gateways: tuple[Gateway, ...], node: str, roles: Roles) -> Groups:
    """The translations of a node that carries these gateways."""
    groups: dict[IPv4Network, list[Translation]] = defaultdict(list)
    for gateway in gateways:
        blocks, portless = _blocks(spec, gateway, node, roles)
        for entry in gateway.snat:
            addresses = spec.addresses_of(gateway, entry)
            own = tuple(assigned(spec, gateway, entry))
            free = without(blocks, served_ports(gateway, addresses))
            translation = Translation(
                gateway=gateway,
                entry=entry,
                addresses=addresses,
                blocks=blocks if own else free,
                portless=portless,
                idle=timeouts.otherwise(gateways, gateway),
                assigned=own,
                unanswered=roles.unanswered.get(gateway.name, frozenset()),
            )
            for source in spec.sources_of(entry):
                groups[source].append(translation)
    return {source: tuple(group) for source, group in groups.items()}


def plain(group: Group) -> bool:
    """Whether one entry takes all that a source sends, so that an element says it all."""
    return len(group) == 1 and group[0].plain


def chains(groups: Groups) -> Iterator[Chain]:
    """The chain of each group; sources with the same entries share it."""
    named = {_chain_name(group): group for group in groups.values() if not plain(group)}
    for group in named.values():
        yield _source_chain(group)


def source_maps(groups: Groups) -> Iterator[Lookup]:
    """Maps for each prefix length, from the network address to its chain, or to its one address.

    Elements with addresses count, each for the entry that its comment names.
    """
    for length, of_length in _by_length(groups):
        chained = {
            str(source.network_address): f"jump {_chain_name(group)}"
            for source, group in of_length.items()
            if not plain(group)
        }
        if chained:
            yield Lookup(name=f"snat{length}", type="ipv4_addr : verdict", elements=chained)
        addressed = {
            f'{source.network_address} comment "{group[0].label}"': str(group[0].slots[0])
            for source, group in of_length.items()
            if plain(group)
        }
        if addressed:
            name, kind = f"address{length}", "ipv4_addr : ipv4_addr"
            yield Lookup(name=name, type=kind, counted=True, elements=addressed)


def by_source(groups: Groups) -> Iterator[Rule]:
    """The maps, from the longest mask to the shortest."""
    for length, of_length in _by_length(groups):
        mask = IPv4Network((0, length)).netmask
        masked = "" if length == IPv4Network(0).max_prefixlen else f" & {mask}"
        chained = [group for group in of_length.values() if not plain(group)]
        addressed = [group for group in of_length.values() if plain(group)]
        comment = f"sources /{length}"
        if chained:
            text = f"{_inside(chained)}ip saddr{masked} vmap @snat{length}"
            yield Rule(text=text, comment=comment)
        if addressed:
            address = f"snat to ip saddr{masked} map @address{length}"
            head = _inside(addressed)
            yield Rule(text=f"{head}{PORTED} {address}:{EVERY_PORT} fully-random", comment=comment)
            yield Rule(text=f"{head}{address}", comment=comment)


def _by_length(groups: Groups) -> list[tuple[int, Groups]]:
    """The groups of each prefix length, the longest first."""
    found: dict[int, Groups] = defaultdict(dict)
    for source, group in groups.items():
        found[source.prefixlen][source] = group
    return sorted(found.items(), reverse=True)


def _inside(groups: list[Group]) -> str:
    """The ranges of the network also hold the nodes and the addresses."""
    return "ip saddr @inside " if any(t.entry.network for group in groups for t in group) else ""


def draws(blocks: tuple[Block, ...]) -> Iterator[tuple[str, Block]]:
    """Each block with the match by which it is drawn, as often as it has ports."""
    left = sum(len(block) for block in blocks)
    for block in blocks:
        yield f"numgen random mod {left} < {len(block)} " if left > len(block) else "", block
        left -= len(block)


def _blocks(
    spec: Spec, gateway: Gateway, node: str, roles: Roles
) -> tuple[tuple[Block, ...], bool]:
    """The ports this node gives out, and whether it translates protocols that have none.

    Nothing tells whose a return without a port is, so that only the node which receives the returns
    of an active-active gateway may send such packets.
    """
    shares = shares_of(spec, gateway)
    if gateway.mode == "active-standby":
        return (EVERY_PORT,), True
    mine = (share.block for share in shares if share.name in roles.handing_out)
    receives = roles.carriers.get(shares[0].name) == node
    return joined(mine), receives and shares[0].name in roles.handing_out


def _chain_name(group: Group) -> str:
    name = "snat." + "_".join(t.label.replace("/", ".") for t in group)
    if len(name) <= MAX_CHAIN_NAME:
        return name
    return f"snat.{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _source_chain(group: Group) -> Chain:
    """The more specific destination first; an entry for everywhere comes last."""
    pairs = [(d, t) for t in group for d in t.entry.destinations]
    pairs.sort(key=lambda pair: (-pair[0].prefixlen, pair[0], -pair[1].rank))
    rules = [rule for d, t in pairs for rule in _translate(f"ip daddr {in_nft(d)} ", t)]
    everywhere = sorted((t for t in group if not t.entry.destinations), key=lambda t: -t.rank)
    rules += [rule for t in everywhere for rule in _translate("", t)]
    return Chain(name=_chain_name(group), rules=tuple(rules))


def _translate(match: str, translation: Translation) -> Iterator[Rule]:
    """Ports (and echo ids) drawn at random from this node's blocks; other protocols have none."""
    comment = translation.label
    if not translation.slots:
        yield Rule(text=f'{match}counter name "no_address" drop', comment=comment)
        return
    ported = f"{match}{_protocols(translation.entry)} "
    most = translation.gateway.ports.per_client
    if most is not None and translation.blocks:
        limit = f"add @{_clients(translation.gateway)} {{ ip saddr ct count over {most} }}"
        yield Rule(text=f'{ported}{limit} counter name "{CLIENT_LIMIT}" drop', comment=CLIENT_LIMIT)
    for draw, block in draws(translation.blocks):
        text = f"{ported}{draw}{translation.idle}counter {_with_ports(translation, block)} fully-random"
        yield Rule(text=text, comment=comment)
    no_block = 'counter name "no_block" drop'
    if not translation.blocks:
        yield Rule(text=f"{ported}{no_block}", comment=comment)
    if not translation.rank:
        plain = f"counter {_without_ports(translation)}" if translation.portless else no_block
        yield Rule(text=f"{match}{plain}", comment=comment)


def block_maps(groups: Groups) -> Iterator[Lookup]:
    """What each host of an entry with blocks leaves with: address and ports, and the address alone."""
    named = {t.label: t for group in groups.values() for t in group if t.assigned}
    for each in named.values():
        ports = {str(a.host): f"{a.address} . {a.block}" for a in each.assigned}
        yield Lookup(name=_assigned_map(each, "ports"), type=BLOCK_TYPE, elements=ports)
        bare = {str(a.host): str(a.address) for a in each.assigned}
        name = _assigned_map(each, "address")
        yield Lookup(name=name, type="ipv4_addr : ipv4_addr", elements=bare)


def _assigned_map(translation: Translation, what: str) -> str:
    return f"{what}.{translation.label.replace('/', '.')}"


def client_sets(gateways: tuple[Gateway, ...]) -> Iterator[Lookup]:
    """The set in which the kernel counts each host's flows, of every gateway that limits them."""
    for gateway in gateways:
        if gateway.ports.per_client is not None:
            yield Lookup(name=_clients(gateway), type="ipv4_addr", dynamic=True)


def _clients(gateway: Gateway) -> str:
    """An element keeps the limit it was made with, so another limit is another set."""
    return f"clients.{gateway.name}.{gateway.ports.per_client}"


def _protocols(entry: SnatEntry) -> str:
    """What an entry applies to, in the form in which nft prints it."""
    protocols = entry.protocols or (("tcp", "udp") if entry.ports else WITH_PORTS)
    listed = any_of(protocols)
    if not entry.ports:
        return f"meta l4proto {listed}"
    blocks = joined(Block(first=ports.first, last=ports.last) for ports in entry.ports)
    ports = any_of(block if len(block) > 1 else block.first for block in blocks)
    if len(protocols) == 1:
        return f"{listed} dport {ports}"
    return f"meta l4proto {listed} th dport {ports}"


def _with_ports(translation: Translation, block: Block) -> str:
    """Several addresses are hashed, the same on any node: by host and destination, or also by ports."""
    if translation.assigned:
        return f"snat ip to ip saddr map @{_assigned_map(translation, 'ports')}"
    slots = translation.slots
    if len(set(slots)) == 1:
        return f"snat to {slots[0]}:{block}"
    ranged = ", ".join(f"{i} : {a} . {block}" for i, a in enumerate(slots))
    return f"snat ip to {_hashed(_key(translation.entry), slots)} map {{ {ranged} }}"


def _key(entry: SnatEntry) -> str:
    """What is hashed: also the ports, in the form in which nft prints them, where there are any."""
    protocols = set(entry.protocols)
    if entry.affinity or protocols == {"icmp"}:
        return BY_HOST
    named = protocols.pop() if len(protocols) == 1 else "th"
    return f"{BY_HOST} . {named} sport . {named} dport"


def _without_ports(translation: Translation) -> str:
    if translation.assigned:
        return f"snat to ip saddr map @{_assigned_map(translation, 'address')}"
    slots = translation.slots
    if len(set(slots)) == 1:
        return f"snat to {slots[0]}"
    bare = ", ".join(f"{i} : {a}" for i, a in enumerate(slots))
    return f"snat to {_hashed(BY_HOST, slots)} map {{ {bare} }}"


def _hashed(key: str, slots: tuple[IPv4Address, ...]) -> str:
    return f"jhash {key} mod {len(slots)} seed 0x1"
