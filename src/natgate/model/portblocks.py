"""Blocks of ports that hosts have for ever, by counting alone (RFC 7422).

The n-th host of an entry has the n-th block of its addresses. Both directions can be computed from
the spec, so one line for each block takes the place of one for each flow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from natgate.model.address import FIRST_PORT, LAST_PORT, collapse
from natgate.model.error import Problem
from natgate.model.fields import Ports
from natgate.model.gateway import Gateway, SnatEntry
from natgate.model.share import Block
from natgate.model.spec import Spec

MOST_HOSTS = 65_536
"""Each is an element in the kernel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """The address and the ports with which a host leaves by an entry."""

    label: str
    host: IPv4Address
    address: IPv4Address
    block: Block


def served_ports(gateway: Gateway, addresses: tuple[IPv4Address, ...]) -> tuple[Block, ...]:
    """The ports of these addresses at which hosts are reached from outside."""
    return tuple(
        Block(first=entry.port.first, last=entry.port.last)
        for entry in gateway.dnat
        if isinstance(entry.port, Ports) and entry.address in addresses
    )


def assigned(spec: Spec, gateway: Gateway, entry: SnatEntry) -> Iterator[Assigned]:
    """Every host of an entry with its block; nothing if its hosts have none of their own."""
    if entry.block_size is None:
        return
    hosts = (host for prefix in collapse(spec.sources_of(entry)) for host in prefix)
    blocks = _blocks(spec, gateway, entry, entry.block_size)
    label = gateway.label(entry)
    for host, (address, block) in zip(hosts, blocks, strict=False):
        yield Assigned(label=label, host=host, address=address, block=block)


def all_assigned(spec: Spec) -> Iterator[Assigned]:
    """Those of all entries of a spec, in its order."""
    for gateway in spec.gateways:
        for entry in gateway.snat:
            yield from assigned(spec, gateway, entry)


def block_problems(spec: Spec) -> Iterator[Problem]:
    """Entries whose hosts cannot have blocks of their own."""
    for g, gateway in enumerate(spec.gateways):
        for e, entry in enumerate(gateway.snat):
            if entry.block_size is not None:
                path = f"gateways[{g}].snat[{e}].block_size"
                for message in _messages(spec, gateway, entry, entry.block_size):
                    yield Problem(path=path, message=message)


def _messages(spec: Spec, gateway: Gateway, entry: SnatEntry, size: int) -> Iterator[str]:
    addresses = spec.addresses_of(gateway, entry)
    if gateway.mode == "active-active":
        yield (
            "nodes of an active-active gateway have blocks of their own, and hosts change between "
            "nodes: use mode active-standby, or leave block_size out"
        )
    hosts = sum(prefix.num_addresses for prefix in collapse(spec.sources_of(entry)))
    if hosts > MOST_HOSTS:
        yield f"{hosts} hosts are more than {MOST_HOSTS}: name smaller sources"
    else:
        found = sum(1 for _ in _blocks(spec, gateway, entry, size))
        if hosts > found:
            yield (
                f"{hosts} hosts need a block each, and {len(addresses)} addresses have {found} of "
                f"{size} ports: add addresses, or take a smaller block_size"
            )
    for other in gateway.snat:
        shared = set(addresses) & set(spec.addresses_of(gateway, other))
        if other is not entry and shared:
            yield (
                f"{min(shared)} is also used by {other.name}, which would give out ports of these "
                "blocks: let each entry name addresses of its own"
            )
    for address in sorted(set(addresses) & gateway.withdrawn):
        yield f"{address} is withdrawn, and its hosts would have no other: leave it out"


def _blocks(
    spec: Spec, gateway: Gateway, entry: SnatEntry, size: int
) -> Iterator[tuple[IPv4Address, Block]]:
    """Every block of the entry's addresses in which no host is reached from outside."""
    for address in spec.addresses_of(gateway, entry):
        served = served_ports(gateway, (address,))
        for first in range(FIRST_PORT, LAST_PORT + 2 - size, size):
            block = Block(first=first, last=first + size - 1)
            if not any(b.first <= block.last and block.first <= b.last for b in served):
                yield address, block
