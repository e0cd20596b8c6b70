"""Flows that another node wrote."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.error import RefusedError
from natgate.model.open_flow import OpenFlow, state_of
from natgate.wire.flow_json import flow_key, flow_of
from natgate.wire.flow_text import Shown, as_json
from tests.unit.open_flows import BOTH, flow, flows


@given(st.sampled_from(BOTH).flatmap(flows))
def test_a_flow_is_read_back_as_far_as_it_was_written(written: OpenFlow) -> None:
    """Ends, kind, state, counts and key; a time that it began is not kept."""
    text = json.dumps(as_json(Shown(flow=written, now=0)))
    read = flow_of(json.loads(text))
    assert state_of(read) == state_of(written)
    assert (read.kind, read.client, read.address) == (written.kind, written.client, written.address)
    if written.source_port and written.destination_port:
        assert flow_key(read) == flow_key(written)


def test_one_flow_on_two_nodes_has_one_key() -> None:
    """Whatever its id and its timer there."""
    assert flow_key(flow()) == flow_key(replace(flow(), id=1, timeout=1))
    assert flow_key(flow()) != flow_key(flow(zone=1))


@pytest.mark.parametrize("body", [{}, {"protocol": "tcp"}, {"protocol": "x"}])
def test_what_is_no_flow_is_refused(body: dict[str, object]) -> None:
    """In one sentence."""
    with pytest.raises(RefusedError, match="no flow of natgate flows --json"):
        flow_of(body)
