"""Active-active: a return goes to the node whose block its port lies in, before conntrack sees it.

Every node divides what comes to an address of an active-active gateway by the destination port, the
id of an echo, or the packet quoted in an ICMP error. What belongs to another node is not tracked
here, marked, and led to that node (research/ha-prototype.md section 5). Ports in no map stay here.
"""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address

from natgate.model.desired import Detour, Tunnel
from natgate.model.gateway import Gateway
from natgate.model.share import Share, shares_of
from natgate.model.spec import Spec
from natgate.model.table import Chain, Hook, Lookup, Rule

RAW = -300
"""After defragmentation (-400) and before conntrack (-200)."""

FIRST_MARK = 0x4E470001
"""The mark of what is handed to the first node of the spec; the others follow."""

TUNNEL = "ng-vx"
HANDED_DSCP = 63
"""On the route carrier: handed over once already, so that no packet is handed back and forth."""

PORTS_KEY, IDS_KEY = "inet_service : verdict", "integer : verdict"

Carriers = Mapping[str, str]
"""The node that carries each share, as far as it is known."""


def divided(spec: Spec, node: str) -> tuple[Gateway, ...]:
    """The active-active gateways that a node takes part in."""
    return tuple(g for g in spec.gateways if g.mode == "active-active" and node in spec.nodes_of(g))


def tunnel_of(spec: Spec, node: str) -> Tunnel | None:
    """The tunnel that a node needs, if any."""
    if spec.handover.carrier != "vxlan" or not divided(spec, node):
        return None
    return Tunnel(local=spec.node(node).address, port=spec.handover.port)


def detours_of(spec: Spec, node: str) -> frozenset[Detour]:
    """The ways by which a node hands packets to each of the others."""
    peers = {peer for g in divided(spec, node) for peer in spec.nodes_of(g) if peer != node}
    tunnelled = spec.handover.carrier == "vxlan"
    return frozenset(
        Detour(mark=mark_of(spec, peer), peer=spec.node(peer).address, tunnelled=tunnelled)
        for peer in peers
    )


def mark_of(spec: Spec, node: str) -> int:
    """The mark of packets that are handed to a node; it never leaves this machine."""
    return FIRST_MARK + [n.name for n in spec.nodes].index(node)


def chains(spec: Spec, node: str) -> Iterator[Chain]:
    """The chains of the hand-over; which port belongs to whom is in the maps alone."""
    gateways = divided(spec, node)
    if not gateways:
        return
    yield Chain(name="handover", hook=_hook("prerouting", RAW), rules=tuple(_enter(spec)))
    for gateway in gateways:
        yield Chain(name=f"owner.{gateway.name}", rules=tuple(_by_port(gateway.name)))
        yield Chain(name=f"quoted.{gateway.name}", rules=tuple(_by_quoted_port(gateway.name)))
    for detour in sorted(detours_of(spec, node), key=lambda d: d.mark):
        yield Chain(name=_hand(detour.mark), rules=(_hand_over(spec, detour),))
    if spec.handover.carrier == "vxlan":
        # The packet around a handed one inherits its mark, and would take the same detour again.
        rule = Rule(text=f"meta oifname {TUNNEL} meta mark set 0", comment="mark ends here")
        yield Chain(name="leave", hook=_hook("postrouting", 0), rules=(rule,))


def lookups(spec: Spec, node: str, carriers: Carriers) -> Iterator[Lookup]:
    """Whose port is whose: a failover changes these elements, and nothing else of the hand-over."""
    gateways = divided(spec, node)
    if not gateways:
        return
    addresses = {
        str(fixed.address): f"goto owner.{gateway.name}"
        for gateway in gateways
        for fixed in gateway.addresses
    }
    yield Lookup(name="divided", type="ipv4_addr : verdict", elements=addresses)
    for gateway in gateways:
        elements = dict(_elsewhere(spec, node, shares_of(spec, gateway), carriers))
        for name, key in (("ports", PORTS_KEY), ("ids", IDS_KEY)):
            yield Lookup(name=f"{name}.{gateway.name}", type=key, interval=True, elements=elements)


def tunnel_peers(spec: Spec, node: str) -> tuple[IPv4Address, ...]:
    """Who may send through the tunnel to this node."""
    return tuple(sorted(d.peer for d in detours_of(spec, node) if d.tunnelled))


def _elsewhere(
    spec: Spec, node: str, shares: tuple[Share, ...], carriers: Carriers
) -> Iterator[tuple[str, str]]:
    """The blocks that another node carries."""
    for share in shares:
        carrier = carriers.get(share.name)
        if carrier is not None and carrier != node and carrier in share.nodes:
            yield str(share.block), f"goto {_hand(mark_of(spec, carrier))}"


def _hook(hook: str, priority: int) -> Hook:
    return Hook(type="filter", hook=hook, priority=priority)


def _hand(mark: int) -> str:
    return f"hand.{mark - FIRST_MARK + 1}"


def _enter(spec: Spec) -> Iterator[Rule]:
    if spec.handover.carrier == "vxlan":
        yield Rule(text=f"meta iifname {TUNNEL} return", comment="handed over already")
    else:
        text = f"ip dscp {HANDED_DSCP} ip dscp set cs0 return"
        yield Rule(text=text, comment="handed over already")
    yield Rule(text="ip daddr vmap @divided", comment="addresses of active-active gateways")


def _by_port(gateway: str) -> Iterator[Rule]:
    """A return says whose it is by its destination port, or by the id of its echo."""
    comment = f"{gateway}: whose port"
    yield Rule(text=f"meta l4proto {{ tcp, udp }} th dport vmap @ports.{gateway}", comment=comment)
    replies = "icmp type { echo-reply, timestamp-reply }"
    yield Rule(text=f"{replies} @th,32,16 vmap @ids.{gateway}", comment=comment)
    errors = "icmp type { destination-unreachable, parameter-problem, time-exceeded }"
    yield Rule(text=f"{errors} goto quoted.{gateway}", comment=comment)


def _by_quoted_port(gateway: str) -> Iterator[Rule]:
    """An ICMP error quotes a packet of ours, without IP options: its source port, or its echo id."""
    comment = f"{gateway}: whose quoted port"
    yield Rule(text=f"@th,136,8 {{ 17, 6 }} @th,224,16 vmap @ids.{gateway}", comment=comment)
    yield Rule(text=f"@th,136,8 1 @th,256,16 vmap @ids.{gateway}", comment=comment)


def _hand_over(spec: Spec, detour: Detour) -> Rule:
    once = "" if detour.tunnelled else f"ip dscp set {HANDED_DSCP} "
    peer = next(n.name for n in spec.nodes if n.address == detour.peer)
    text = f'counter name "handed_over" {once}meta mark set {detour.mark} notrack accept'
    return Rule(text=text, comment=f"to {peer}")
