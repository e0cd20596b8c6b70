"""A return goes to the node whose block its port lies in: exactly one node keeps it."""

from hypothesis import given
from hypothesis import strategies as st

from natgate.model.address import FIRST_PORT, LAST_PORT
from natgate.model.spec import Spec
from natgate.plan.handover import (
    FIRST_MARK,
    chains,
    detours_of,
    divided,
    lookups,
    mark_of,
    tunnel_of,
    tunnel_peers,
)
from natgate.wire.config import parse_spec
from tests.specs import spec_with, two_zones

NODES = ("node-a", "node-b", "node-c")
SHARES = tuple(f"partner@{node}" for node in NODES)


def three(carrier: str = "vxlan") -> Spec:
    """Three zones, each with a client subnet and a node of its own, or two for a route carrier."""
    text = spec_with(
        ("- name: partner\n", "- name: partner\n    mode: active-active\n"),
        (
            "heartbeat: {",
            f"handover: {{carrier: {carrier}}}\nsteering: {{kind: lab}}\nheartbeat: {{",
        ),
    )
    if carrier == "vxlan":
        more = (
            ("zones: [a, c]", "zones: [a, b, c]"),
            (
                "    - {name: fixed",
                "    - {name: clients-b, zone: b, cidr: 10.10.0.96/28}\n"
                "    - {name: nodes-b, zone: b, cidr: 10.10.0.112/28, kind: node}\n"
                "    - {name: fixed",
            ),
            (
                "  - {name: node-c",
                "  - {name: node-b, zone: b, address: 10.10.0.116}\n  - {name: node-c",
            ),
            ("10.10.0.32/28]", "10.10.0.32/28, 10.10.0.96/28]"),
        )
        for old, new in more:
            assert old in text, old
            text = text.replace(old, new)
    return parse_spec(text)


SPEC = three()
PORTS = st.integers(FIRST_PORT, LAST_PORT)
CARRIERS = st.fixed_dictionaries({share: st.sampled_from(NODES) for share in SHARES})


def handed_to(node: str, carriers: dict[str, str], port: int, name: str) -> str:
    """The node to which a packet with a port is handed; the node itself if it keeps it."""
    held = {lookup.name: lookup.elements for lookup in lookups(SPEC, node, carriers)}
    for block, verdict in held[f"{name}.partner"].items():
        first, last = map(int, block.split("-"))
        if first <= port <= last:
            rules = {chain.name: chain.rules for chain in chains(SPEC, node)}
            (rule,) = rules[verdict.removeprefix("goto ")]
            return rule.comment.removeprefix("to ")
    return node


@given(CARRIERS, PORTS, st.sampled_from(["ports", "ids"]))
def test_exactly_one_node_keeps_a_return(carriers: dict[str, str], port: int, name: str) -> None:
    """All others hand it to that one, so that a packet is handed over once at most."""
    found = {node: handed_to(node, carriers, port, name) for node in NODES}
    keepers = [node for node, to in found.items() if node == to]
    assert len(keepers) == 1
    assert set(found.values()) == set(keepers)
    assert keepers[0] in carriers.values()


def test_ports_that_nobody_is_known_to_carry_stay_here() -> None:
    """Conntrack then finds no flow, and they are dropped."""
    assert handed_to("node-a", {}, 40000, "ports") == "node-a"


def test_each_node_has_a_mark_and_a_way_of_its_own() -> None:
    """The ways of one node lead to all others."""
    assert [mark_of(SPEC, node) - FIRST_MARK for node in NODES] == [0, 1, 2]
    found = {detour.mark - FIRST_MARK: str(detour.peer) for detour in detours_of(SPEC, "node-b")}
    assert found == {0: "10.10.0.20", 2: "10.10.0.52"}
    assert [str(peer) for peer in tunnel_peers(SPEC, "node-b")] == ["10.10.0.20", "10.10.0.52"]
    tunnel = tunnel_of(SPEC, "node-b")
    assert tunnel is not None
    assert str(tunnel.local) == "10.10.0.116"


def rules_of(spec: Spec) -> dict[str, list[str]]:
    """The rules of node a."""
    return {chain.name: [rule.text for rule in chain.rules] for chain in chains(spec, "node-a")}


def test_a_mark_does_not_leave_with_the_packet_around_a_handed_one() -> None:
    """Or it would take the same way again, and loop."""
    assert rules_of(SPEC)["leave"] == ["meta oifname ng-vx meta mark set 0"]
    assert rules_of(SPEC)["handover"][0] == "meta iifname ng-vx return"
    assert rules_of(SPEC)["hand.2"] == [
        f'counter name "handed_over" meta mark set {FIRST_MARK + 1} notrack accept'
    ]


def test_without_a_tunnel_a_handed_packet_is_known_by_its_dscp() -> None:
    """It is never handed over twice, and there is no tunnel to let anybody into."""
    spec = three("route")
    found = rules_of(spec)
    assert found["handover"][0] == "ip dscp 63 ip dscp set cs0 return"
    assert "ip dscp set 63 meta mark set" in found["hand.2"][0]
    assert "leave" not in found
    assert tunnel_of(spec, "node-a") is None
    assert tunnel_peers(spec, "node-a") == ()


def test_an_active_standby_gateway_needs_none_of_it() -> None:
    """One node carries everything."""
    spec = two_zones()
    assert divided(spec, "node-a") == ()
    assert list(chains(spec, "node-a")) == []
    assert list(lookups(spec, "node-a", {})) == []
    assert tunnel_of(spec, "node-a") is None
