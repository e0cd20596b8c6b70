"""A scene as a VPC: ranges, subnets in their zones, route tables, gateways, and instances."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from natgate.lab import network
from natgate.lab.ec2.address_rules import RESERVED
from natgate.lab.ec2.settings import group_of, scaling_group_of
from natgate.lab.ec2.taught import Model, addresses_of
from natgate.lab.scene import Scene, subnet_of
from natgate.lab.vpc import steering
from natgate.model.aws_names import GROUP_TAG, SCALING_GROUP_TAG, TABLE_TAG
from natgate.model.error import RefusedError
from natgate.model.spec import Node

IMAGE = "ami-12345678"


@dataclass(slots=True)
class World:
    """The VPC of a scene in moto; names of the scene lead to ids of AWS."""

    scene: Scene
    ec2: Model
    vpc: str = ""
    subnets: dict[str, str] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    gateways: dict[str, str] = field(default_factory=dict)

    def build(self) -> None:
        """Make everything but instances."""
        first, *others = map(str, self.scene.spec.network.ranges)
        self.vpc = self.ec2.create_vpc(first, tags=_tags({"Name": group_of(self.scene)})).id
        for cidr in others:
            self.ec2.vpcs[self.vpc].associate_vpc_cidr_block(cidr)
        for subnet in self.scene.spec.network.subnets:
            zone = self.zone(subnet.zone or self.scene.spec.network.zones[0])
            made = self.ec2.create_subnet(
                self.vpc,
                str(subnet.cidr),
                availability_zone=zone,
                tags={"subnet": {"Name": subnet.name}},
            )
            self.subnets[subnet.name] = made.id
        self._gateways()
        self._tables()

    def zone(self, zone: str) -> str:
        """The availability zone of a zone of the spec."""
        return steering().availability_zone(zone)

    def launch(self, node: Node, *, first: bool) -> Model:
        """A running instance for a node.

        The first one has the node's address as its primary one; a later one has another, and is to
        take the node's as a secondary one. The address of replication comes with the instance.
        """
        subnet = subnet_of(self.scene, node.address)
        if subnet is None:
            raise RefusedError(f"node {node.name} stands in no subnet")
        primary = str(node.address) if first else str(self._free(subnet.cidr))
        tags = {GROUP_TAG: group_of(self.scene), "Name": node.name}
        made = self.ec2.create_network_interface(
            self.subnets[subnet.name], primary, tags=tags, delete_on_termination=True
        )
        if node.sync_address is not None:
            self._drop(str(node.sync_address))
            extra = {"Primary": False, "PrivateIpAddress": str(node.sync_address)}
            made.private_ip_addresses.append(extra)
        reservation = self.ec2.run_instances(
            IMAGE,
            1,
            None,
            [],
            subnet_id=self.subnets[subnet.name],
            private_ip=primary,
            instance_type="t4g.small",
            is_instance_type_default=False,
            region_name=steering().region,
            nics=[{"NetworkInterfaceId": made.id, "DeviceIndex": 0}],
            tags={"instance": {**tags, SCALING_GROUP_TAG: scaling_group_of(self.scene)}},
        )
        instance = reservation.instances[0]
        instance._placement.zone = self.zone(node.zone)  # noqa: SLF001 (moto has no setter)
        return instance

    def _drop(self, address: str) -> None:
        for interface in self._interfaces():
            interface.private_ip_addresses = [
                item
                for item in interface.private_ip_addresses
                if item["PrivateIpAddress"] != address
            ]

    def _free(self, cidr: IPv4Network) -> IPv4Address:
        """An address of a subnet that nobody has or wants."""
        spec = self.scene.spec
        taken = {address for node in spec.nodes for address in (node.address, node.sync)}
        taken |= {fixed.address for gateway in spec.gateways for fixed in gateway.addresses}
        taken |= {client.address for client in self.scene.clients}
        for interface in self._interfaces():
            taken |= set(map(IPv4Address, addresses_of(interface)))
        for address in list(cidr.hosts())[RESERVED - 1 :]:
            if address not in taken:
                return address
        raise RefusedError(f"subnet {cidr} has no free address for another instance")

    def _interfaces(self) -> Iterator[Model]:
        return (each for each in self.ec2.enis.values() if each.vpc_id == self.vpc)

    def _gateways(self) -> None:
        """The first router is behind a virtual private gateway, another behind an internet one."""
        names = [router.name for router in self.scene.routers]
        if len(names) > 2:  # noqa: PLR2004 (a VPC has one gateway of each kind)
            raise RefusedError(
                "a VPC has one virtual private gateway and one internet gateway, so the lab's cloud "
                f"has room for two routers, and the scene has {', '.join(names)}"
            )
        for name in names[:1]:
            made = self.ec2.create_vpn_gateway(tags={"Name": name})
            self.ec2.attach_vpn_gateway(made.id, self.vpc)
            self.gateways[name] = made.id
        for name in names[1:]:
            made = self.ec2.create_internet_gateway(tags=_tags({"Name": name}))
            self.ec2.attach_internet_gateway(made.id, self.vpc)
            self.gateways[name] = made.id

    def _tables(self) -> None:
        spec = self.scene.spec
        for name in network.tables(spec):
            tags = {GROUP_TAG: group_of(self.scene), TABLE_TAG: name, "Name": name}
            self.tables[name] = self.ec2.create_route_table(self.vpc, _tags(tags)).id
        for subnet in spec.network.subnets:
            if subnet.table in self.tables:
                self.ec2.associate_route_table(
                    self.tables[subnet.table], subnet_id=self.subnets[subnet.name]
                )
        for gateway in self.gateways.values():
            self.ec2.associate_route_table(self.tables[spec.network.edge_table], gateway)
        for table, destination, router in network.standing_routes(self.scene):
            self.ec2.create_route(
                self.tables[table], str(destination), gateway_id=self.gateways[router]
            )


def _tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
