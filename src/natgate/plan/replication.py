"""What the rules of a node do for flow replication, and for what nodes say to each other.

Half-open flows raise no events, so scans and floods cost the peer nothing, and neither do single
questions and answers over UDP: a replica of one could expire beside a new flow of the same ports,
which conntrackd would then end on the node that carries it. What nodes say to each other is not
tracked, and only nodes may say it (research/ha-prototype.md section 4).
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address

from natgate.model.spec import Spec
from natgate.model.table import Chain, Hook, Rule, any_of
from natgate.plan import handover

MANGLE, RAW = -150, -300


def replicated(spec: Spec, node: str) -> bool:
    """Whether a node's flows are sent to another one."""
    return spec.replication.kind != "none" and len(spec.nodes) == 2 and node in _names(spec)  # noqa: PLR2004


def chains(spec: Spec, node: str) -> Iterator[Chain]:
    """The chains; none where there is only one node."""
    if len(spec.nodes) == 1:
        return
    if replicated(spec, node):
        rule = Rule(
            text="ct state new meta l4proto { tcp, udp } ct event set assured,destroy",
            comment="half-open flows are not sent",
        )
        yield Chain(name="events", hook=_hook("prerouting", MANGLE), rules=(rule,))
    # Not whatever is local: where VRRP puts a fixed address on the link, replies have any port.
    me = spec.node(node)
    own = f"ip daddr {any_of((me.address, me.sync))} "
    for hook, match in (("prerouting", own), ("output", "")):
        rules = tuple(_untracked(spec, node, match))
        yield Chain(name=f"untracked-{hook}", hook=_hook(hook, RAW), rules=rules)


def admitted(spec: Spec, node: str) -> Iterator[Rule]:
    """The rules for what arrives: nodes only, since neither conntrackd nor vxlan asks who speaks."""
    others = [n for n in spec.nodes if n.name != node]
    if replicated(spec, node):
        # conntrackd listens to the address it is told, and sends from the one that routing chooses.
        peers = [a for n in others for a in (n.address, n.sync)]
        yield _only(peers, spec.replication.port, "flow replication")
    tunnelled = handover.tunnel_peers(spec, node)
    if tunnelled:
        yield _only(tunnelled, spec.handover.port, "tunnel")


def _only(peers: Iterable[IPv4Address], port: int, what: str) -> Rule:
    text = f'udp dport {port} ip saddr != {any_of(peers)} counter name "not_a_node" drop'
    return Rule(text=text, comment=what)


def _untracked(spec: Spec, node: str, match: str) -> Iterator[Rule]:
    ports = {spec.heartbeat.port: "heartbeats"}
    if replicated(spec, node):
        ports[spec.replication.port] = "flow replication"
    if handover.tunnel_peers(spec, node):
        ports[spec.handover.port] = "tunnel"
    for port, what in ports.items():
        yield Rule(text=f"{match}udp dport {port} notrack", comment=what)


def _names(spec: Spec) -> set[str]:
    return {node.name for node in spec.nodes}


def _hook(hook: str, priority: int) -> Hook:
    return Hook(type="filter", hook=hook, priority=priority)
