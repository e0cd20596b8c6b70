"""Who has which block since when."""

from ipaddress import IPv4Address

import numpy as np

from natgate.model.log_rows import BLOCK, ROW
from natgate.model.portblocks import Assigned
from natgate.model.share import Block
from natgate.plan.log_blocks import Covered, turnover

ADDRESS = IPv4Address("203.0.113.1")
NONE = np.zeros(0, BLOCK)
RETENTION = 1000


def assigned(last: int, first: int) -> Assigned:
    """A host's block of 100 ports."""
    block = Block(first=first, last=first + 99)
    return Assigned(label="g/e", host=IPv4Address(f"10.1.0.{last}"), address=ADDRESS, block=block)


def test_a_block_is_logged_once_for_as_long_as_it_is_held() -> None:
    """Its host gets it, keeps it, and loses it to another one; the old holder stays known."""
    first = turnover(NONE, [assigned(1, 2000)], 5, RETENTION)
    assert [str(each.host) for each in first.allocated] == ["10.1.0.1"]
    same = turnover(first.blocks, [assigned(1, 2000)], 6, RETENTION)
    assert (same.allocated, same.released, len(same.blocks)) == ((), (), 1)
    other = turnover(same.blocks, [assigned(2, 2000)], 7, RETENTION)
    assert [(each.since, each.until) for each in other.released] == [(5, 7)]
    assert [(each.since, each.until) for each in other.allocated] == [(7, None)]
    assert len(other.blocks) == 2


def test_a_block_is_forgotten_after_the_retention() -> None:
    """Counted from when it was given back."""
    known = turnover(NONE, [assigned(1, 2000)], 5, RETENTION).blocks
    gone = turnover(known, [], 6, RETENTION).blocks
    assert len(turnover(gone, [], 1006, RETENTION).blocks) == 1
    assert len(turnover(gone, [], 1007, RETENTION).blocks) == 0


def row(
    port: int, *, host: str = "10.1.0.1", address: IPv4Address = ADDRESS, start: int = 9
) -> object:
    """A flow."""
    return (start, 10, int(address), int(IPv4Address(host)), 0, port, 1, 0, 6, 1)


def test_a_flow_in_the_block_of_its_host_needs_no_record() -> None:
    """Any other one does: outside, of another host or address, or begun before that was known."""
    blocks = turnover(NONE, [assigned(1, 2000), assigned(3, 2200)], 5, RETENTION).blocks
    rows = np.array(
        [
            row(2000),
            row(2099),
            row(2200, host="10.1.0.3"),
            row(1999),
            row(2100),
            row(2000, host="10.1.0.2"),
            row(2000, address=IPv4Address("203.0.113.2")),
            row(2000, start=4),
        ],
        ROW,
    )
    assert Covered(blocks).needless(rows).tolist() == [True] * 3 + [False] * 5


def test_without_blocks_every_flow_is_recorded() -> None:
    """Also where all were given back."""
    rows = np.array([row(2000)], ROW)
    assert Covered(NONE).needless(rows).tolist() == [False]
    known = turnover(NONE, [assigned(1, 2000)], 5, RETENTION).blocks
    assert Covered(turnover(known, [], 6, RETENTION).blocks).needless(rows).tolist() == [False]
