"""What a spec says of each class of flows."""

from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from natgate.model.open_flow import NUMBERS
from natgate.plan.compile import carried_by
from natgate.plan.flow_classes import bounds_of, tell
from natgate.plan.resolve import Packet, Resolver
from tests.gateways import every_entry
from tests.unit.open_flows import flow

SPEC = every_entry()
BOUNDS, RESOLVER = bounds_of(SPEC, "node-a"), Resolver(SPEC, "node-a")
EDGES = sorted(
    {edge + step for edge in (*BOUNDS.sources, *BOUNDS.destinations) for step in (-1, 0, 1)}
)
ADDRESSES = st.sampled_from(EDGES)
PORTS = st.sampled_from(sorted({port + step for port in BOUNDS.ports for step in (-1, 0, 1)}))
PROTOCOLS = st.sampled_from([NUMBERS[name] for name in ("icmp", "tcp", "udp", "gre")])


@given(PROTOCOLS, *[ADDRESSES] * 4, *[PORTS] * 2)
def test_flows_of_one_class_have_one_entry(
    protocol: int, one: int, other: int, to: int, too: int, port: int, another: int
) -> None:
    """Wherever between its bounds they lie."""
    first = flow(protocol=protocol, source=one, destination=to, destination_port=port)
    second = flow(protocol=protocol, source=other, destination=too, destination_port=another)
    if BOUNDS.class_of(first) == BOUNDS.class_of(second):
        answers = [
            tell(RESOLVER, protocol, f.source, f.destination, f.destination_port).entry
            for f in (first, second)
        ]
        assert answers[0] == answers[1]


def test_an_snat_entry_may_have_given_each_of_its_addresses() -> None:
    """Also one that is withdrawn now, since its flows go on."""
    spec = every_entry(("{address: 203.0.113.2}", "{address: 203.0.113.2, withdrawn: true}"))
    resolver = Resolver(spec, "node-a")
    for gateway in carried_by(spec, "node-a"):
        for entry in gateway.snat:
            label = gateway.label(entry)
            assert resolver.addresses(label) == spec.addresses_of(gateway, entry)
    assert resolver.addresses("nobody/knows") == ()


def test_who_is_reached_is_told() -> None:
    """By the entry that serves a port, for a protocol with ports."""
    web = IPv4Address("203.0.113.1")
    answer = RESOLVER.resolve(
        Packet(source=IPv4Address("198.51.100.9"), destination=web, protocol="tcp", port=80)
    )
    assert answer.destination is not None
    told = tell(RESOLVER, 6, int(IPv4Address("198.51.100.9")), int(web), 80)
    assert (told.entry, told.target) == (answer.entry, int(answer.destination[0]))
    assert tell(RESOLVER, 1, int(IPv4Address("198.51.100.9")), int(web), 80).entry == ""
