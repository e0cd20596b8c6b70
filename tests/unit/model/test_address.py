"""Prefixes as sets of addresses."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.address import FIRST_PORT, LAST_PORT, collapse, covers, in_nft, subtract

NETWORK = IPv4Network("10.0.0.0/24")


def _prefix(length: int, offset: int) -> IPv4Network:
    return IPv4Network((int(NETWORK.network_address) + offset, length), strict=False)


PREFIXES = st.lists(st.builds(_prefix, st.integers(24, 32), st.integers(0, 255)), max_size=6)


def _addresses(prefixes: list[IPv4Network] | tuple[IPv4Network, ...]) -> set[IPv4Address]:
    return {address for prefix in prefixes for address in prefix}


@given(PREFIXES, PREFIXES)
def test_subtract_is_the_difference_of_sets(
    prefixes: list[IPv4Network], holes: list[IPv4Network]
) -> None:
    """Exactly the addresses that lie in no hole are left, in the fewest prefixes."""
    left = subtract(prefixes, holes)
    assert _addresses(left) == _addresses(prefixes) - _addresses(holes)
    assert left == collapse(left)


@given(PREFIXES)
def test_collapse_keeps_the_addresses(prefixes: list[IPv4Network]) -> None:
    """Collapsing neither adds nor loses an address."""
    assert _addresses(collapse(prefixes)) == _addresses(prefixes)


@given(PREFIXES, st.builds(_prefix, st.integers(24, 32), st.integers(0, 255)))
def test_covers_means_within_one_prefix(prefixes: list[IPv4Network], inner: IPv4Network) -> None:
    """A prefix is covered if one of the others holds all of it."""
    held = any(_addresses((inner,)) <= _addresses((prefix,)) for prefix in prefixes)
    assert covers(prefixes, inner) == held


def test_an_address_is_covered_as_a_prefix_of_its_own() -> None:
    """A single address counts as the prefix that holds only it."""
    assert covers([NETWORK], IPv4Address("10.0.0.7"))
    assert not covers([NETWORK], IPv4Address("10.0.1.7"))


@pytest.mark.parametrize(
    ("prefix", "text"),
    [("10.0.0.0/24", "10.0.0.0/24"), ("10.0.0.7/32", "10.0.0.7"), ("0.0.0.0/0", "0.0.0.0/0")],
)
def test_a_single_address_loses_its_mask_in_nft(prefix: str, text: str) -> None:
    """Nft prints a single address without /32, and so does natgate."""
    assert in_nft(IPv4Network(prefix)) == text


def test_the_ports_are_those_of_the_design() -> None:
    """64,511 source ports are handed out for each address and destination."""
    assert LAST_PORT - FIRST_PORT + 1 == 64511
