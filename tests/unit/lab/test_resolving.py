"""What the servers of names in a lab are told, and the way of a name in a scene."""

from ipaddress import IPv4Address

from natgate.lab import catalogue, resolving
from natgate.lab.scene import hosts, names_of
from natgate.plan.resolver import path

SCENE = catalogue.prepared("resolver")


def test_each_server_of_names_has_a_configuration() -> None:
    """The resolver forwards from its endpoint; the far server knows its names and no others."""
    told = {host: text.splitlines() for host, text in resolving.configurations(SCENE).items()}
    assert told["resolver"][-2:] == [
        "listen-address=172.31.0.2",
        "server=/ohio.internal/10.20.2.53@172.31.2.10",
    ]
    assert told["inbound"][-3:] == [
        "listen-address=10.20.2.53",
        "local=/#/",
        "host-record=ec2.ohio.internal,10.20.1.20",
    ]
    assert set(told) == {"resolver", "inbound"}


def test_no_server_reads_what_the_machine_has() -> None:
    """Neither the machine's servers nor its names, and each question goes all the way."""
    for text in resolving.configurations(SCENE).values():
        assert {"no-resolv", "no-hosts", "cache-size=0"} <= set(text.splitlines())


def test_a_scene_without_names_starts_no_server() -> None:
    """Most labs need none."""
    assert resolving.configurations(catalogue.prepared("fixed-source")) == {}


def test_a_resolver_is_a_host_with_both_its_addresses() -> None:
    """Where it is asked, and where it asks from."""
    found = next(host for host in hosts(SCENE) if host.name == "resolver")
    assert (found.role, found.zone) == ("dns", "a")
    assert found.addresses == ("172.31.0.2", "172.31.2.10")


def test_a_scene_tells_who_knows_which_names() -> None:
    """Its resolver, and what its targets answer; nothing in a scene without one."""
    names = names_of(SCENE)
    assert names is not None
    way = path("ec2.ohio.internal", names)
    assert (way.source, way.server, way.answer) == tuple(
        map(IPv4Address, ("172.31.2.10", "10.20.2.53", "10.20.1.20"))
    )
    assert names_of(catalogue.prepared("fixed-source")) is None


def test_a_scene_with_names_reads_back_as_the_same() -> None:
    """Names and addresses are written as they are read."""
    assert catalogue.read_scene(catalogue.as_yaml(SCENE), "again") == SCENE
