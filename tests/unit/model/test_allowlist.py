"""Rows of an allowlist stand in the order of their addresses."""

from ipaddress import IPv4Address, IPv4Network

from natgate.model.allowlist import EVERY_SENT, Admitted, Reachable


def test_rows_are_ordered_by_address_and_protocol() -> None:
    """So that two lists can be compared line by line."""
    to = (IPv4Network("192.0.2.0/24"),)
    rows = [
        Admitted(
            source=IPv4Address(f"203.0.113.{last}"), protocol=sent, destinations=to, entries=("e",)
        )
        for last in (2, 10)
        for sent in sorted(EVERY_SENT)
    ]
    assert sorted(set(rows)) == rows
    calls = [
        Reachable(address=IPv4Address(f"203.0.113.{last}"), protocol="tcp", clients=to, entry="e")
        for last in (2, 10)
    ]
    assert sorted(set(calls)) == calls
