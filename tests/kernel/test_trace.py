"""What is foretold at a node is what its real rules and routes do, for any spec."""

from contextlib import closing
from ipaddress import IPv4Address
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.kernel.dry_run import dry_run
from natgate.kernel.host import HostKernel
from natgate.kernel.own_routes import read_host
from natgate.model.roles import Roles
from natgate.model.share import all_shares
from natgate.model.spec import Spec
from natgate.model.topology import Topology
from natgate.model.trace import Packet, Protocol
from natgate.plan.compile import NodeFacts, carried_by, compile_node
from natgate.plan.diff import diff
from natgate.plan.flow_classes import bounds_of
from natgate.plan.trace import predict
from natgate.plan.trace_compare import evidence_of
from natgate.wire.topology import VERSION
from tests.effort import FEW
from tests.gateways import every_entry
from tests.namespaces import execute, namespace
from tests.specs import specs


def applied(kernel: HostKernel, spec: Spec, node: str) -> None:
    """The node carries its own shares of all gateways."""
    observed = kernel.observe()
    shares = all_shares(spec)
    roles = Roles(
        carriers={share.name: share.home for share in shares},
        handing_out=frozenset(share.name for share in shares if share.home == node),
    )
    facts = NodeFacts(
        name=node, links=observed.links, owner_works=observed.owner_works, roles=roles
    )
    for change in diff(compile_node(spec, facts), observed):
        kernel.apply(change)


def packets(spec: Spec, node: str) -> st.SearchStrategy[Packet]:
    """Packets to and from the bounds of the spec and its addresses."""
    bounds = bounds_of(spec, node)
    fixed = [int(each.address) for gateway in carried_by(spec, node) for each in gateway.addresses]
    bound = [*bounds.sources, *bounds.destinations, *fixed, *fixed]
    # A kernel forwards nothing to or from 0.0.0.0/8, whatever its routes say.
    places = st.sampled_from([max(at, 2**24) for at in bound])
    addresses = st.builds(
        lambda at, off: IPv4Address(min(at + off, 0xDFFFFFFF)), places, st.integers(0, 1)
    )
    ports = st.one_of(st.integers(1, 65535), st.sampled_from((*bounds.ports, 443)))
    return st.builds(
        lambda protocol, source, destination, port: Packet(
            protocol=protocol,
            source=source,
            destination=destination,
            destination_port=None if protocol == "icmp" else min(port, 65535),
        ),
        st.sampled_from(get_args(Protocol)),
        addresses,
        addresses,
        ports,
    )


def fare_as_foretold(spec: Spec, node: str, sent: list[Packet]) -> None:
    """Source, destination, end and hand-over; the routes are those that the kernel has."""
    with namespace() as here, here.entered():
        execute("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        execute("ip", "link", "set", "eth0", "up")
        execute("ip", "link", "set", "eth1", "up")
        execute("ip", "address", "add", f"{spec.node(node).address}/32", "dev", "eth0")
        execute("ip", "route", "add", "default", "via", "169.254.0.1", "dev", "eth0", "onlink")
        with closing(HostKernel()) as kernel:
            applied(kernel, spec, node)
            host = read_host(node, "node")
            topology = Topology(apiVersion=VERSION, hosts=(host,))
            for packet in sent:
                if packet.source in host.addresses:
                    continue  # the kernel takes its own address from no link
                hop = predict(topology, spec, host, packet, "eth0").hops[0]
                evidence = evidence_of(dry_run(packet, "eth0"))
                gone = hop.verdict in {"dropped", "lost"}
                assert gone == (evidence.source is None), (packet, hop, evidence)
                if not gone:
                    assert evidence.source in (hop.sources or (hop.after.source,)), (packet, hop)
                    assert evidence.destination == hop.after.destination
                    assert evidence.destination_port == hop.after.destination_port, (packet, hop)


@FEW
@given(spec=specs(), which=st.integers(0, 3), data=st.data())
def test_any_packet_fares_at_a_node_as_it_was_foretold(
    spec: Spec, which: int, data: st.DataObject
) -> None:
    """Any spec of SNAT entries, in either mode."""
    node = spec.nodes[which % len(spec.nodes)].name
    sent = data.draw(st.lists(packets(spec, node), min_size=1, max_size=12))
    fare_as_foretold(spec, node, sent)


EVERYWHERE = ("{name: all, network: true,", "{name: all, network: true, destinations: [0.0.0.0/0],")


@pytest.mark.parametrize("replacements", [(), (EVERYWHERE,)], ids=["plain", "everywhere"])
@FEW
@given(data=st.data())
def test_every_kind_of_entry_fares_as_it_was_foretold(
    replacements: tuple[tuple[str, str], ...], data: st.DataObject
) -> None:
    """DNAT, hairpin, own addresses and echoes; also where an entry names every destination."""
    spec = every_entry(*replacements)
    served = [
        Packet(
            protocol="tcp",
            source=source,
            destination=IPv4Address("203.0.113.1"),
            destination_port=80,
        )
        for source in map(IPv4Address, ("192.0.2.9", "10.10.0.1"))
    ]
    sent = data.draw(st.lists(packets(spec, "node-a"), min_size=5, max_size=20))
    fare_as_foretold(spec, "node-a", [*served, *sent])
