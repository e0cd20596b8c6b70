"""Limits of addresses as rules: what is over one is dropped, in each direction.

A packet is looked up by the address that the far side sees: once translation is over when it
leaves, and before it begins when it arrives. A node without limits has none of these chains.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address

from natgate.model.gateway import Gateway
from natgate.model.roles import Roles
from natgate.model.share import shares_of
from natgate.model.spec import Spec
from natgate.model.table import Chain, Hook, Lookup, Rule

BEFORE_DSTNAT, AFTER_SRCNAT = -110, 110
"""Translation takes place at -100 and at 100, whatever the priority of the chains that say how."""

OVER = "over_bandwidth"
"""With address and direction, what the rule and its counter are called."""

BURST = 1 << 17
"""Bytes beside what a second allows: two of the largest packets that a link may merge."""

Gateways = tuple[Gateway, ...]

_WAYS = (
    ("in", "prerouting", BEFORE_DSTNAT, "daddr"),
    ("out", "postrouting", AFTER_SRCNAT, "saddr"),
)


def chains(spec: Spec, gateways: Gateways, node: str, roles: Roles) -> Iterator[Chain]:
    """One base chain for each direction, and one chain for each address with a limit."""
    limits = dict(_limits(spec, gateways, node, roles))
    for way, hook, priority, side in _WAYS if limits else ():
        rules = [Rule(text=f"ip {side} vmap @{_name(way)}", comment="addresses with a limit")]
        if way == "in" and any(gateway.mode == "active-active" for gateway in gateways):
            # What is led to another node counts there.
            rules.insert(0, Rule(text="ct state untracked return", comment="handed over"))
        yield Chain(
            name=_name(way),
            hook=Hook(type="filter", hook=hook, priority=priority),
            rules=tuple(rules),
        )
        for address, rate in limits.items():
            text = f"limit rate over {rate} bytes/second burst {BURST} bytes counter drop"
            rule = Rule(text=text, comment=f"{OVER} {address} {way}")
            yield Chain(name=_name(way, address), rules=(rule,))


def lookups(gateways: Gateways) -> Iterator[Lookup]:
    """Which addresses have limits."""
    limited = [a.address for g in gateways for a in g.addresses if a.bandwidth is not None]
    for way, *_ in _WAYS if limited else ():
        elements = {str(address): f"goto {_name(way, address)}" for address in limited}
        yield Lookup(name=_name(way), type="ipv4_addr : verdict", elements=elements)


def _limits(
    spec: Spec, gateways: Gateways, node: str, roles: Roles
) -> Iterator[tuple[IPv4Address, int]]:
    """Bytes per second that a node lets through; each node has as much of it as of the ports."""
    for gateway in gateways:
        shares = shares_of(spec, gateway)
        mine = [s for s in shares if s.home == node or s.name in roles.handing_out]
        held = mine if gateway.mode == "active-active" else shares
        part, whole = (sum(len(s.block) for s in each) for each in (held, shares))
        for fixed in gateway.addresses:
            if fixed.bandwidth is not None:
                yield fixed.address, fixed.bandwidth // 8 * part // whole


def _name(way: str, address: IPv4Address | None = None) -> str:
    return f"limit-{way}" if address is None else f"limit-{way}.{address}"
