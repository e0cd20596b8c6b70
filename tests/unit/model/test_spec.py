"""What can be written in a spec."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from natgate.model import spec as words
from natgate.model.spec import Duration, Name, Prefix, Spec
from tests.specs import two_zones

FIELDS = {
    "Spec": "api_version network nodes gateways steering heartbeat fence replication handover host",
    "Network": "name ranges address_ranges zones subnets edge_table",
    "Subnet": "name cidr zone kind route_table",
    "Node": "name zone address sync_address",
    "Gateway": "name mode failback nodes addresses snat health",
    "Failback": "policy delay",
    "HandOver": "carrier port",
    "Replication": "kind port",
    "FixedAddress": "address",
    "SnatEntry": "name sources destinations addresses",
    "Health": "upstream verify_interval hold_down",
    "IcmpCheck": "kind address interval timeout",
    "TcpCheck": "kind address port interval timeout failures",
    "NoSteering": "kind",
    "FrrSteering": "kind routers vty_dir",
    "LabSteering": "kind router tables",
    "VrrpSteering": "kind interface fixed_interface router_id inside advert_interval",
    "NoFence": "kind",
    "EtcdFence": ("kind endpoints timeout ca_file cert_file key_file user password_env insecure"),
    "WitnessFence": "kind address port timeout",
    "Heartbeat": "interval timeout port key_file key_env",
    "Host": "ownership",
}
"""The public interface of natgate/v1: it may grow here, and nothing may go."""


def _models() -> dict[str, type[BaseModel]]:
    found = [v for v in vars(words).values() if isinstance(v, type) and issubclass(v, words.Model)]
    return {model.__name__: model for model in found if model is not words.Model}


def test_the_fields_are_those_that_are_published() -> None:
    """No field of natgate/v1 disappears or changes its name, and a new one is noticed here."""
    held = {name: " ".join(model.model_fields) for name, model in _models().items()}
    assert held == FIELDS


@pytest.mark.parametrize("model", _models().values(), ids=_models())
def test_unknown_keys_are_refused_everywhere(model: type[BaseModel]) -> None:
    """No part of a spec accepts a key that natgate does not know, and none can be changed."""
    assert model.model_config["extra"] == "forbid"
    assert model.model_config["frozen"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("50ms", 0.05), ("1.5s", 1.5), ("2m", 120.0), ("1h", 3600.0), ("0.25s", 0.25)],
)
def test_durations_are_seconds(text: object, seconds: float) -> None:
    """A duration is written with its unit and read as seconds."""
    assert TypeAdapter(Duration).validate_python(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["50", "50 ms", "-1s", "ms", "1d", 50, True, None, [], "0s", 0.0, 1.5, "9" * 400 + "h"]
)
def test_a_duration_without_unit_is_refused(text: object) -> None:
    """A number without a unit could mean anything, and nothing happens in no time."""
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(text)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("10.0.0.1/24", "10.0.0.1/24 has host bits set; the prefix is 10.0.0.0/24"),
        ("10.0.0.0/33", "'10.0.0.0/33' is not an IPv4 prefix, such as 10.10.0.0/27"),
        ("2001:db8::/32", "'2001:db8::/32' is not an IPv4 prefix, such as 10.10.0.0/27"),
        (10, "write an IPv4 prefix, such as 10.10.0.0/27"),
        (None, "write an IPv4 prefix, such as 10.10.0.0/27"),
    ],
)
def test_a_wrong_prefix_is_explained(value: object, message: str) -> None:
    """What is no whole IPv4 prefix is refused with the way out."""
    with pytest.raises(ValidationError, match="Value error") as caught:
        TypeAdapter(Prefix).validate_python(value)
    assert caught.value.errors()[0]["msg"] == f"Value error, {message}"


def test_a_prefix_is_read_from_text_or_taken_as_it_is() -> None:
    """A prefix may be text, or a prefix already; a single address is a prefix of its own."""
    adapter = TypeAdapter(Prefix)
    assert adapter.validate_python("10.0.0.7") == IPv4Network("10.0.0.7/32")
    assert adapter.validate_python(IPv4Network("10.0.0.0/8")) == IPv4Network("10.0.0.0/8")


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a" * 32, "a\n", "ä"])
def test_names_are_short_and_plain(name: str) -> None:
    """A name fits into comments, counters and host names."""
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(name)


def test_a_spec_finds_its_parts() -> None:
    """Nodes are found by name; nodes and addresses that are left out mean all of them."""
    spec = two_zones()
    gateway = spec.gateways[0]
    assert spec.node("node-c").address == IPv4Address("10.10.0.52")
    with pytest.raises(KeyError):
        spec.node("node-x")
    assert spec.nodes_of(gateway) == ("node-a", "node-c")
    assert spec.nodes_of(gateway.model_copy(update={"nodes": ("node-c",)})) == ("node-c",)
    assert spec.addresses_of(gateway, gateway.snat[0]) == (IPv4Address("10.10.0.85"),)
    own = gateway.snat[0].model_copy(update={"addresses": (IPv4Address("10.10.0.86"),)})
    assert spec.addresses_of(gateway, own) == (IPv4Address("10.10.0.86"),)


def test_a_subnet_has_its_own_route_table_unless_told_otherwise() -> None:
    """The route table of a subnet is named after it if none is given."""
    subnet = two_zones().network.subnets[0]
    assert subnet.table == "clients-a"
    assert subnet.model_copy(update={"route_table": "rtb-1"}).table == "rtb-1"


DURATIONS = st.builds(
    lambda number, unit: f"{number:.6f}{unit}",
    st.floats(0.000001, 1e9),
    st.sampled_from(["ms", "s", "m", "h"]),
) | st.builds("{}ms".format, st.integers(1, 10**9))


@given(DURATIONS)
@example("50ms")
@example("1234567ms")
def test_a_duration_reads_back_from_its_own_json(text: str) -> None:
    """Written out, a duration is text with a unit again, and means exactly the same."""
    adapter = TypeAdapter(Duration)
    seconds = adapter.validate_python(text)
    assert adapter.validate_json(adapter.dump_json(seconds)) == seconds


def test_a_spec_reads_back_from_its_own_json() -> None:
    """Written out as JSON and read again, a spec means the same."""
    spec = two_zones()
    text = spec.model_dump_json(by_alias=True)
    assert '"interval":"50ms"' in text
    assert Spec.model_validate_json(text) == spec
