"""What AWS shows and moto does not, taught to moto's own models in this process.

moto 5.2: routes that lead to nothing are active, an association with a virtual private gateway
hides it, and of an interface's addresses filters find the primary one only.
"""

from datetime import datetime
from fnmatch import fnmatchcase as fnmatch
from typing import Any

from natgate.model.error import RefusedError

ACCOUNT = "123456789012"

Model = Any
"""An object of moto's; it has no types of its own."""


def backends(region: str) -> tuple[Model, Model]:
    """Moto's EC2 and CloudWatch of a region; RefusedError without moto."""
    try:
        from moto.cloudwatch.models import cloudwatch_backends  # noqa: PLC0415 (an extra)
        from moto.ec2.models import ec2_backends  # noqa: PLC0415 (an extra)
    except ImportError:
        raise RefusedError(
            "natgate lab up --cloud aws needs moto: pip install 'natgate[aws-lab]'"
        ) from None
    return ec2_backends[ACCOUNT][region], cloudwatch_backends[ACCOUNT][region]


def teach() -> None:
    """Change moto's models; doing it again changes nothing."""
    from moto.cloudwatch.models import Alarm  # noqa: PLC0415 (an extra)
    from moto.ec2 import utils  # noqa: PLC0415 (an extra)
    from moto.ec2.models.elastic_ip_addresses import ElasticAddress  # noqa: PLC0415 (an extra)
    from moto.ec2.models.elastic_network_interfaces import (  # noqa: PLC0415 (an extra)
        NetworkInterface,
    )
    from moto.ec2.models.route_tables import Route, RouteTable  # noqa: PLC0415 (an extra)

    if hasattr(Route, "instance_owner_id"):
        return
    _teach_filters(utils)
    _teach_routes(Route)
    _teach_tables(RouteTable)
    _teach_interfaces(NetworkInterface)
    _teach_elastic(ElasticAddress)
    _teach_alarms(Alarm)


def leads_on(route: Model) -> bool:
    """Whether a route's interface is there, at an instance that runs."""
    interface = route.interface
    if interface is None:
        return True
    known = interface.ec2_backend.enis.get(interface.id) is interface
    return known and interface.instance is not None and interface.instance.is_running()


def _teach_filters(module: Model) -> None:
    """A filter of several values finds what has any of them; moto wants all."""
    known = module.is_filter_matching

    def matching(thing: Model, name: str, wanted: Any) -> bool:  # noqa: ANN401 (moto's own)
        value = thing.get_filter_value(name)
        if isinstance(value, str | bool | int | datetime) or value is None or wanted is None:
            found: bool = known(thing, name, wanted)
            return found
        patterns = [str(each) for each in ([wanted] if isinstance(wanted, str) else wanted)]
        return any(fnmatch(str(each), pattern) for each in value for pattern in patterns)

    module.is_filter_matching = matching


def _teach_routes(kind: Model) -> None:
    shown = kind.gateway_id

    def instance_id(route: Model) -> str | None:
        instance = route.interface.instance if route.interface and leads_on(route) else None
        return instance.id if instance else None

    def owner(route: Model) -> str | None:
        return ACCOUNT if instance_id(route) else None

    def gateway_id(route: Model) -> str | None:
        found: str | None = None if route.interface is not None else shown.fget(route)
        return found

    kind.state = property(lambda route: "active" if leads_on(route) else "blackhole")
    kind.instance_id = property(instance_id)
    kind.instance_owner_id = property(owner)
    kind.gateway_id = property(gateway_id)


def _teach_tables(kind: Model) -> None:
    shown, filtered = kind.associations, kind.get_filter_value

    def associations(table: Model) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = shown.fget(table)
        for item in found:
            target = table._associations.get(item["RouteTableAssociationId"], "")  # noqa: SLF001
            if target.startswith("vgw-"):
                item["GatewayId"] = target
        return found

    def value(table: Model, name: str, method: str | None = None) -> object:
        if name == "association.gateway-id":
            targets = table._associations.values()  # noqa: SLF001 (moto shows them nowhere else)
            return [each for each in targets if not each.startswith("subnet-")]
        return filtered(table, name, method)

    kind.associations = property(associations)
    kind.get_filter_value = value


def _teach_interfaces(kind: Model) -> None:
    filtered = kind.get_filter_value

    def value(interface: Model, name: str, method: str | None = None) -> object:
        if name == "addresses.private-ip-address":
            return addresses_of(interface)
        if name == "attachment.device-index":
            return str(interface.device_index)
        if name == "status":
            return interface.status
        return filtered(interface, name, method)

    kind.get_filter_value = value


def _teach_elastic(kind: Model) -> None:
    def private(elastic: Model) -> str | None:
        if elastic.eni is None:
            return None
        given = getattr(elastic, "natgate_private", None)
        found: str = given if given in addresses_of(elastic.eni) else elastic.eni.private_ip_address
        return found

    kind.private_ip_address = property(private)


def _teach_alarms(kind: Model) -> None:
    made = kind.__init__

    def make(alarm: Model, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 (moto's own)
        made(alarm, *arguments, **named)
        alarm.state_value = "INSUFFICIENT_DATA"
        alarm.state_reason = "Unchecked: Initial alarm creation"

    kind.__init__ = make


def addresses_of(interface: Model) -> list[str]:
    """All private addresses of an interface, the primary one first."""
    found = [item["PrivateIpAddress"] for item in interface.private_ip_addresses]
    primary = interface.private_ip_address
    return [primary, *(each for each in found if each != primary)]
