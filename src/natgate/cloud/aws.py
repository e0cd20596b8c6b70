"""Steering by the route tables of an AWS VPC, and by addresses on its network interfaces.

A route is natgate's to move if it is absent, or leads to an interface of the group, or to one that is
gone. Routes carry no mark in AWS, so that nothing else can tell whose they are.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address

from natgate.cloud.aws_addresses import AwsAddresses
from natgate.cloud.aws_calls import AwsError
from natgate.cloud.aws_client import AwsClient
from natgate.cloud.aws_vpc import Vpc
from natgate.cloud.interface import Target
from natgate.model.aws import is_held
from natgate.model.error import HostError
from natgate.model.routes import Route
from natgate.model.share import all_shares, handed_routes
from natgate.model.spec import Spec
from natgate.model.steering import AwsSteering as AwsSettings
from natgate.wire.aws_error import DRY_RUN
from natgate.wire.aws_routes import Entry, Interface, Table, target_of

SHOWN = 3.0
"""Seconds within which AWS must show what it has accepted: it reads from copies that lag behind."""

FIRST_LOOK, LAST_LOOK = 0.05, 0.8
"""Seconds between two looks whether it does, doubled each time."""

CHECKED, CHECKED_ILL = 60.0, 5.0
"""Seconds for which it is believed that nothing, or something, stands against this node."""

Held = Mapping[Route, Entry | None]


class AwsSteering:
    """A `Steering` by EC2; a take-over takes a few readings and the time of the slowest write."""

    def __init__(
        self, settings: AwsSettings, spec: Spec, node: str, client: AwsClient | None = None
    ) -> None:
        self._client = client or AwsClient(settings.region, settings.deadline)
        self._client.prepare("ec2")
        self._adopt = settings.adopt
        self._me = spec.node(node).address
        self._nodes = tuple(each.address for each in spec.nodes)
        self._wanted = tuple(route for share in all_shares(spec) for route in share.routes)
        self._handed = frozenset(route for route, _ in handed_routes(spec, node))
        self._on_interface = frozenset(r for r in self._wanted if is_held(spec, r))
        self._vpc = Vpc(self._client, settings, spec)
        self._addresses = AwsAddresses(self._client, self._vpc, settings, self._nodes)
        self._against: str | None = None
        self._checked = -CHECKED
        self._checking = asyncio.Lock()

    async def read(self, routes: Sequence[Route]) -> Mapping[Route, Target | None]:
        """What each route leads to; HostError also if one of the tables is not there."""
        leading, lying = self._apart(routes)
        tables, held = await asyncio.gather(
            self._tables(leading), self._addresses.read([_address(r) for r in lying])
        )
        for route in leading:
            if route.table not in tables:
                raise HostError(self._vpc.missing(route.table))
        found = {route: _entry(tables, route) for route in leading}
        targets = await self._targets(found)
        return {r: targets[r] if r in targets else held[_address(r)] for r in routes}

    async def point(self, routes: Sequence[Route], node: IPv4Address) -> Mapping[Route, str]:
        """Lead every route to a node, all at once; one that is refused keeps no other back."""
        if not routes:
            return {}
        leading, lying = self._apart(routes)
        try:
            tables, interface = await asyncio.gather(self._tables(leading), self._ready(node))
            targets = await self._targets({r: _entry(tables, r) for r in leading})
        except HostError as error:
            return dict.fromkeys(routes, str(error))
        work = [self._lead(route, tables, targets[route], interface) for route in leading]
        addresses = self._addresses.move([_address(route) for route in lying], interface)
        moved, led = await asyncio.gather(addresses, asyncio.gather(*work))
        failed = {route: error for route, error in zip(leading, led, strict=True) if error}
        failed |= {r: moved[_address(r)] for r in lying if _address(r) in moved}
        written = [r for r in routes if r not in failed and targets.get(r) != node]
        return failed | await self._unseen(written, node)

    async def refused(self, routes: Sequence[Route]) -> Mapping[Route, str]:
        """Asked by dry runs, which EC2 has for routes; nothing is changed."""
        leading, lying = self._apart(routes)
        try:
            tables, interface = await asyncio.gather(
                self._tables(leading), self._interface(self._me)
            )
            targets = await self._targets({r: _entry(tables, r) for r in leading})
            found = await self._addresses.refused([_address(r) for r in lying], interface)
        except HostError as error:
            return dict.fromkeys(routes, str(error))
        work = [self._lead(r, tables, targets[r], interface, dry=True) for r in leading]
        asked = zip(leading, await asyncio.gather(*work), strict=True)
        refused = {route: error for route, error in asked if error}
        return refused | {r: found[_address(r)] for r in lying if _address(r) in found}

    async def offer(
        self, routes: Sequence[Route], node: IPv4Address, *, fit: bool | None
    ) -> str | None:
        """A VPC does as it is told; said is whether this node's interface can forward.

        While AWS cannot be asked, what it said last holds: a node forwards on without it.
        """
        del routes, fit
        if node != self._me:
            return None
        async with self._checking:
            kept = CHECKED if self._against is None else CHECKED_ILL
            if time.monotonic() - self._checked >= kept:
                self._checked = time.monotonic()
                try:
                    self._against = await self.illness()
                except HostError:
                    return self._against
        return self._against

    async def illness(self) -> str | None:
        """Why this node's interface cannot forward; a source/destination check is switched off."""
        interface = await self._vpc.interface_of(self._me)
        if interface is None:
            return _no_interface(self._me)
        try:
            await self._uncheck(interface)
        except AwsError as error:
            return (
                f"the source/destination check of {interface.id} is on, so that it forwards "
                f"nothing: {error}"
            )
        return None

    async def withdraw(self) -> None:
        """Take away the spec's routes that lead to this node, which would lead to nobody.

        Those of an earlier spec cannot be told from somebody else's, and stay.
        """
        leading, lying = self._apart((*self._wanted, *self._handed))
        tables = await self._tables(leading)
        targets = await self._targets({r: _entry(tables, r) for r in leading})
        gone = [
            self._delete(tables[r.table], r)
            for r, target in targets.items()
            if target == self._me or (r in self._handed and target in self._nodes)
        ]
        failed = [error for error in await asyncio.gather(*gone) if error]
        interface = await self._vpc.interface_of(self._me)
        if interface is not None:
            await self._addresses.release([_address(route) for route in lying], interface)
        if failed:
            raise HostError("; ".join(failed))

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _apart(self, routes: Sequence[Route]) -> tuple[list[Route], list[Route]]:
        """Routes of tables, and those that stand for an address on an interface."""
        lying = [route for route in dict.fromkeys(routes) if route in self._on_interface]
        return [route for route in dict.fromkeys(routes) if route not in lying], lying

    async def _tables(self, routes: Sequence[Route]) -> dict[str, Table]:
        return await self._vpc.tables({route.table for route in routes})

    async def _targets(self, entries: Held) -> dict[Route, Target | None]:
        """What entries mean, by the interfaces of the nodes and by those that are no node's."""
        wanted = {e.interface for e in entries.values() if e is not None and e.interface}
        interfaces = dict(await self._vpc.nodes()) if wanted else {}
        interfaces |= await self._vpc.named(wanted - interfaces.keys())
        targets = {
            route: target_of(entry, interfaces, self._nodes, self._vpc.group)
            for route, entry in entries.items()
        }
        return {r: None if self._adopts(target) else target for r, target in targets.items()}

    async def _unseen(self, written: Sequence[Route], node: IPv4Address) -> dict[Route, str]:
        """Wait until AWS shows what was written; the routes that it does not show in time."""
        loop = asyncio.get_running_loop()
        end, pause = loop.time() + SHOWN, FIRST_LOOK
        left = list(written)
        while left:
            try:
                found = await self.read(left)
            except HostError as error:
                return dict.fromkeys(left, f"AWS took it, and cannot be asked for it: {error}")
            left = [route for route in left if found[route] != node]
            if left and loop.time() + pause > end:
                text = f"AWS took it, and has not shown it after {SHOWN:g} s"
                return dict.fromkeys(left, text)
            if left:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LAST_LOOK)
        return {}

    def _adopts(self, target: Target | None) -> bool:
        """Whether what somebody else made counts as nothing."""
        return self._adopt and isinstance(target, str)

    async def _interface(self, node: IPv4Address) -> Interface:
        found = await self._vpc.interface_of(node)
        if found is None:
            raise HostError(_no_interface(node))
        return found

    async def _ready(self, node: IPv4Address) -> Interface:
        """A node's interface, which forwards: AWS leads routes to one that does not as well."""
        interface = await self._interface(node)
        if node == self._me:
            await self._uncheck(interface)
        return interface

    async def _uncheck(self, interface: Interface) -> None:
        if interface.checked:
            await self._vpc.let_forward(interface)

    async def _lead(
        self,
        route: Route,
        tables: Mapping[str, Table],
        target: Target | None,
        to: Interface,
        *,
        dry: bool = False,
    ) -> str:
        """Create or replace one route, whatever was believed of it; the error, empty if none."""
        if route.table not in tables:
            return self._vpc.missing(route.table)
        if isinstance(target, str):
            return f"it leads to {target}, and natgate did not make it"
        entry = _entry(tables, route)
        if entry is not None and entry.interface == to.id and not dry:
            return ""
        order = ("ReplaceRoute", "CreateRoute") if entry else ("CreateRoute", "ReplaceRoute")
        return await self._put(order, tables[route.table], route, to, dry=dry)

    async def _put(
        self, order: tuple[str, str], table: Table, route: Route, to: Interface, *, dry: bool
    ) -> str:
        """Write a route by the first operation, or by the second where it was not as believed."""
        for operation in order:
            try:
                await self._write(operation, table, route, to, dry=dry)
            except AwsError as error:
                if error.code == DRY_RUN:
                    return ""
                if operation == order[1] or error.code not in _OTHERWISE[operation]:
                    return str(error)
            else:
                return ""
        raise AssertionError(order)

    async def _write(
        self, operation: str, table: Table, route: Route, to: Interface, *, dry: bool
    ) -> None:
        await self._client.call(
            "ec2",
            operation,
            f"{table.id} ({route.destination})",
            RouteTableId=table.id,
            DestinationCidrBlock=str(route.destination),
            NetworkInterfaceId=to.id,
            **({"DryRun": True} if dry else {}),
        )

    async def _delete(self, table: Table, route: Route) -> str:
        """Delete a route, or lead the one that a table is made with back to the VPC itself."""
        inborn = table.entries[route.destination].inborn
        operation = "ReplaceRoute" if inborn else "DeleteRoute"
        try:
            await self._client.call(
                "ec2",
                operation,
                f"{table.id} ({route.destination})",
                RouteTableId=table.id,
                DestinationCidrBlock=str(route.destination),
                **({"LocalTarget": True} if inborn else {}),
            )
        except AwsError as error:
            return "" if error.code == "InvalidRoute.NotFound" else f"{route}: {error}"
        return ""


_OTHERWISE = {
    "CreateRoute": {"RouteAlreadyExists"},
    "ReplaceRoute": {"InvalidParameterValue", "InvalidRoute.NotFound"},
}
"""Errors that mean that a route is there after all, or is not."""


def _address(route: Route) -> IPv4Address:
    return route.destination.network_address


def _entry(tables: Mapping[str, Table], route: Route) -> Entry | None:
    table = tables.get(route.table)
    return table.entries.get(route.destination) if table is not None else None


def _no_interface(node: IPv4Address) -> str:
    return f"no network interface of the VPC has {node}; run natgate aws join on that node"
