"""The rows of a log."""

from ipaddress import IPv4Address

import numpy as np

from natgate.model.log_rows import BLOCK, ROW, held_of, prefix_mask
from natgate.model.logged import Held


def test_a_row_has_36_bytes() -> None:
    """The guide and the spec say so."""
    assert ROW.itemsize == 36


def test_a_prefix_has_a_mask() -> None:
    """From no bit to all of them."""
    assert [prefix_mask(n) for n in (0, 8, 32)] == [0, 0xFF000000, 0xFFFFFFFF]


def test_a_block_is_read_from_its_row() -> None:
    """One that is still held has no end."""
    host, address = IPv4Address("10.1.0.10"), IPv4Address("203.0.113.1")
    rows = np.array([(int(address), int(host), 1, 9, 5, until) for until in (0, 7)], BLOCK)
    held = Held(host=host, address=address, first=1, last=9, since=5)
    assert held_of(rows[0]) == held
    assert held_of(rows[1]).until == 7
