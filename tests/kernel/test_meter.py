"""What the kernel counts by itself, with real packets through a node that has a link to each side."""

from contextlib import closing
from ipaddress import IPv4Address

from natgate.kernel.meter import Meter, port_uses
from natgate.plan.occupancy import near_and_far
from tests.kernel.net import ONE, TARGETS, network, spec_of

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
