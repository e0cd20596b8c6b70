"""The question before a trace to a name."""

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from natgate.lab import catalogue
from natgate.model.error import RefusedError, SpecError
from natgate.model.spec import Spec
from natgate.model.topology import Topology
from natgate.model.trace import Packet, Trace
from natgate.plan.trace import predict
from natgate.plan.trace_name import way_of, with_question
from natgate.wire.topology import parse_routes, render_routes

NAME = "ec2.ohio.internal"
CLIENT, ENDPOINT, NAT = map(IPv4Address, ("172.31.1.159", "172.31.2.10", "172.31.3.30"))
SCENE = catalogue.prepared("resolver")
FAR, PEERING, NODE = "10.20.0.0/16", "peering", "nat-1"
HOSTS = {
    "osec2": ["172.31.1.159"],
    "resolver": ["172.31.0.2", "172.31.2.10"],
    "nat-1": ["172.31.3.4"],
    "ec2": ["10.20.1.20"],
    "inbound": ["10.20.2.53"],
}
TABLE_OF = {"osec2": "ec2", "resolver": "endpoint", "nat-1": "nat"}


def topology(translated: tuple[str, ...], *, names: bool = True, cut: bool = False) -> Topology:
    """The two regions around one router; the tables of `translated` lead across by the node."""
    router: dict[str, Any] = {
        "name": "vpc",
        "forwards": True,
        "links": [{"name": host, "segment": host, "addresses": ["169.254.0.1"]} for host in HOSTS],
        "rules": [
            {"pref": 100 + i, "iif": host, "table": table}
            for i, (host, table) in enumerate(TABLE_OF.items())
        ],
        "tables": {},
    }
    far = [{"to": "10.20.1.20/32", "link": "ec2"}, {"to": "10.20.2.53/32", "link": "inbound"}]
    for table in TABLE_OF.values():
        routes = [{"to": FAR, "link": NODE, "via": "172.31.3.4"}] if table in translated else far
        router["tables"][table] = [] if cut and table == "endpoint" else routes
    hosts = [
        {
            "name": host,
            "role": "node" if host == NODE else "host",
            "forwards": host == NODE,
            "links": [{"name": "eth0", "segment": host, "addresses": addresses}],
            "tables": {"main": [{"to": "0.0.0.0/0", "link": "eth0", "via": "169.254.0.1"}]},
        }
        for host, addresses in HOSTS.items()
    ]
    data: dict[str, Any] = {"apiVersion": "natgate.routes/v1", "hosts": [router, *hosts]}
    if names:
        resolver = SCENE.resolver
        assert resolver is not None
        data["names"] = {
            "resolver": resolver.plain.model_dump(),
            "answers": {"10.20.2.53": {NAME: "10.20.1.20"}},
        }
    return Topology.model_validate(data)


def spec(translated: tuple[str, ...]) -> Spec:
    """The scene's spec, with entries for these subnets."""
    text = catalogue.text_of("resolver").replace(
        "subnets: [ec2]", f"subnets: [{', '.join(translated)}]"
    )
    return catalogue.read_scene(text, "scene.yaml").spec if translated else SCENE.spec


def traced(translated: tuple[str, ...], **how: bool) -> Trace:
    """A ping by name from the client."""
    around = topology(translated, **how)
    way = way_of(around, NAME)
    client = around.host("osec2")
    assert client
    ping = Packet(protocol="icmp", source=CLIENT, destination=way.answer, source_port=7)
    trace = predict(around, spec(translated), client, ping)
    return with_question(trace, around, spec(translated), way)


@pytest.mark.parametrize(
    ("translated", "question", "traffic"),
    [((), ENDPOINT, CLIENT), (("ec2",), ENDPOINT, NAT), (("ec2", "endpoint"), NAT, NAT)],
)
def test_the_six_cells_are_foretold(
    translated: tuple[str, ...], question: IPv4Address, traffic: IPv4Address
) -> None:
    """Question and traffic, each by the table of the subnet in which it starts."""
    trace = traced(translated)
    assert trace.predicted == traffic
    assert trace.query is not None
    assert trace.query.predicted == question
    assert [hop.host for hop in (trace.hops[-1], trace.query.hops[-1])] == ["ec2", "inbound"]
    assert trace.reason is None


def test_the_question_begins_with_who_asks_whom() -> None:
    """Resolver, zone and far server, and the address that comes of it."""
    query = traced(()).query
    assert query is not None
    assert query.hops[0].note == (
        f"is asked at 172.31.0.2 for {NAME}, and asks 10.20.2.53 for zone ohio.internal, "
        "which answers 10.20.1.20"
    )


def test_what_becomes_of_the_question_at_its_first_host_is_kept() -> None:
    """Behind who asks whom."""
    around = topology(())
    hosts = tuple(
        host.model_copy(update={"tables": {}}) if host.name == "resolver" else host
        for host in around.hosts
    )
    around = around.model_copy(update={"hosts": hosts})
    trace = with_question(traced(()), around, SCENE.spec, way_of(around, NAME))
    assert trace.query is not None
    note = trace.query.hops[0].note
    assert note is not None
    assert note.endswith("which answers 10.20.1.20; no route to 10.20.2.53: no rule is left")
    assert trace.reason == (
        f"{NAME} is not resolved: resolver: no route to 10.20.2.53: no rule is left"
    )


def test_a_question_that_gets_lost_is_the_reason() -> None:
    """Without the address, no packet is sent."""
    trace = traced((), cut=True)
    assert trace.query is not None
    assert trace.query.predicted is None
    assert trace.reason is not None
    assert trace.reason.startswith(f"{NAME} is not resolved: vpc: no route to 10.20.2.53")


def test_routes_that_say_nothing_of_names_know_none() -> None:
    """The way out is an address, or saying who is asked."""
    with pytest.raises(RefusedError, match="give the address, or say in the routes"):
        way_of(topology((), names=False), NAME)


def test_a_question_needs_a_host_that_asks() -> None:
    """The resolver's endpoint is an address of some host."""
    around = topology(())
    way = replace(way_of(around, NAME), source=IPv4Address("172.31.2.99"))
    trace = traced(())
    with pytest.raises(RefusedError, match=r"no host of the routes has 172.31.2.99"):
        with_question(trace, around, SCENE.spec, way)


def test_names_are_part_of_a_routes_file() -> None:
    """Written and read again they are the same."""
    around = topology(())
    assert parse_routes(render_routes(around)) == around


def test_a_routes_file_names_an_endpoint_that_some_host_has() -> None:
    """Else nobody would ask."""
    text = render_routes(topology(())).replace("endpoint: 172.31.2.10", "endpoint: 172.31.2.99")
    with pytest.raises(SpecError, match=r"names.resolver.endpoint: no host has 172.31.2.99"):
        parse_routes(text)
