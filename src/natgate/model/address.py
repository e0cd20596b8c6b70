"""Prefixes and port ranges: small value types over the standard library's ipaddress."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

Prefixes = tuple[IPv4Network, ...]

FIRST_PORT = 1025
"""First source port that natgate hands out; 1025-65535 are 64,511 (DESIGN section 4)."""

LAST_PORT = 65535

PORTS = LAST_PORT - FIRST_PORT + 1
"""Ports (or echo ids) of one address towards one destination."""


def collapse(prefixes: Iterable[IPv4Network]) -> Prefixes:
    """The fewest prefixes that cover exactly the same addresses, in ascending order."""
    return tuple(collapse_addresses(prefixes))


def subtract(prefixes: Iterable[IPv4Network], holes: Iterable[IPv4Network]) -> Prefixes:
    """The addresses of `prefixes` that lie in none of `holes`, collapsed."""
    left = collapse(prefixes)
    for hole in holes:
        kept: list[IPv4Network] = []
        for prefix in left:
            if not prefix.overlaps(hole):
                kept.append(prefix)
            elif hole.supernet_of(prefix):
                continue
            else:
                kept.extend(prefix.address_exclude(hole))
        left = collapse(kept)
    return left


def covers(prefixes: Iterable[IPv4Network], inner: IPv4Network | IPv4Address) -> bool:
    """Whether one of the prefixes holds all of `inner`."""
    network = inner if isinstance(inner, IPv4Network) else IPv4Network(inner)
    return any(prefix.supernet_of(network) for prefix in prefixes)


def in_nft(prefix: IPv4Network) -> str:
    """A prefix as nft itself prints it: a single address without its mask."""
    return str(prefix.network_address) if prefix.prefixlen == prefix.max_prefixlen else str(prefix)
