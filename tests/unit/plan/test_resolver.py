"""The way of a name through resolvers."""

from ipaddress import IPv4Address

import pytest

from natgate.model.error import RefusedError
from natgate.model.resolver import NamePath, Resolver
from natgate.model.trace import Packet
from natgate.plan.resolver import path, question

RESOLVER = Resolver.model_validate(
    {
        "name": "resolver",
        "address": "172.31.0.2",
        "endpoint": "172.31.2.10",
        "subnet": "endpoint",
        "forwards": [
            {"zone": "internal", "to": "10.9.0.53"},
            {"zone": "ohio.internal", "to": "10.20.2.53"},
        ],
    }
)
OHIO, OTHERS = IPv4Address("10.20.2.53"), IPv4Address("10.9.0.53")
EC2, WIDE = IPv4Address("10.20.1.20"), IPv4Address("10.9.0.7")
ANSWERS = {
    OHIO: {"ec2.ohio.internal": EC2, "ohio.internal": EC2},
    OTHERS: {"wide.internal": WIDE, "notohio.internal": WIDE},
}
WAY = NamePath(
    name="ec2.ohio.internal",
    resolver="resolver",
    asked=IPv4Address("172.31.0.2"),
    zone="ohio.internal",
    source=IPv4Address("172.31.2.10"),
    server=OHIO,
    answer=EC2,
)


@pytest.mark.parametrize("name", ["ec2.ohio.internal", "EC2.Ohio.Internal", "ec2.ohio.internal."])
def test_a_name_is_asked_from_the_endpoint(name: str) -> None:
    """The client asks the resolver, the resolver asks the zone's server from an address of its own."""
    assert path(name, RESOLVER, ANSWERS) == WAY


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
    way = path(name, RESOLVER, ANSWERS)
    assert (way.zone, way.server) == (zone, server)
    turned = RESOLVER.model_copy(update={"forwards": RESOLVER.forwards[::-1]})
    assert path(name, turned, ANSWERS) == way


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
        path(name, RESOLVER, ANSWERS)


@pytest.mark.parametrize(
    ("answers", "known"), [(ANSWERS, "ec2.ohio.internal, ohio.internal"), ({}, "none")]
)
def test_a_name_that_the_server_does_not_know_is_refused(
    answers: dict[IPv4Address, dict[str, IPv4Address]], known: str
) -> None:
    """With the names that it knows."""
    with pytest.raises(RefusedError, match=f"does not know lost.ohio.internal; .* knows: {known}$"):
        path("lost.ohio.internal", RESOLVER, answers)
