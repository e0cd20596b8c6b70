"""Flows as columns; tests/unit/wire/test_flow_columns.py reads them from messages."""

import numpy as np

from natgate.model.flow_columns import NAMES, arrays, joined, room
from natgate.model.open_flow import IPV4, IPV6
from tests.unit.open_flows import columns, flow


def test_columns_of_one_family_are_joined_in_order() -> None:
    """Those of another are left out; of none there are none."""
    parts = [columns([flow(id=i)], IPV4) for i in (1, 2)] + [room(3, IPV6, frozenset(NAMES))]
    assert joined(parts, IPV4).id.tolist() == [1, 2]
    assert joined(parts, IPV6).source.shape == (3, 4)
    assert len(joined([], IPV4)) == 0


def test_flows_are_taken_by_mask_place_or_slice() -> None:
    """Columns that are empty stay so."""
    whole = columns([flow(id=i) for i in range(4)], IPV4, ["id"])
    for which in (np.array([False, True, True, False]), np.array([1, 2]), slice(1, 3)):
        taken = whole.take(which)
        assert taken.id.tolist() == [1, 2]
        assert [n for n, a in arrays(taken).items() if len(a)] == ["kind", "id"]
