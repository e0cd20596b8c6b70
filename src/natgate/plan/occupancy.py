"""How full each block of each address is: what counts is the destination that uses most of it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from natgate.model.counts import PortUse
from natgate.model.routes import ways_of
from natgate.model.share import Share, all_shares
from natgate.model.spec import Spec
from natgate.model.warning import ActiveWarning, warning

ANYWHERE = IPv4Network("192.0.2.0/24")
"""Nobody's (RFC 5737): it is reached like every destination that has no route of its own."""


LOW, FULL = 0.8, 0.9
"""Of a block's ports in use towards one destination: when to warn, and from where on the kernel may
find no free one in its tries (research/dataplane-perf.md section 8: from 60,000 of 64,511 on)."""

HOSTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """One block of one address: its flows, the most ports towards one destination, and its size.

    `clients`: the hosts with most flows, and how many.
    """

    address: str
    share: str
    flows: int
    most: int
    size: int
    clients: tuple[tuple[str, int], ...] = ()

    @property
    def level(self) -> float:
        """How full it is towards the destination that uses most of it: 1 is full."""
        return self.most / self.size


def occupancy(spec: Spec, uses: Iterable[PortUse]) -> tuple[Occupancy, ...]:
    """Every block of every address of a spec; what lies in none is not counted."""
    addresses = {g.name: [fixed.address for fixed in g.addresses] for g in spec.gateways}
    blocks: dict[IPv4Address, list[Share]] = defaultdict(list)
    for share in all_shares(spec):
        for address in addresses[share.gateway]:
            blocks[address].append(share)
    found: dict[tuple[IPv4Address, str], Counter[bytes]] = defaultdict(Counter)
    hosts: dict[tuple[IPv4Address, str], Counter[IPv4Address]] = defaultdict(Counter)
    for use in uses:
        for share in blocks.get(use.address, ()):
            if use.port in share.block:
                found[use.address, share.name][use.destination] += 1
                hosts[use.address, share.name][use.client] += 1
    return tuple(
        Occupancy(
            address=str(address),
            share=share.name,
            flows=found[address, share.name].total(),
            most=max(found[address, share.name].values(), default=0),
            size=share.block.last - share.block.first + 1,
            clients=tuple((str(h), n) for h, n in hosts[address, share.name].most_common(HOSTS)),
        )
        for address, shares in blocks.items()
        for share in shares
    )


def without_port(occupied: Iterable[Occupancy]) -> str | None:
    """The address whose lack of ports a failed insertion shows; None if none is nearly full.

    The kernel counts such failures for all addresses together, and also when two packets of one
    flow race each other.
    """
    fullest = max(occupied, key=lambda held: held.level, default=None)
    return fullest.address if fullest is not None and fullest.level >= FULL else None


def port_warnings(
    occupied: Iterable[Occupancy], refused: Mapping[str, int]
) -> Iterator[ActiveWarning]:
    """Blocks that are nearly full; `refused`: first packets that found no port since the last count."""
    for held in occupied:
        if held.level >= LOW:
            host, flows = held.clients[0]
            text = (
                f"{held.address}: {held.most:,} of {held.size:,} ports of {held.share} are in use "
                f"towards one destination; {host} has most flows ({flows:,})"
            )
            yield warning("ports-low", held.address, text)
    for address, count in refused.items():
        text = f"{address}: {count:,} first packets found no free port"
        yield warning("ports-refused", address, text)


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
