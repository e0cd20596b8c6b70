"""What AWS demands of routes (VPC user guide, "Gateway route tables" and "Subnet route tables")."""

from ipaddress import IPv4Network

from natgate.lab.ec2.call import Answer, Call, RefusalError, answer
from natgate.lab.ec2.taught import Model

TARGETS = (
    *("GatewayId", "NatGatewayId", "NetworkInterfaceId", "InstanceId", "TransitGatewayId"),
    *("VpcEndpointId", "VpcPeeringConnectionId", "EgressOnlyInternetGatewayId", "LocalTarget"),
)
TO_INSIDE = ("NetworkInterfaceId", "NatGatewayId", "VpcEndpointId", "InstanceId", "GatewayId")

NO_SUBNET = "Route destination doesn't match any subnet CIDR blocks."


class RouteRules:
    """Checks of calls on routes, before moto sees them."""

    def __init__(self, ec2: Model) -> None:
        self._ec2 = ec2
        self.actions = {
            "CreateRoute": self.create,
            "ReplaceRoute": self.replace,
            "DeleteRoute": self.delete,
            "AssociateRouteTable": self.associate,
            "EnableVgwRoutePropagation": self.propagate,
        }

    def create(self, call: Call) -> Answer | None:
        """A new route: its table and target exist, its destination is one that AWS takes."""
        table = self._table(call)
        destination = self._destination(call)
        self._target(call, table)
        if any(route.destination_cidr_block == str(destination) for route in table.routes):
            raise RefusalError(
                "RouteAlreadyExists", f"The route identified by {destination} already exists."
            )
        if is_edge(table):
            self._fits_edge(call, table, destination)
        else:
            self._fits_subnet(call, table, destination)
        self._dry(call)
        return None

    def replace(self, call: Call) -> Answer | None:
        """Another target for a route that is there; `LocalTarget` gives back the local one."""
        table = self._table(call)
        destination = self._destination(call)
        self._target(call, table)
        route = next(
            (r for r in table.routes if r.destination_cidr_block == str(destination)), None
        )
        if route is None:
            raise RefusalError(
                "InvalidParameterValue",
                f"There is no route defined for '{destination}' in the route table. Use "
                "CreateRoute instead.",
            )
        if route.local and not is_edge(table) and not call.get("NetworkInterfaceId"):
            raise RefusalError(
                "InvalidParameterValue", "The local route of this table takes no such target."
            )
        if is_edge(table) and not (call.get("NetworkInterfaceId") or call.get("LocalTarget")):
            raise RefusalError(
                "InvalidParameterValue", "A route table of a gateway takes network interfaces only."
            )
        self._dry(call)
        if not call.flag("LocalTarget"):
            return None
        if not route.local:
            raise RefusalError("InvalidParameterValue", f"{destination} is not the local route.")
        route.interface = None
        return answer(call, {"return": True})

    def delete(self, call: Call) -> Answer | None:
        """A route that is there and is not the local one."""
        table, destination = self._table(call), self._destination(call)
        found = [r for r in table.routes if r.destination_cidr_block == str(destination)]
        if not found:
            raise RefusalError(
                "InvalidRoute.NotFound",
                f"no route with destination-cidr-block {destination} in route table {table.id}",
            )
        if found[0].local:
            raise RefusalError(
                "InvalidParameterValue",
                f"cannot remove local route {destination} in route table {table.id}",
            )
        self._dry(call)
        return None

    def associate(self, call: Call) -> Answer | None:
        """A gateway must be attached to the table's VPC, and the table fit for it."""
        table, gateway = self._table(call), call.get("GatewayId")
        if gateway:
            self._attached(gateway, table.vpc_id)
            for route in table.routes:
                local = route.local and route.interface is None
                if not local and route.interface is None:
                    raise RefusalError(
                        "InvalidParameterValue",
                        f"Route table {table.id} contains unsupported route target: "
                        f"{route.destination_cidr_block}",
                    )
        self._dry(call)
        return None

    def propagate(self, call: Call) -> Answer | None:
        """Refused where AWS refuses it; propagation itself is not part of the lab."""
        if is_edge(self._table(call)):
            raise RefusalError(
                "InvalidParameterValue",
                "Route propagation cannot be enabled for a route table of a gateway.",
            )
        raise RefusalError("UnsupportedOperation", "This lab propagates no routes.")

    def _table(self, call: Call) -> Model:
        wanted = call.need("RouteTableId")
        if wanted not in self._ec2.route_tables:
            raise RefusalError(
                "InvalidRouteTableID.NotFound", f"The routeTable ID '{wanted}' does not exist"
            )
        return self._ec2.route_tables[wanted]

    def _destination(self, call: Call) -> IPv4Network:
        """The destination with its host bits off, as AWS stores it."""
        written = call.need("DestinationCidrBlock")
        try:
            found = IPv4Network(written, strict=False)
        except ValueError:
            raise RefusalError(
                "InvalidParameterValue",
                f"Value ({written}) for parameter destinationCidrBlock is invalid. This is not a "
                "valid CIDR block.",
            ) from None
        call.values["DestinationCidrBlock"] = str(found)
        return found

    def _target(self, call: Call, table: Model) -> None:
        given = [name for name in TARGETS if call.get(name)]
        if len(given) != 1:
            code = "InvalidParameterCombination" if given else "MissingParameter"
            raise RefusalError(code, "Exactly one target of the route must be given.")
        interface = call.get("NetworkInterfaceId")
        if not interface:
            return
        if interface not in self._ec2.enis:
            raise RefusalError(
                "InvalidNetworkInterfaceID.NotFound",
                f"The networkInterface ID '{interface}' does not exist",
            )
        if self._ec2.enis[interface].vpc_id != table.vpc_id:
            raise RefusalError(
                "InvalidParameterValue",
                f"route table {table.id} and interface {interface} belong to different networks",
            )

    def _fits_edge(self, call: Call, table: Model, destination: IPv4Network) -> None:
        if not call.get("NetworkInterfaceId"):
            raise RefusalError(
                "InvalidParameterValue", "A route table of a gateway takes network interfaces only."
            )
        if destination not in self._subnets(table.vpc_id):
            raise RefusalError("InvalidParameterValue", NO_SUBNET)
        instance = self._ec2.enis[call.get("NetworkInterfaceId")].instance
        if instance is None or not instance.is_running():
            raise RefusalError(
                "InvalidParameterValue",
                "The network interface must be attached to a running instance.",
            )

    def _fits_subnet(self, call: Call, table: Model, destination: IPv4Network) -> None:
        if not any(destination.subnet_of(each) for each in self._ranges(table.vpc_id)):
            return
        allowed = any(call.get(name) for name in TO_INSIDE if name != "GatewayId")
        if destination not in self._subnets(table.vpc_id) or not allowed:
            raise RefusalError("InvalidParameterValue", NO_SUBNET)

    def _subnets(self, vpc: str) -> set[IPv4Network]:
        found = (subnet for zone in self._ec2.subnets.values() for subnet in zone.values())
        return {IPv4Network(subnet.cidr_block) for subnet in found if subnet.vpc_id == vpc}

    def _ranges(self, vpc: str) -> list[IPv4Network]:
        associated = self._ec2.vpcs[vpc].get_cidr_block_association_set(ipv6=False)
        return [IPv4Network(each["cidr_block"]) for each in associated]

    def _attached(self, gateway: str, vpc: str) -> None:
        private = self._ec2.vpn_gateways.get(gateway)
        internet = self._ec2.internet_gateways.get(gateway)
        if private is None and internet is None:
            raise RefusalError(
                "InvalidGatewayID.NotFound", f"The gateway ID '{gateway}' does not exist"
            )
        held = vpc in private.attachments if private else internet.vpc and internet.vpc.id == vpc
        if not held:
            raise RefusalError(
                "Gateway.NotAttached", f"resource {gateway} is not attached to network {vpc}"
            )

    def _dry(self, call: Call) -> None:
        check_dry(call)


def is_edge(table: Model) -> bool:
    """Whether a gateway's incoming packets look into a table."""
    return any("GatewayId" in item for item in table.associations)


def check_dry(call: Call) -> None:
    """A dry run ends here: everything was checked and nothing is changed."""
    if call.flag("DryRun"):
        raise RefusalError(
            "DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412
        )
