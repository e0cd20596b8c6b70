"""Whether AWS has all that a node needs, and would let it do all that it may have to; read only."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from natgate.cloud.aws import AwsSteering
from natgate.cloud.aws_calls import AwsError
from natgate.cloud.aws_client import AwsClient
from natgate.cloud.aws_join import settings_of
from natgate.cloud.aws_vpc import Vpc
from natgate.model.aws import is_held
from natgate.model.error import HostError
from natgate.model.share import all_shares
from natgate.model.spec import Node, Spec
from natgate.wire.aws_error import DRY_RUN
from natgate.wire.aws_routes import Interface, accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: what was found, and what is missing of it, if anything."""

    what: str
    found: str
    missing: str | None = None


class Check:
    """Everything that one node needs of AWS."""

    def __init__(self, spec: Spec, node: Node, client: AwsClient) -> None:
        settings = settings_of(spec)
        self._spec = spec
        self._node = node
        self._vpc = Vpc(client, settings, spec)
        self._steering = AwsSteering(settings, spec, node.name, client)
        wanted = {route for share in all_shares(spec) for route in share.routes}
        self._routes = sorted(wanted)

    async def run(self) -> tuple[Finding, ...]:
        """All findings; what cannot be looked at is a finding as well."""
        steps: dict[str, Callable[[], Awaitable[list[Finding]]]] = {
            "route tables": self._tables,
            "network interface": self._interface,
            "destinations": self._destinations,
            "rights": self._rights,
        }
        found: list[Finding] = []
        for what, step in steps.items():
            try:
                found += await step()
            except HostError as error:
                found.append(Finding(what=what, found="not known", missing=str(error)))
        return tuple(found)

    async def _tables(self) -> list[Finding]:
        tables = await self._vpc.tables(self._vpc.names)
        return [
            Finding(what=f"route table {name}", found=f"{tables[name].id} in {tables[name].vpc}")
            if name in tables
            else Finding(
                what=f"route table {name}", found="nothing", missing=self._vpc.missing(name)
            )
            for name in self._vpc.names
        ]

    async def _interface(self) -> list[Finding]:
        address = self._node.address
        own = await self._vpc.interface_of(address)
        if own is None:
            missing = f"no interface has {address}; run natgate aws join on that node"
            return [Finding(what=f"interface of {self._node.name}", found="none", missing=missing)]
        found = [Finding(what=f"interface of {self._node.name}", found=f"{own.id} has {address}")]
        check = "source/destination check"
        if not own.checked:
            return [*found, Finding(what=check, found="off")]
        refusal = await self._may_uncheck(own)
        state = "on; the agent switches it off" if refusal is None else "on"
        return [*found, Finding(what=check, found=state, missing=refusal)]

    async def _may_uncheck(self, interface: Interface) -> str | None:
        try:
            await self._vpc.let_forward(interface, dry=True)
        except AwsError as error:
            return None if error.code == DRY_RUN else str(error)
        return None

    async def _destinations(self) -> list[Finding]:
        """By the subnets that the VPC really has: what the spec says of them was checked before."""
        subnets = await self._vpc.subnets()
        return [
            Finding(
                what=f"destination {route}",
                found="accepted" if fits else "refused",
                missing=None if fits else f"the VPC has no subnet {route.destination}; make it",
            )
            for route in self._routes
            if not is_held(self._spec, route)
            for fits in [accepted(route.destination, self._spec.network.ranges, subnets)]
        ]

    async def _rights(self) -> list[Finding]:
        refused = await self._steering.refused(self._routes)
        return [
            Finding(
                what=f"moving {route}",
                found="allowed" if route not in refused else "refused",
                missing=refused.get(route),
            )
            for route in self._routes
        ]
