"""How full each block of each address is: what counts is the destination that uses most of it."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from natgate.model.counts import PortUse
from natgate.model.routes import ways_of
from natgate.model.share import Share, all_shares
from natgate.model.spec import Spec

ANYWHERE = IPv4Network("192.0.2.0/24")
"""Nobody's (RFC 5737): it is reached like every destination that has no route of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """One block of one address: its flows, the most ports towards one destination, and its size."""

    address: str
    share: str
    flows: int
    most: int
    size: int


def occupancy(spec: Spec, uses: Iterable[PortUse]) -> tuple[Occupancy, ...]:
    """Every block of every address of a spec; what lies in none is not counted."""
    addresses = {g.name: [fixed.address for fixed in g.addresses] for g in spec.gateways}
    blocks: dict[IPv4Address, list[Share]] = defaultdict(list)
    for share in all_shares(spec):
        for address in addresses[share.gateway]:
            blocks[address].append(share)
    found: dict[tuple[IPv4Address, str], Counter[bytes]] = defaultdict(Counter)
    for use in uses:
        for share in blocks.get(use.address, ()):
            if use.port in share.block:
                found[use.address, share.name][use.destination] += 1
    return tuple(
        Occupancy(
            address=str(address),
            share=share.name,
            flows=found[address, share.name].total(),
            most=max(found[address, share.name].values(), default=0),
            size=share.block.last - share.block.first + 1,
        )
        for address, shares in blocks.items()
        for share in shares
    )


def near_and_far(spec: Spec) -> tuple[tuple[IPv4Address, ...], tuple[IPv4Address, ...]]:
    """Addresses of sources, and of destinations: the links that lead to them are the two sides."""
    clients = [subnet.cidr for subnet in spec.network.subnets if subnet.kind == "client"]
    ways = [way for gateway in spec.gateways for way in ways_of(spec, gateway)]
    prefixes = [prefix for _, far in ways for prefix in far]
    checked = {check.address for gateway in spec.gateways for check in gateway.health.upstream}
    near = {address for prefix in clients for address in _ends(prefix)}
    far = {
        address
        for prefix in prefixes
        for address in _ends(prefix if prefix.prefixlen else ANYWHERE)
    }
    return tuple(sorted(near)), tuple(sorted(far | checked))


def _ends(prefix: IPv4Network) -> tuple[IPv4Address, IPv4Address]:
    """Two hosts of a prefix, since one may be the node itself."""
    inner = min(1, (prefix.num_addresses - 1) // 2)
    return prefix[inner], prefix[-1 - inner]
