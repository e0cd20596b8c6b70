"""What can be written in a spec."""

from ipaddress import IPv4Address

import pytest

from natgate.model.fields import Model
from natgate.model.spec import Spec
from tests.specs import two_zones

FIELDS = {
    "Exposition": "listen token_file token_env textfile interval",
    "Spec": "api_version network nodes gateways steering heartbeat fence replication handover host metrics log quotas",
    "Log": (
        "directory new destinations port_blocks retention rotate_interval rotate_flows buffer "
        "textfile interval ipfix"
    ),
    "Collector": "address port protocol domain templates",
    "Network": "name ranges address_ranges zones subnets edge_table",
    "Subnet": "name cidr zone kind route_table",
    "Node": "name zone address sync_address",
    "Gateway": "name deletion_protection mode failback nodes addresses snat dnat own icmp_reply health timeouts ports",
    "PortRules": "per_client",
    "Failback": "policy delay",
    "HandOver": "carrier port",
    "Replication": "kind port",
    "FixedAddress": "address withdrawn bandwidth",
    "AddressRange": "range withdrawn bandwidth",
    "SnatEntry": (
        "name network subnets hosts sources destinations addresses affinity protocols ports "
        "block_size"
    ),
    "DnatEntry": "name address protocol port target target_port clients port_override",
    "OwnAddress": "name address host destinations",
    "Health": "upstream addresses verify_interval hold_down",
    "AddressCheck": "address interval timeout",
    "IcmpCheck": "kind address interval timeout",
    "TcpCheck": "kind address port interval timeout failures",
    "NoSteering": "kind",
    "FrrSteering": "kind routers vty_dir",
    "AwsSteering": "kind region tables elastic adopt deadline publish_interval",
    "LabSteering": "kind router tables",
    "VrrpSteering": "kind interface fixed_interface router_id inside advert_interval",
    "NoFence": "kind",
    "EtcdFence": ("kind endpoints timeout ca_file cert_file key_file user password_env insecure"),
    "WitnessFence": "kind address port timeout",
    "Heartbeat": "interval timeout port key_file key_env",
    "Host": "ownership flow_counters",
    "Timeouts": "tcp udp",
    "Quotas": "gateways addresses snat dnat",
}
"""The public interface of natgate/v1: it may grow here, and nothing may go."""


OF_OTHER_FILES = ("natgate.model.resolver", "natgate.model.topology")
"""The words of a file of routes."""


def _models() -> dict[str, type[Model]]:
    own = (m for m in Model.__subclasses__() if m.__module__.startswith("natgate.model."))
    return {model.__name__: model for model in own if model.__module__ not in OF_OTHER_FILES}


def test_the_fields_are_those_that_are_published() -> None:
    """No field of natgate/v1 disappears or changes its name, and a new one is noticed here."""
    held = {name: " ".join(model.model_fields) for name, model in _models().items()}
    assert held == FIELDS


@pytest.mark.parametrize("model", _models().values(), ids=_models())
def test_unknown_keys_are_refused_everywhere(model: type[Model]) -> None:
    """No part of a spec accepts a key that natgate does not know, and none can be changed."""
    assert model.model_config["extra"] == "forbid"
    assert model.model_config["frozen"]


def test_a_spec_finds_its_parts() -> None:
    """Nodes are found by name; nodes and addresses that are left out mean all of them."""
    spec = two_zones()
    gateway = spec.gateways[0]
    assert spec.node("node-c").address == IPv4Address("10.10.0.52")
    with pytest.raises(KeyError):
        spec.node("node-x")
    assert spec.nodes_of(gateway) == ("node-a", "node-c")
    assert spec.nodes_of(gateway.model_copy(update={"nodes": ("node-c",)})) == ("node-c",)
    assert spec.zones_of(gateway) == ("a", "c")
    assert spec.zones_of(gateway.model_copy(update={"nodes": ("node-c",)})) == ("c",)
    assert spec.addresses_of(gateway, gateway.snat[0]) == (IPv4Address("10.10.0.85"),)
    own = gateway.snat[0].model_copy(update={"addresses": (IPv4Address("10.10.0.86"),)})
    assert spec.addresses_of(gateway, own) == (IPv4Address("10.10.0.86"),)


def test_a_subnet_has_its_own_route_table_unless_told_otherwise() -> None:
    """The route table of a subnet is named after it if none is given."""
    subnet = two_zones().network.subnets[0]
    assert subnet.table == "clients-a"
    assert subnet.model_copy(update={"route_table": "rtb-1"}).table == "rtb-1"


def test_a_spec_reads_back_from_its_own_json() -> None:
    """Written out as JSON and read again, a spec means the same."""
    spec = two_zones()
    text = spec.model_dump_json(by_alias=True)
    assert '"interval":"50ms"' in text
    assert Spec.model_validate_json(text) == spec


def test_all_is_verified_as_often_as_the_most_careful_gateway_asks() -> None:
    """One look at the kernel serves every gateway."""
    (gateway,) = two_zones().gateways
    often = gateway.health.model_copy(update={"verify_interval": 0.25})
    other = gateway.model_copy(update={"name": "other", "health": often})
    spec = two_zones().model_copy(update={"gateways": (gateway, other)})
    assert spec.verify_interval == 0.25
    assert two_zones().verify_interval == gateway.health.verify_interval
