"""Addresses that lie on the nodes' own interfaces, and the elastic ones that stand for them."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address

from natgate.cloud.aws_client import AwsClient, AwsError
from natgate.cloud.aws_vpc import Vpc
from natgate.cloud.interface import Target
from natgate.model.error import HostError
from natgate.model.steering import AwsSteering
from natgate.wire.aws_error import DRY_RUN
from natgate.wire.aws_routes import Elastic, Interface


class AwsAddresses:
    """Reads and moves secondary private addresses; an elastic one goes along with its own."""

    def __init__(
        self, client: AwsClient, vpc: Vpc, settings: AwsSteering, nodes: Sequence[IPv4Address]
    ) -> None:
        self._client = client
        self._vpc = vpc
        self._adopt = settings.adopt
        self._elastic = {private: public for public, private in settings.elastic.items()}
        self._nodes = nodes

    async def read(self, addresses: Sequence[IPv4Address]) -> dict[IPv4Address, Target | None]:
        """Whose interface has each; None also where its elastic address does not come along."""
        if not addresses:
            return {}
        holders, elastic = await self._look(addresses)
        found: dict[IPv4Address, Target | None] = {}
        for address in addresses:
            holder = holders.get(address)
            target = self._target(holder)
            public = elastic.get(address)
            if public is not None and isinstance(target, IPv4Address):
                arrived = holder is not None and _stands(public, holder, address)
                target = target if arrived else None
            found[address] = target
        return found

    async def move(
        self, addresses: Sequence[IPv4Address], to: Interface
    ) -> Mapping[IPv4Address, str]:
        """Take them over to an interface; the answer holds the error of each that did not follow."""
        if not addresses:
            return {}
        try:
            holders, elastic = await self._look(addresses)
        except HostError as error:
            return dict.fromkeys(addresses, str(error))
        failed: dict[IPv4Address, str] = {}
        for address in addresses:
            against = self._against(address, holders.get(address), elastic.get(address))
            if against is not None:
                failed[address] = against
        moved = [a for a in addresses if a not in failed and a not in to.addresses]
        failed |= dict.fromkeys(moved, await self.assign(moved, to)) if moved else {}
        for address, public in elastic.items():
            failed[address] = failed.get(address) or await self._associate(public, to, address)
        return {address: error for address, error in failed.items() if error}

    async def assign(self, addresses: Iterable[IPv4Address], to: Interface) -> str:
        """Give an interface secondary addresses, whoever has them; the error, empty if none."""
        wanted = list(map(str, addresses))
        try:
            await self._client.call(
                "ec2",
                "AssignPrivateIpAddresses",
                to.id,
                NetworkInterfaceId=to.id,
                PrivateIpAddresses=wanted,
                AllowReassignment=True,
            )
        except HostError as error:
            return str(error)
        return ""

    async def release(self, addresses: Sequence[IPv4Address], held: Interface) -> None:
        """Take those that an interface has off it, and with them what stands for them."""
        there = [str(address) for address in addresses if address in held.addresses[1:]]
        if there:
            await self._client.call(
                "ec2",
                "UnassignPrivateIpAddresses",
                held.id,
                NetworkInterfaceId=held.id,
                PrivateIpAddresses=there,
            )

    async def refused(
        self, addresses: Sequence[IPv4Address], to: Interface
    ) -> Mapping[IPv4Address, str]:
        """What would not be moved; EC2 answers beforehand for elastic addresses only."""
        if not addresses:
            return {}
        holders, elastic = await self._look(addresses)
        failed: dict[IPv4Address, str] = {}
        for address in addresses:
            public = elastic.get(address)
            failed[address] = self._against(address, holders.get(address), public) or (
                await self._associate(public, to, address, dry=True) if public else ""
            )
        return {address: error for address, error in failed.items() if error}

    async def _look(
        self, addresses: Sequence[IPv4Address]
    ) -> tuple[dict[IPv4Address, Interface], dict[IPv4Address, Elastic]]:
        interfaces = await self._vpc.holders([*addresses, *self._nodes])
        holders = {a: i for i in interfaces for a in i.addresses if a in set(addresses)}
        wanted = {self._elastic[a]: a for a in addresses if a in self._elastic}
        found = await self._vpc.elastic(wanted)
        elastic = {
            private: found.get(
                public, Elastic(address=public, allocation="", interface=None, private=None)
            )
            for public, private in wanted.items()
        }
        return holders, elastic

    def _target(self, holder: Interface | None) -> Target | None:
        if holder is None:
            return None
        node = next((each for each in self._nodes if each in holder.addresses), None)
        if node is not None or holder.group == self._vpc.group or self._adopt:
            return node
        return f"{holder.id} of somebody else"

    def _against(
        self, address: IPv4Address, holder: Interface | None, public: Elastic | None
    ) -> str | None:
        target = self._target(holder)
        if isinstance(target, str):
            return f"{address} lies on {target}, and natgate did not put it there"
        if public is not None and not public.allocation:
            return f"this account has no elastic address {public.address} in this region"
        return None

    async def _associate(
        self, public: Elastic, to: Interface, address: IPv4Address, *, dry: bool = False
    ) -> str:
        """Have an elastic address stand for a private one; the error, empty if none."""
        if _stands(public, to, address) and not dry:
            return ""
        try:
            await self._client.call(
                "ec2",
                "AssociateAddress",
                str(public.address),
                AllocationId=public.allocation,
                NetworkInterfaceId=to.id,
                PrivateIpAddress=str(address),
                AllowReassociation=True,
                **({"DryRun": True} if dry else {}),
            )
        except AwsError as error:
            return "" if error.code == DRY_RUN else str(error)
        return ""


def _stands(public: Elastic, interface: Interface, address: IPv4Address) -> bool:
    return public.interface == interface.id and public.private == address
