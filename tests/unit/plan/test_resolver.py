"""The way of a name through resolvers."""

from ipaddress import IPv4Address

import pytest

from natgate.model.error import RefusedError
from natgate.model.resolver import NamePath, Names
from natgate.model.trace import Packet
from natgate.plan.resolver import path, question

NAMES = Names.model_validate(
    {
        "resolver": {
            "name": "resolver",
            "address": "172.31.0.2",
            "endpoint": "172.31.2.10",
            "forwards": [
                {"zone": "internal", "to": "10.9.0.53"},
                {"zone": "ohio.internal", "to": "10.20.2.53"},
            ],
        },
        "answers": {
            "10.20.2.53": {"ec2.ohio.internal": "10.20.1.20", "ohio.internal": "10.20.1.20"},
            "10.9.0.53": {"wide.internal": "10.9.0.7", "notohio.internal": "10.9.0.7"},
        },
    }
)
OHIO, OTHERS = IPv4Address("10.20.2.53"), IPv4Address("10.9.0.53")
WAY = NamePath(
    name="ec2.ohio.internal",
    resolver="resolver",
    asked=IPv4Address("172.31.0.2"),
    zone="ohio.internal",
    source=IPv4Address("172.31.2.10"),
    server=OHIO,
    answer=IPv4Address("10.20.1.20"),
)


@pytest.mark.parametrize("name", ["ec2.ohio.internal", "EC2.Ohio.Internal", "ec2.ohio.internal."])
def test_a_name_is_asked_from_the_endpoint(name: str) -> None:
    """The client asks the resolver, the resolver asks the zone's server from an address of its own."""
    assert path(name, NAMES) == WAY


@pytest.mark.parametrize(
    ("name", "zone", "server"),
    [
        ("ohio.internal", "ohio.internal", OHIO),
        ("wide.internal", "internal", OTHERS),
        ("notohio.internal", "internal", OTHERS),
    ],
)
def test_the_longest_zone_wins(name: str, zone: str, server: IPv4Address) -> None:
    """A zone covers itself and whole labels below it, whatever the order of the forwards."""
    way = path(name, NAMES)
    assert (way.zone, way.server) == (zone, server)
    turned = NAMES.resolver.model_copy(update={"forwards": NAMES.resolver.forwards[::-1]})
    assert path(name, NAMES.model_copy(update={"resolver": turned})) == way


def test_the_question_is_a_flow_of_its_own() -> None:
    """Over UDP to port 53, with the endpoint as its source."""
    assert question(WAY) == Packet(
        protocol="udp",
        source=IPv4Address("172.31.2.10"),
        destination=OHIO,
        destination_port=53,
    )


@pytest.mark.parametrize("name", ["example.com", "internal.example.com", "xinternal"])
def test_a_name_of_no_zone_is_refused(name: str) -> None:
    """With the zones that are forwarded."""
    with pytest.raises(RefusedError, match=r"forwards no zone .* \(internal, ohio.internal\)"):
        path(name, NAMES)


@pytest.mark.parametrize(
    ("names", "known"),
    [
        (NAMES, "ec2.ohio.internal, ohio.internal"),
        (NAMES.model_copy(update={"answers": {}}), "none"),
    ],
)
def test_a_name_that_the_server_does_not_know_is_refused(names: Names, known: str) -> None:
    """With the names that it knows."""
    with pytest.raises(RefusedError, match=f"does not know lost.ohio.internal; .* knows: {known}$"):
        path("lost.ohio.internal", names)
