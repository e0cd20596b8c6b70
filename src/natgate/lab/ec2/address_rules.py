"""What AWS demands of private and elastic addresses, and of the source/destination check."""

from ipaddress import IPv4Address, IPv4Network

from natgate.lab.ec2.call import Answer, Call, RefusalError, answer
from natgate.lab.ec2.route_rules import check_dry
from natgate.lab.ec2.taught import Model, addresses_of

RESERVED = 4
"""AWS keeps the first four addresses of a subnet, and the last one."""


class AddressRules:
    """Checks of calls on addresses; what moves is moved here, since moto would copy it."""

    def __init__(self, ec2: Model) -> None:
        self._ec2 = ec2
        self.actions = {
            "AssignPrivateIpAddresses": self.assign,
            "UnassignPrivateIpAddresses": self.unassign,
            "AssociateAddress": self.associate,
            "ModifyInstanceAttribute": self.modify_instance,
            "ModifyNetworkInterfaceAttribute": self.modify_interface,
        }

    def assign(self, call: Call) -> Answer | None:
        """Secondary addresses of the interface's subnet; a taken one only with AllowReassignment."""
        interface = self._interface(call.need("NetworkInterfaceId"))
        wanted = call.members("PrivateIpAddress")
        if not wanted:
            return None
        for address in wanted:
            self._inside(interface, address)
            holder = self._holder(interface.vpc_id, address)
            if holder is None or holder is interface:
                continue
            if holder.private_ip_address == address:
                raise RefusalError(
                    "InvalidParameterValue",
                    f"Primary private address {address} of {holder.id} cannot be reassigned.",
                )
            if not call.flag("AllowReassignment"):
                raise RefusalError(
                    "InvalidParameterValue",
                    f"Address {address} is in use: it is assigned to another interface.",
                )
        check_dry(call)
        for address in wanted:
            self._move(address, interface)
        assigned = [{"privateIpAddress": address} for address in wanted]
        return answer(
            call,
            {
                "networkInterfaceId": interface.id,
                "assignedPrivateIpAddressesSet": assigned,
                "return": True,
            },
        )

    def unassign(self, call: Call) -> Answer | None:
        """Secondary addresses that the interface has."""
        interface = self._interface(call.need("NetworkInterfaceId"))
        held = set(addresses_of(interface)[1:])
        for address in call.members("PrivateIpAddress"):
            if address not in held:
                raise RefusalError(
                    "InvalidParameterValue",
                    f"Some of the specified addresses are not assigned to interface {interface.id}",
                )
        check_dry(call)
        return None

    def associate(self, call: Call) -> Answer | None:
        """An elastic address stands for the private one that is named."""
        private, wanted = call.get("PrivateIpAddress"), call.get("NetworkInterfaceId")
        if private and wanted and private not in addresses_of(self._interface(wanted)):
            raise RefusalError(
                "InvalidParameterValue",
                f"{private} is not assigned to the network interface {wanted}",
            )
        check_dry(call)
        if call.get("AllowReassociation").lower() != "false":
            call.values["AllowReassociation"] = "true"
        for elastic in self._ec2.addresses:
            if elastic.allocation_id == call.get("AllocationId"):
                elastic.natgate_private = private or None
        return None

    def modify_instance(self, call: Call) -> Answer | None:
        """The instance's source/destination check is that of its first interface."""
        value = call.get("SourceDestCheck.Value")
        check_dry(call)
        if value:
            instance = self._ec2.get_instance(call.need("InstanceId"))
            instance.nics[0].source_dest_check = value.lower() == "true"
        return None

    def modify_interface(self, call: Call) -> Answer | None:
        """The interface must be there."""
        self._interface(call.need("NetworkInterfaceId"))
        check_dry(call)
        return None

    def _interface(self, wanted: str) -> Model:
        if wanted not in self._ec2.enis:
            raise RefusalError(
                "InvalidNetworkInterfaceID.NotFound",
                f"The networkInterface ID '{wanted}' does not exist",
            )
        return self._ec2.enis[wanted]

    def _inside(self, interface: Model, address: str) -> None:
        cidr = IPv4Network(interface.subnet.cidr_block)
        try:
            found = IPv4Address(address)
        except ValueError:
            raise RefusalError(
                "InvalidParameterValue", f"invalid value for parameter address: {address}"
            ) from None
        first, last = int(cidr.network_address) + RESERVED, int(cidr.broadcast_address) - 1
        if not first <= int(found) <= last:
            raise RefusalError(
                "InvalidParameterValue",
                f"Address {address} does not fall within the subnet's CIDR.",
            )

    def _holder(self, vpc: str, address: str) -> Model:
        found = (each for each in self._ec2.enis.values() if each.vpc_id == vpc)
        return next((each for each in found if address in addresses_of(each)), None)

    def _move(self, address: str, interface: Model) -> None:
        for each in self._ec2.enis.values():
            if each.vpc_id == interface.vpc_id and each is not interface:
                each.private_ip_addresses = [
                    item
                    for item in each.private_ip_addresses
                    if item["PrivateIpAddress"] != address
                ]
        if address not in addresses_of(interface):
            interface.private_ip_addresses.append({"Primary": False, "PrivateIpAddress": address})
