"""Columns of conntrack messages, made by hand."""

from ipaddress import IPv4Address

import numpy as np

from natgate.model.flow_columns import NAMES, Columns
from natgate.model.open_flow import IPV4


def number(address: str) -> int:
    """An address as a number."""
    return int(IPv4Address(address))


def columns(*flows: dict[str, int]) -> Columns:
    """Some flows; what is not given is 0."""
    made = {name: np.array([f.get(name, 0) for f in flows], "u8") for name in NAMES}
    return Columns(family=IPV4, **made)


def sent(**changes: int) -> dict[str, int]:
    """A UDP flow of 10.1.0.10 that left with 203.0.113.1:2000, and ended."""
    return {
        "kind": 2,
        "protocol": 17,
        "status": 0x19E,
        "source": number("10.1.0.10"),
        "source_port": 5000,
        "destination": number("198.51.100.7"),
        "destination_port": 53,
        "reply_source": number("198.51.100.7"),
        "reply_source_port": 53,
        "reply_destination": number("203.0.113.1"),
        "reply_destination_port": 2000,
        "start_ns": 1_000_999_999,
        "stop_ns": 2_000_000_001,
    } | changes


def reached(**changes: int) -> dict[str, int]:
    """A TCP flow from 198.51.100.7 to 203.0.113.1:443, which is 10.1.0.10:8443 inside."""
    return {
        "kind": 2,
        "protocol": 6,
        "status": 0x2AE,
        "source": number("198.51.100.7"),
        "source_port": 40000,
        "destination": number("203.0.113.1"),
        "destination_port": 443,
        "reply_source": number("10.1.0.10"),
        "reply_source_port": 8443,
        "reply_destination": number("198.51.100.7"),
        "reply_destination_port": 40000,
        "start_ns": 1_000_000_000,
        "stop_ns": 2_000_000_000,
    } | changes
