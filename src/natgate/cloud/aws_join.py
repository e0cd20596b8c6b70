"""A new instance takes the place of a node: its address, and an interface that forwards.

The address of a node is a secondary private address, so that the spec stays the same while instances
come and go. Each step may be repeated.
"""

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv4Address

from natgate.cloud.aws_addresses import AwsAddresses
from natgate.cloud.aws_client import AwsClient, filters
from natgate.cloud.aws_vpc import Vpc
from natgate.cloud.imds import Instance
from natgate.kernel.links import Links
from natgate.model.aws_names import GROUP_TAG
from natgate.model.error import HostError, RefusedError
from natgate.model.spec import Node, Spec
from natgate.model.steering import AwsSteering
from natgate.wire.aws_routes import Interface

POLL = 2.0
"""Seconds between two looks at an instance that is to end, and at an address that is to arrive."""

RUNS = frozenset({"pending", "running"})

SetAddress = Callable[[IPv4Address, IPv4Address], bool]
"""Given an address of this host and a new one: puts it on the same link; whether it was new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Who this instance is from now on, and what was done for it."""

    node: str
    address: IPv4Address
    instance: str
    interface: str
    done: tuple[str, ...]


def settings_of(spec: Spec) -> AwsSteering:
    """The spec's steering; RefusedError if it is not by AWS."""
    if not isinstance(spec.steering, AwsSteering):
        raise RefusedError(f"steering.kind is {spec.steering.kind}; natgate aws needs kind aws")
    return spec.steering


def node_in(spec: Spec, zone: str, named: str | None) -> Node:
    """The node that an instance in an availability zone stands for: the named one, else the only one."""
    settings = settings_of(spec)
    here = [n for n in spec.nodes if settings.availability_zone(n.zone) == zone]
    if named is None:
        if len(here) == 1:
            return here[0]
        names = ", ".join(n.name for n in here)
        which = f"several nodes in {zone} ({names})" if here else f"no node in {zone}"
        raise RefusedError(f"the spec has {which}: name it with --node, or correct its zones")
    found = node_named(spec, named)
    if found not in here:
        raise RefusedError(f"{named} is in zone {found.zone}, and this instance in {zone}")
    return found


def node_named(spec: Spec, named: str) -> Node:
    """The node of that name; RefusedError with the names that there are."""
    found = next((n for n in spec.nodes if n.name == named), None)
    if found is None:
        raise RefusedError(
            f"the spec has no node {named} ({', '.join(n.name for n in spec.nodes)})"
        )
    return found


def set_address(beside: IPv4Address, address: IPv4Address) -> bool:
    """Put an address on the link that has another one; whether it was not there before."""
    with closing(Links()) as links:
        name = links.link_of(beside)
        if name is None:
            raise HostError(f"no link of this host has {beside}, the interface's primary address")
        return links.add_address(name, address)


class Join:
    """How one instance takes the place of one node."""

    def __init__(self, spec: Spec, client: AwsClient, deadline: float) -> None:
        settings = settings_of(spec)
        self._group = spec.network.name
        self._client = client
        self._deadline = deadline
        self._vpc = Vpc(client, settings, spec)
        self._addresses = AwsAddresses(client, self._vpc, settings, ())

    async def run(self, me: Instance, node: Node, set_address: SetAddress) -> Joined:
        """Take the address, let the interface forward, and put the address on the link.

        RefusedError if another instance runs with the address, also after the deadline.
        """
        own = await self._own(me)
        done = []
        if node.address not in own.addresses:
            former = await self._free(node.address, me, own.vpc)
            error = await self._addresses.assign([node.address], own)
            if error:
                raise HostError(error)
            await self._arrived(node.address, me)
            taken = f", taken from {former}" if former else ""
            done.append(f"assigned {node.address} to {own.id}{taken}")
        if own.checked:
            await self._vpc.let_forward(own)
            done.append(f"switched off the source/destination check of {own.id}")
        if set_address(own.addresses[0], node.address):
            done.append(f"added {node.address}/32 to the link of {own.addresses[0]}")
        return Joined(
            node=node.name,
            address=node.address,
            instance=me.id,
            interface=own.id,
            done=tuple(done),
        )

    async def _own(self, me: Instance) -> Interface:
        found = await self._vpc.named([me.interface])
        if me.interface not in found:
            raise HostError(f"AWS knows no network interface {me.interface}, which this one has")
        return found[me.interface]

    async def _free(self, address: IPv4Address, me: Instance, vpc: str) -> str | None:
        """Who had the address, once nobody runs with it; None if it was on no interface."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._deadline
        while True:
            found = await self._vpc.holders([address], vpc)
            holder = found[0] if found else None
            if holder is None:
                return None
            if holder.group != self._group:
                raise RefusedError(
                    f"{address} is on {holder.id}, which has no tag {GROUP_TAG}={self._group}: "
                    "somebody else has it; give the node another address"
                )
            state = await self._state(holder.instance)
            if state not in RUNS:
                return holder.instance or holder.id
            if loop.time() + POLL > end:
                raise RefusedError(
                    f"{address} is held by {holder.instance}, which is {state}: {me.id} does not "
                    "take it from an instance that runs; end that one first"
                )
            await asyncio.sleep(POLL)

    async def _state(self, instance: str | None) -> str:
        if instance is None:
            return "not attached"
        wanted = filters(instance_id=instance)  # by a filter one that is long gone is no error
        answer = await self._client.call("ec2", "DescribeInstances", instance, Filters=wanted)
        found = [i for r in answer["Reservations"] for i in r["Instances"]]
        return str(found[0]["State"]["Name"]) if found else "gone"

    async def _arrived(self, address: IPv4Address, me: Instance) -> None:
        """AWS answers before an address has moved."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._deadline
        while address not in (await self._own(me)).addresses:
            if loop.time() + POLL > end:
                raise HostError(f"{address} did not arrive on {me.interface} within the deadline")
            await asyncio.sleep(POLL)
