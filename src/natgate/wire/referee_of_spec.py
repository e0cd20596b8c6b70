"""What a referee must be told of a spec."""

from collections.abc import Mapping

from natgate.model.aws import in_tables
from natgate.model.aws_names import alarm, scaling_group
from natgate.model.referee import RefereeSetup, RefereeShare, TableRoute
from natgate.model.spec import Spec
from natgate.model.steering import AwsSteering


def setup_for(
    spec: Spec,
    steering: AwsSteering,
    tables: Mapping[str, str],
    *,
    cooldown: float,
    deadline: float,
) -> RefereeSetup:
    """The setup of a spec with one node in each zone; `tables` has the id of each route table.

    Shares whose address lies on the nodes' own interfaces are left to the nodes.
    """
    group = spec.network.name
    zones = {node.name: steering.availability_zone(node.zone) for node in spec.nodes}
    addresses = {node.name: str(node.address) for node in spec.nodes}
    return RefereeSetup(
        group=group,
        region=steering.region,
        asg=scaling_group(group),
        alarms={zone: alarm(group, zone) for zone in zones.values()},
        shares=tuple(
            RefereeShare(
                name=share.name,
                zones=tuple(zones[node] for node in share.nodes),
                routes=tuple(
                    TableRoute(table=tables[route.table], destination=str(route.destination))
                    for route in share.routes
                ),
                addresses={zones[node]: addresses[node] for node in share.nodes},
            )
            for share in in_tables(spec)
        ),
        cooldown=cooldown,
        adopt=steering.adopt,
        deadline=deadline,
    )
