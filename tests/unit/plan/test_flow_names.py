"""The entry and the node that flows are known by."""

from natgate.model.flow_class import EARLIER, PROBE, Told
from natgate.model.open_flow import IPV6
from natgate.plan.flow_names import Names, names_of
from tests.unit.open_flows import flow

KERNEL = {"tcp": 432_000, "udp": 120}
ANSWER = {
    "sources": [0x0A000000, 0x0A000100],
    "destinations": [],
    "ports": [],
    "nodes": ["10.0.1.4"],
    "gateways": [
        {
            "name": "g",
            "addresses": ["203.0.113.1"],
            "timeouts": {"tcp": 900.0, "udp": 60.0},
            "shares": [
                {"name": "g@a", "ports": "1025-30000", "carrier": "a"},
                {"name": "g@c", "ports": "30001-65535", "carrier": None},
            ],
        }
    ],
}


def test_what_the_agent_tells_gives_flows_their_names() -> None:
    """One of each class is asked for; what no entry made has no name."""
    names = names_of(ANSWER)
    ours = flow()
    (known,) = names.unknown([ours, flow(source=0x0A000006), flow(status=0xE), flow(family=IPV6)])
    assert names.unknown([ours])[known] == (6, ours.source, ours.destination, 443)
    assert names.entry(ours) == ""
    names.told[known] = Told(entry="g/out", sources=frozenset({0xCB007101}), target=None)
    assert names.unknown([ours]) == {}
    assert (names.entry(ours), names.entry(flow(reply_destination=9))) == ("g/out", EARLIER)
    assert names.entry(flow(source=0x0A000104)) == PROBE
    assert names.entry(flow(family=IPV6)) == ""


def test_a_flow_is_carried_by_the_node_whose_port_it_has() -> None:
    """One of another address by nobody; one without a port of a share by the first."""
    names = names_of(ANSWER)
    assert names.node(flow(reply_destination_port=1025)) == "a"
    assert names.node(flow(reply_destination_port=65_000)) == ""
    assert names.node(flow(reply_destination_port=5)) == "a"
    assert names.node(flow(reply_destination=9)) == ""
    assert names.node(flow(family=IPV6)) == ""


def test_a_flow_is_idle_for_what_is_gone_of_its_time() -> None:
    """By its gateway's time-out; by the kernel's if it has more than that; else nobody knows."""
    names = names_of(ANSWER)
    assert names.idle(flow(timeout=892), KERNEL) == 8
    assert names.idle(flow(timeout=431_000), KERNEL) == 1000
    assert names.idle(flow(timeout=500_000), KERNEL) is None
    assert names.idle(flow(state=7, timeout=5), KERNEL) is None
    assert names.idle(flow(protocol=17, timeout=55), KERNEL) == 5
    assert names.idle(flow(reply_destination=9, protocol=17, timeout=55), KERNEL) == 65


def test_without_an_agent_nothing_has_a_name() -> None:
    """The flows themselves are shown all the same."""
    assert (Names().entry(flow()), Names().node(flow()), Names().unknown([flow()])) == ("", "", {})
