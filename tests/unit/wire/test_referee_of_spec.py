"""What a referee is told follows from the spec alone, and its own parser takes it."""

import pytest

from natgate.wire.cloudformation_setup import deployment
from natgate.wire.referee_of_spec import setup_for
from natgate.wire.referee_setup import parse_referee, render_referee
from tests.deployments import specs

TABLES = {"edge": "rtb-0a", "clients-a": "rtb-0b", "clients-c": "rtb-0c"}


def test_source_000_has_one_share_with_its_edge_route_first() -> None:
    """Zones by preference, each with its node's address and the name of its alarm."""
    plan = deployment(specs()["two-zones"])
    setup = setup_for(plan.spec, plan.steering, TABLES, cooldown=300, deadline=20)
    (share,) = setup.shares
    assert (setup.group, setup.asg) == (plan.group, plan.name)
    assert setup.alarms == {zone.name: plan.alarm(zone) for zone in plan.zones}
    assert share.zones == tuple(zone.name for zone in plan.zones)
    assert share.addresses == {zone.name: str(zone.address) for zone in plan.zones}
    assert [route.table for route in share.routes] == ["rtb-0a", "rtb-0b", "rtb-0c"]


@pytest.mark.parametrize("name", specs())
def test_the_referee_takes_what_it_is_told(name: str) -> None:
    """Every spec that can be deployed."""
    plan = deployment(specs()[name])
    tables = {table: f"rtb-{number:04x}" for number, table in enumerate(plan.tables)}
    setup = setup_for(plan.spec, plan.steering, tables, cooldown=300, deadline=20)
    assert parse_referee(render_referee(setup), "NATGATE_REFEREE") == setup
