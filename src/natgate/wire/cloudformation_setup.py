"""What a deployment on AWS needs to know of a spec: zones, tables, and names of resources."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from natgate.model.aws import in_tables, is_held
from natgate.model.aws_names import alarm, scaling_group
from natgate.model.error import RefusedError
from natgate.model.routes import EVERYWHERE, far_of
from natgate.model.share import Share, all_shares, handed_routes
from natgate.model.spec import Spec
from natgate.model.steering import AwsSteering

PERIOD = 10
"""Seconds of a period of an alarm, the shortest that CloudWatch has."""

Resource = dict[str, Any]
"""A part of a template, as JSON has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedZone:
    """A zone with its one node; `subnet` is the parameter with the id of the node's subnet."""

    name: str
    node: str
    address: IPv4Address
    subnet: str
    suffix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A spec as its template sees it; `tables` has the parameter of each route table by name.

    Nodes lead routes in all of them, the referee in those of `shares`.
    """

    spec: Spec
    steering: AwsSteering
    key_file: str
    zones: tuple[DeployedZone, ...]
    tables: Mapping[str, str]
    shares: tuple[Share, ...]
    clients: tuple[IPv4Network, ...]
    remotes: tuple[IPv4Network, ...]
    fixed: tuple[IPv4Network, ...]

    @property
    def group(self) -> str:
        """The value of every natgate:group tag."""
        return self.spec.network.name

    @property
    def name(self) -> str:
        """The name of the auto scaling group, and the beginning of all other names."""
        return scaling_group(self.group)

    @property
    def region(self) -> str:
        """Where all of it lies."""
        return self.steering.region

    def alarm(self, zone: DeployedZone) -> str:
        """The name of a zone's alarm."""
        return alarm(self.group, zone.name)


def deployment(spec: Spec) -> Deployment:
    """The deployment of a spec; RefusedError with the way out if it cannot be one."""
    steering = spec.steering
    if not isinstance(steering, AwsSteering):
        raise RefusedError(f"steering is {steering.kind}; a deployment on AWS needs kind: aws")
    if spec.heartbeat.key_file is None:
        raise RefusedError(
            "heartbeat.key_file is missing: say where an instance keeps the key that it fetches, "
            "such as /etc/natgate/key"
        )
    if steering.publish_interval > PERIOD / 2:
        raise RefusedError(
            f"steering.publish_interval is {steering.publish_interval:g} s; an alarm looks at periods of "
            f"{PERIOD} s, in which silence is an illness: take {PERIOD / 2:g} s at most"
        )
    apart = next((node.name for node in spec.nodes if node.sync_address is not None), None)
    if apart is not None:
        raise RefusedError(
            f"{apart} has a sync_address, which no instance takes on AWS: packets to it arrive nowhere; "
            "leave it out, and flows are replicated by the node's address"
        )
    shares = in_tables(spec)
    if not shares:
        raise RefusedError(
            "every fixed address lies on the nodes' own interfaces, so there is no route that a "
            "deployment across zones could move; give one an address in a subnet of kind address"
        )
    subnets = spec.network.subnets
    led = (route for share in all_shares(spec) for route in share.routes)
    handed = (route for node in spec.nodes for route, _ in handed_routes(spec, node.name))
    names = (r.table for r in (*led, *handed) if not is_held(spec, r))
    return Deployment(
        spec=spec,
        steering=steering,
        key_file=spec.heartbeat.key_file,
        zones=_zones(spec, steering),
        tables=parameters("Table", dict.fromkeys((spec.network.edge_table, *names))),
        shares=shares,
        clients=tuple(subnet.cidr for subnet in subnets if subnet.kind == "client"),
        remotes=tuple(sorted(set(far_of(spec)))) or (EVERYWHERE,),
        fixed=tuple(subnet.cidr for subnet in subnets if subnet.kind == "address"),
    )


def parameters(prefix: str, names: Iterable[str]) -> dict[str, str]:
    """A logical id for each name: letters and digits only, no two alike."""
    found: dict[str, str] = {}
    for name in names:
        plain = "".join(c if c.isascii() and c.isalnum() else " " for c in name)
        words = "".join(word[0].upper() + word[1:] for word in plain.split())
        wanted, count = f"{prefix}{words}", 2
        while wanted in found.values():
            wanted, count = f"{prefix}{words}{count}", count + 1
        found[name] = wanted
    return found


def _zones(spec: Spec, steering: AwsSteering) -> tuple[DeployedZone, ...]:
    found: dict[str, str] = {}
    for node in spec.nodes:
        if node.zone in found:
            raise RefusedError(
                f"{found[node.zone]} and {node.name} stand in one zone, {node.zone}; an auto scaling "
                "group across zones has one instance in each"
            )
        found[node.zone] = node.name
    return tuple(
        DeployedZone(
            name=steering.availability_zone(zone),
            node=node,
            address=spec.node(node).address,
            subnet=f"NodeSubnet{suffix}",
            suffix=suffix,
        )
        for (zone, node), suffix in zip(found.items(), parameters("", found).values(), strict=True)
    )
