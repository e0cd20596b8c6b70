"""Changes and entries in sentences, for people who decide whether to go on."""

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

from natgate.model.change import (
    AddBlackhole,
    AddDetour,
    AddRule,
    AddTable,
    Change,
    ChangeTable,
    DeleteTable,
    RemoveBlackhole,
    RemoveDetour,
    RemoveGuard,
    RemoveTunnel,
    SetGuard,
    SetSysctl,
    SetTunnel,
)
from natgate.model.gateway import DnatEntry, Gateway, OwnAddress, SnatEntry
from natgate.model.portblocks import all_assigned
from natgate.model.spec import Spec

_WHY = {
    "rp_filter": "returns may come by another link than the one the source would be reached by",
    "send_redirects": "packets turn round on one link; redirects would lead clients past the node",
    "forwarding": "each link forwards; it can be switched off apart from the others",
    "net/ipv4/ip_forward": "a gateway forwards; set last, when rules and guard are in place",
    "net/ipv6/conf/all/forwarding": "IPv6 is not translated, so none is forwarded",
    "force_forwarding": "the same for each link, whatever the setting of all says",
    "net/netfilter/nf_conntrack_tcp_be_liberal": "a node that takes over has not seen the window "
    "of a connection; strict checks would drop its packets",
    "net/netfilter/nf_conntrack_tcp_loose": "a connection picked up in its middle could be given "
    "a wrong port",
    "net/netfilter/nf_conntrack_events": "a flow that begins while conntrackd is away tells its end "
    "to the peer nevertheless",
    "net/netfilter/nf_conntrack_acct": "natgate flows shows what each flow moved (host.flow_counters)",
    "net/netfilter/nf_conntrack_timestamp": "natgate flows shows how old each flow is",
}

_REASONS: Mapping[type[Change], str] = {
    SetGuard: "nothing from inside may leave untranslated, whatever happens to the rules",
    RemoveGuard: "this link needs no guard",
    AddBlackhole: "a packet to a fixed address that belongs to no flow ends here",
    RemoveBlackhole: "no longer a fixed address of this node",
    SetTunnel: "returns that belong to another node go there through it",
    RemoveTunnel: "nothing is handed over any more",
    AddDetour: "a return whose port another node has given out is led to that node",
    RemoveDetour: "nothing is handed to that node any more",
}


def reason(change: Change, *, removing: bool = False) -> str:
    """Why a change is needed, in one sentence."""
    if removing:
        return "as it was before natgate" if isinstance(change, SetSysctl) else "natgate made it"
    if isinstance(change, ChangeTable):
        return _table_reason(change)
    if isinstance(change, SetSysctl):
        why = _WHY.get(change.key) or _WHY[change.key.rsplit("/", 1)[-1]]
        return f"{why} (now {change.previous or 'absent'})"
    return _REASONS[type(change)]


def _table_reason(change: ChangeTable) -> str:
    kinds = {type(step) for step in change.steps}
    if DeleteTable in kinds and AddTable in kinds:
        return "the table has to be made anew to wake it or to change its owner; the guard drops meanwhile"
    if DeleteTable in kinds:
        return "the table and all in it are natgate's"
    if AddTable in kinds:
        return "there is no table yet; all of it comes into force at once"
    rules = [step for step in change.steps if isinstance(step, AddRule)]
    if rules:
        entries = dict.fromkeys(step.rule.comment for step in rules if step.rule.comment)
        return f"rules differ: {', '.join(entries)}; all steps come into force at once"
    return "elements differ; all steps come into force at once"


def as_json(changes: tuple[Change, ...], *, removing: bool = False) -> list[dict[str, str]]:
    """Changes with kind, command and reason."""
    return [
        {
            "kind": type(change).__name__,
            "run": str(change),
            "reason": reason(change, removing=removing),
        }
        for change in changes
    ]


def notes(spec: Spec) -> tuple[str, ...]:
    """What the spec asks of the surroundings, which natgate cannot set from here."""
    found: list[str] = []
    if len(spec.nodes) > 1 or spec.steering.kind != "none":
        names = ", ".join(node.name for node in spec.nodes)
        found.append(
            f"switch off the source/destination check of every node's interface ({names}) where "
            "the network has one (clouds); on Linux its equivalents are rp_filter and "
            "send_redirects, which natgate sets"
        )
    found += [
        f"{gateway.name} has no upstream check: a dead path beyond a node goes unnoticed"
        for gateway in spec.gateways
        if not gateway.health.upstream
    ]
    zones = [spec.zones_of(gateway) for gateway in spec.gateways]
    found += [
        f"{gateway.name} is single-zone: it is lost with zone {of[0]}; give it nodes of other zones "
        "if it is to outlive that"
        for gateway, of in zip(spec.gateways, zones, strict=True)
        if len(of) == 1 < len(spec.network.zones)
    ]
    return tuple(found)


def entries(spec: Spec, counters: Mapping[str, int]) -> list[dict[str, Any]]:
    """Every entry with its addresses and how many flows it has translated on this node.

    In the order in which a host's packet meets them: own addresses, DNAT, SNAT.
    """
    return [
        {
            **shown,
            "gateway": gateway.name,
            "flows_started": counters.get(f"{gateway.name}/{shown['entry']}", 0),
        }
        for gateway in spec.gateways
        for shown in (
            *map(_own, gateway.own),
            *map(_dnat, gateway.dnat),
            *(_snat(spec, gateway, entry) for entry in gateway.snat),
        )
    ]


def blocks(spec: Spec) -> list[dict[str, Any]]:
    """Every host that has a block of ports of its own."""
    return [
        {
            "host": str(each.host),
            "address": str(each.address),
            "first": each.block.first,
            "last": each.block.last,
            "entry": each.label,
        }
        for each in all_assigned(spec)
    ]


def _own(own: OwnAddress) -> dict[str, Any]:
    return {
        "kind": "own",
        "entry": own.name,
        "sources": [str(own.host)],
        "destinations": _or_everywhere(own.destinations),
        "applies_to": "everything, both ways",
        "addresses": [str(own.address)],
    }


def _dnat(entry: DnatEntry) -> dict[str, Any]:
    target_port = entry.port if entry.target_port is None else entry.target_port
    protocols = "/".join(entry.protocols)
    return {
        "kind": "dnat",
        "entry": entry.name,
        "sources": _or_everywhere(entry.clients),
        "destinations": [str(entry.target) if entry.whole else f"{entry.target}:{target_port}"],
        "applies_to": ("everything, both ways" if entry.whole else f"{protocols} {entry.port}"),
        "addresses": [str(entry.address)],
    }


def _snat(spec: Spec, gateway: Gateway, entry: SnatEntry) -> dict[str, Any]:
    protocols = "/".join(entry.protocols or (("tcp", "udp") if entry.ports else ()))
    ports = ", ".join(map(str, entry.ports))
    return {
        "kind": "snat",
        "entry": entry.name,
        "sources": [str(prefix) for prefix in spec.sources_of(entry)],
        "destinations": _or_everywhere(entry.destinations),
        "applies_to": f"{protocols} {ports}".strip() or "everything",
        "addresses": [
            f"{address} (withdrawn)" if address in gateway.withdrawn else str(address)
            for address in spec.addresses_of(gateway, entry)
        ],
    }


def _or_everywhere(prefixes: tuple[IPv4Network, ...]) -> list[str]:
    return [str(prefix) for prefix in prefixes] or ["everywhere"]
