"""What the kernel counts by itself, with real packets through a node that has a link to each side."""

import socket
from contextlib import closing
from ipaddress import IPv4Address

from natgate.kernel.meter import Meter, insert_failed, port_uses
from natgate.plan.occupancy import near_and_far, occupancy, port_warnings, without_port
from tests.kernel.net import CLIENTS, FIXED, ONE, PORT, SECOND, TARGETS, network, spec_of

DESTINED = ONE.replace("sources:", "destinations: [203.0.113.0/24], sources:")


def test_the_meter_sees_flows_drops_ports_and_both_sides() -> None:
    """One flow through the node: an attempt, a flow, a used port, and packets on each side's link."""
    with network() as net:
        spec = spec_of(DESTINED)
        net.bring(spec)
        with net.node.entered(), closing(Meter()) as meter:
            before = {link.name: link for link in meter.links()}
            assert net.source_of("10.1.0.10", TARGETS[0]) == "10.1.200.5"
            net.send("10.1.0.77", "198.51.100.1")
            net.until(lambda: {x.name: x for x in meter.links()}["in"].packets[0] > 1)
            after = {link.name: link for link in meter.links()}
            near, far = near_and_far(spec)
            assert meter.ways(near) == {after["in"].index}
            assert meter.ways(far) == {after["out"].index}
            own = [IPv4Address("10.1.0.1"), IPv4Address("198.51.100.1")]
            assert meter.ways(own) == set()
            assert meter.counters()["g/one"] == 1
            assert meter.flows().count >= 1
            assert meter.flows().limit > 0
            assert "insert_failed" in meter.flows().errors
            (use,) = port_uses()
            assert str(use.address) == "10.1.200.5"
        assert after["in"].bytes[0] > before["in"].bytes[0]
        assert after["out"].packets[1] > before["out"].packets[1]


PORTS = range(1100, 34_100)
ENTRIES = (
    f"{{name: many, hosts: [{CLIENTS[0]}, {CLIENTS[1]}], addresses: [{FIXED}]}}",
    f"{{name: other, hosts: [{CLIENTS[2]}], addresses: [{SECOND}]}}",
)


def test_first_packets_without_a_free_port_are_counted_for_their_address() -> None:
    """66,000 flows of two hosts to one destination: each that found no port of 64,511 is counted."""
    with network() as net:
        spec = spec_of(*ENTRIES)
        net.bring(spec)
        with net.node.entered():
            before = insert_failed()
        with net.client.entered():
            for port in PORTS:
                for host in CLIENTS[:2]:
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow:
                        flow.bind((host, port))
                        flow.sendto(b"x", (TARGETS[0], PORT))
        net.packets()
        assert net.source_of(CLIENTS[2], TARGETS[0]) == SECOND
        with net.node.entered():
            refused = insert_failed() - before
            held = {each.address: each for each in occupancy(spec, port_uses())}
        assert held[SECOND].flows == 1
        assert refused == 2 * len(PORTS) - held[FIXED].flows
        assert refused >= 2 * len(PORTS) - held[FIXED].size
        assert without_port(held.values()) == FIXED
        assert {host for host, _ in held[FIXED].clients} == set(CLIENTS[:2])
        codes = [each.code for each in port_warnings(held.values(), {FIXED: refused})]
        assert codes == ["ports-low", "ports-refused"]
