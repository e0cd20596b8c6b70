"""What the rules do for flow replication and for what nodes say to each other."""

from natgate.model.spec import Spec
from natgate.plan.replication import admitted, chains, replicated
from natgate.wire.config import parse_spec
from tests.specs import spec_with, two_zones

SYNC = ("address: 10.10.0.52}", "address: 10.10.0.52, sync_address: 10.10.0.53}")
NONE = ("heartbeat: {", "replication: {kind: none}\nheartbeat: {")


def texts(spec: Spec, node: str = "node-a") -> dict[str, list[str]]:
    """The rules of each chain."""
    return {chain.name: [rule.text for rule in chain.rules] for chain in chains(spec, node)}


def test_half_open_connections_raise_no_events() -> None:
    """A flow is sent once it is established (UDP: a stream both ways), and when it ends."""
    assert texts(two_zones())["events"] == [
        "ct state new meta l4proto { tcp, udp } ct event set assured,destroy"
    ]


def test_what_nodes_say_to_each_other_is_not_tracked() -> None:
    """In both directions, and only where it is said to this node: clients may use the same ports.

    So may replies to a fixed address, which VRRP makes a local one.
    """
    found = texts(two_zones())
    assert found["untracked-prerouting"] == [
        "ip daddr 10.10.0.20 udp dport 4646 notrack",
        "ip daddr 10.10.0.20 udp dport 3780 notrack",
    ]
    assert found["untracked-output"] == ["udp dport 4646 notrack", "udp dport 3780 notrack"]


def test_what_is_said_to_either_address_of_a_node_is_not_tracked() -> None:
    """Flows are sent to the address that is for them."""
    found = texts(parse_spec(spec_with(SYNC)), "node-c")
    assert found["untracked-prerouting"][1] == (
        "ip daddr { 10.10.0.52, 10.10.0.53 } udp dport 3780 notrack"
    )


def test_only_the_other_node_may_send_flows() -> None:
    """From either of its addresses, since conntrackd does not choose which it sends from."""
    spec = parse_spec(spec_with(SYNC))
    assert [rule.text for rule in admitted(spec, "node-a")] == [
        'udp dport 3780 ip saddr != { 10.10.0.52, 10.10.0.53 } counter name "not_a_node" drop'
    ]


def test_without_replication_there_is_nothing_to_send_or_to_let_in() -> None:
    """Heartbeats stay untracked."""
    spec = parse_spec(spec_with(NONE))
    assert not replicated(spec, "node-a")
    assert list(admitted(spec, "node-a")) == []
    assert list(texts(spec)) == ["untracked-prerouting", "untracked-output"]


def test_in_active_active_the_tunnel_is_closed_to_strangers_too() -> None:
    """Whoever could send into it could forge returns."""
    text = spec_with(("- name: partner\n", "- name: partner\n    mode: active-active\n"))
    spec = parse_spec(f"{text}steering: {{kind: lab}}\n")
    assert [rule.text for rule in admitted(spec, "node-a")][1] == (
        'udp dport 4789 ip saddr != 10.10.0.52 counter name "not_a_node" drop'
    )
    assert "udp dport 4789 notrack" in texts(spec)["untracked-output"]


def test_a_single_node_needs_none_of_it() -> None:
    """There is nobody to speak to."""
    text = spec_with(("  - {name: node-c, zone: c, address: 10.10.0.52}\n", ""))
    assert texts(parse_spec(text)) == {}
