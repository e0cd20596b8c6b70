"""What is in a VPC of those things that a spec speaks of: read by few calls, ids kept for a while."""

import time
from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network

from natgate.cloud.aws_client import AwsClient, filters
from natgate.model.aws_names import GROUP_TAG, TABLE_TAG
from natgate.model.error import HostError
from natgate.model.share import all_shares, handed_routes
from natgate.model.spec import Spec
from natgate.model.steering import AwsSteering
from natgate.wire import aws_routes
from natgate.wire.aws_routes import Elastic, Interface, Table

TABLES_KNOWN = 60.0
"""Seconds for which the ids of tables that were found by their tags are used."""

INTERFACES_KNOWN = 5.0
"""Seconds for which it is known which interface has the address of which node."""


class Vpc:
    """The route tables, interfaces and elastic addresses of a spec, as AWS tells them."""

    def __init__(self, client: AwsClient, settings: AwsSteering, spec: Spec) -> None:
        self._client = client
        self._ids = dict(settings.tables)
        self.group = spec.network.name
        self._nodes = [node.address for node in spec.nodes]
        routes = {r for share in all_shares(spec) for r in share.routes}
        routes |= {r for node in spec.nodes for r, _ in handed_routes(spec, node.name)}
        self.names = tuple(sorted({route.table for route in routes}))
        self._found: dict[str, str] = {}
        self._found_at = -TABLES_KNOWN
        self._id: str | None = None
        self._interfaces: dict[str, Interface] = {}
        self._read_at = -INTERFACES_KNOWN

    async def tables(self, names: Collection[str]) -> dict[str, Table]:
        """The tables that are there, with what they hold now, in one call; two if tags are new."""
        if not names:
            return {}
        tagged = [name for name in names if name not in self._ids]
        known = time.monotonic() - self._found_at < TABLES_KNOWN
        if tagged and not (known and all(name in self._found for name in tagged)):
            await self._find()
        ids = {name: self._ids.get(name) or self._found.get(name) for name in names}
        wanted = sorted({each for each in ids.values() if each is not None})
        found = await self._tables(filters(route_table_id=wanted)) if wanted else ()
        by_id = {table.id: table for table in found}
        tables = {name: by_id[number] for name, number in ids.items() if number in by_id}
        for table in tables.values():
            self._id = table.vpc
        return tables

    def missing(self, name: str) -> str:
        """Why a table cannot be used."""
        return aws_routes.missing_table(name, self._ids, self.group)

    async def id(self) -> str:
        """The VPC's own id, by any of its tables; HostError if none of them is there."""
        if self._id is None:
            await self.tables(self.names)
        if self._id is None:
            raise HostError(self.missing(self.names[0]) if self.names else "no route, so no VPC")
        return self._id

    async def nodes(self, *, fresh: bool = False) -> dict[str, Interface]:
        """The interfaces that have the address of a node, by their ids."""
        if fresh or time.monotonic() - self._read_at >= INTERFACES_KNOWN:
            found = await self.holders(self._nodes)
            self._interfaces, self._read_at = {i.id: i for i in found}, time.monotonic()
        return self._interfaces

    async def holders(
        self, addresses: Iterable[IPv4Address], vpc: str | None = None
    ) -> tuple[Interface, ...]:
        """The interfaces of the VPC that have one of these private addresses now."""
        wanted = [str(address) for address in addresses]
        number = vpc or await self.id()
        return await self._interfaces_by(
            filters(vpc_id=number, addresses__private_ip_address=wanted)
        )

    async def interface_of(self, node: IPv4Address) -> Interface | None:
        """The interface that has a node's address now."""
        found = await self.nodes(fresh=True)
        return next((i for i in found.values() if node in i.addresses), None)

    async def let_forward(self, interface: Interface, *, dry: bool = False) -> None:
        """Switch an interface's source/destination check off; `dry`: only ask, AwsError answers."""
        await self._client.call(
            "ec2",
            "ModifyNetworkInterfaceAttribute",
            interface.id,
            NetworkInterfaceId=interface.id,
            SourceDestCheck={"Value": False},
            **({"DryRun": True} if dry else {}),
        )

    async def named(self, ids: Iterable[str]) -> dict[str, Interface]:
        """Interfaces by their ids; those that are gone are left out."""
        wanted = sorted(ids)
        if not wanted:
            return {}
        found = await self._interfaces_by(filters(network_interface_id=wanted))
        return {interface.id: interface for interface in found}

    async def elastic(self, addresses: Iterable[IPv4Address]) -> Mapping[IPv4Address, Elastic]:
        """Elastic addresses of the account; those that it has not are left out."""
        wanted = [str(address) for address in addresses]
        if not wanted:
            return {}
        answer = await self._client.call(
            "ec2", "DescribeAddresses", Filters=filters(public_ip=wanted)
        )
        return aws_routes.parse_elastic(answer)

    async def subnets(self) -> frozenset[IPv4Network]:
        """The prefixes of the VPC's subnets."""
        answer = await self._client.pages(
            "ec2", "DescribeSubnets", "Subnets", Filters=filters(vpc_id=await self.id())
        )
        return frozenset(IPv4Network(subnet["CidrBlock"]) for subnet in answer["Subnets"])

    async def _find(self) -> None:
        wanted = {f"tag:{GROUP_TAG}": self.group, "tag-key": TABLE_TAG}
        found = await self._tables(filters(**wanted))
        tables = aws_routes.named_tables(found, self.names, self._ids)
        self._found = {name: table.id for name, table in tables.items() if name not in self._ids}
        self._found_at = time.monotonic()

    async def _tables(self, wanted: list[dict[str, object]]) -> tuple[Table, ...]:
        answer = await self._client.pages(
            "ec2", "DescribeRouteTables", "RouteTables", Filters=wanted
        )
        return aws_routes.parse_tables(answer)

    async def _interfaces_by(self, wanted: list[dict[str, object]]) -> tuple[Interface, ...]:
        answer = await self._client.pages(
            "ec2", "DescribeNetworkInterfaces", "NetworkInterfaces", Filters=wanted
        )
        return aws_routes.parse_interfaces(answer)
