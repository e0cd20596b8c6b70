"""Whose return is whose: the compiled maps, run in Python on any return, say one node only."""

from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from natgate.model.desired import Detour, Tunnel
from natgate.model.gateway import Gateway
from natgate.model.roles import Roles
from natgate.model.share import shares_of
from natgate.model.spec import Spec
from natgate.model.table import Table
from natgate.plan import handover
from natgate.plan.compile import NodeFacts, compile_node
from tests.effort import FEW, SOME
from tests.specs import divided_zones, specs, two_zones

ROUTE_CARRIER = ("heartbeat:", "handover: {carrier: route}\nheartbeat:")
THIRD = ("gateways:\n", "  - {name: node-d, zone: c, address: 10.10.0.53}\ngateways:\n")
ECHO_REPLY, TIMESTAMP_REPLY, UNREACHABLE, EXCEEDED, PROBLEM, ECHO = 0, 14, 3, 11, 12, 8
NAMES = {
    "echo-reply": ECHO_REPLY,
    "timestamp-reply": TIMESTAMP_REPLY,
    "destination-unreachable": UNREACHABLE,
    "time-exceeded": EXCEEDED,
    "parameter-problem": PROBLEM,
}
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17}


@dataclass(frozen=True)
class Packet:
    """A packet to a fixed address: what lies where, as the rules ask for it."""

    to: IPv4Address
    protocol: int
    dport: int = 0
    icmp: int | None = None
    echo: int = 0
    quoted: int = 0
    quoted_port: int = 0
    quoted_echo: int = 0
    link: str = "eth0"
    dscp: int = 0

    def value(self, key: str) -> int | str | None:
        """What a rule compares."""
        compared: dict[str, int | str | None] = {
            "meta l4proto": self.protocol,
            "meta iifname": self.link,
            "ip daddr": str(self.to),
            "ip dscp": self.dscp,
            "th dport": self.dport,
            "icmp type": self.icmp,
            "@th,32,16": self.echo,
            "@th,136,8": self.quoted,
            "@th,224,16": self.quoted_port,
            "@th,256,16": self.quoted_echo,
        }
        return compared[key]


def handed_with(table: Table, packet: Packet) -> int | None:
    """The mark that a packet is handed over with; None if it stays."""
    return _through(table, "handover", packet)


def _through(table: Table, chain: str, packet: Packet) -> int | None:
    """As the kernel goes through a chain: a rule ends where it does not match."""
    for rule in table.chains[chain].rules:
        words = rule.text.split()
        while words:
            if words[0] == "return":
                return None
            if words[0] == "goto":
                return _through(table, words[1], packet)
            if words[:2] == ["counter", "name"]:
                words = words[3:]
            elif words[:3] == ["meta", "mark", "set"]:
                assert words[4:] == ["notrack", "accept"]
                return int(words[3])
            elif words[:3] == ["ip", "dscp", "set"]:
                words = words[4:]
            else:
                matched, words = _matches(table, words, packet)
                if not matched:
                    break
    return None


def _matches(table: Table, words: list[str], packet: Packet) -> tuple[bool, list[str]]:
    size = 1 if words[0].startswith("@") else 2
    value, rest = packet.value(" ".join(words[:size])), words[size:]
    if rest[0] == "vmap":
        verdict = _found(table, rest[1], value)
        return verdict is not None, (verdict or "").split()
    if rest[0] == "{":
        end = rest.index("}")
        return value in {_meant(word.rstrip(",")) for word in rest[1:end]}, rest[end + 1 :]
    return value == _meant(rest[0]), rest[1:]


def _meant(word: str) -> int | str:
    known = NAMES | PROTOCOLS
    return known[word] if word in known else int(word) if word.isdigit() else word


def _found(table: Table, name: str, value: int | str | None) -> str | None:
    for key, verdict in table.lookups[name.removeprefix("@")].elements.items():
        first, _, last = key.partition("-")
        if key == value or (last and isinstance(value, int) and int(first) <= value <= int(last)):
            return verdict
    return None


@dataclass(frozen=True)
class Division:
    """A spec with an active-active gateway, and who carries what."""

    spec: Spec
    gateway: Gateway
    carriers: dict[str, str]

    def table(self, node: str) -> Table:
        """What a node holds."""
        facts = NodeFacts(name=node, links=("eth0",), roles=Roles(carriers=self.carriers))
        return compile_node(self.spec, facts).table

    def keepers(self, packet: Packet) -> tuple[list[str], set[int]]:
        """The nodes that keep a packet, and the marks with which the others hand it over."""
        nodes = self.spec.nodes_of(self.gateway)
        marks = {node: handed_with(self.table(node), packet) for node in nodes}
        kept = [node for node in nodes if marks[node] is None]
        return kept, {mark for mark in marks.values() if mark is not None}

    def owner(self, port: int) -> str | None:
        """Who carries the block that a port lies in."""
        shares = shares_of(self.spec, self.gateway)
        return next((self.carriers.get(s.name) for s in shares if port in s.block), None)


@st.composite
def divisions(draw: st.DrawFn) -> Division:
    """Any spec with a divided gateway, and any node as the carrier of each of its shares."""
    spec = draw(specs() | st.sampled_from([divided_zones(), divided_zones(ROUTE_CARRIER)]))
    gateways = [g for g in spec.gateways if g.mode == "active-active"]
    assume(gateways)
    gateway = draw(st.sampled_from(gateways))
    carriers = {
        share.name: draw(st.sampled_from(share.nodes))
        for g in gateways
        for share in shares_of(spec, g)
    }
    return Division(spec, gateway, carriers)


def returns(to: IPv4Address, port: int) -> list[Packet]:
    """Every kind of return that names a port or an id."""
    replies = [Packet(to, 1, icmp=kind, echo=port) for kind in (ECHO_REPLY, TIMESTAMP_REPLY)]
    errors = [
        Packet(to, 1, icmp=kind, quoted=protocol, quoted_port=port, quoted_echo=port)
        for kind in (UNREACHABLE, EXCEEDED, PROBLEM)
        for protocol in (1, 6, 17)
    ]
    return [Packet(to, 6, dport=port), Packet(to, 17, dport=port), *replies, *errors]


@SOME
@given(divisions(), st.integers(0, 65535), st.data())
def test_one_node_keeps_a_return_and_all_others_hand_it_to_that_node(
    division: Division, port: int, data: st.DataObject
) -> None:
    """Whatever the port, the id or the quoted packet: the nodes agree whose it is."""
    address = data.draw(st.sampled_from(division.gateway.addresses)).address
    packet = data.draw(st.sampled_from(returns(address, port)))
    kept, marks = division.keepers(packet)
    owner = division.owner(port)
    nodes = division.spec.nodes_of(division.gateway)
    assert kept == ([owner] if owner else list(nodes))
    assert marks == ({handover.mark_of(division.spec, owner)} if owner else set())


@FEW
@given(divisions(), st.integers(0, 65535), st.data())
def test_a_return_is_handed_over_once(division: Division, port: int, data: st.DataObject) -> None:
    """What arrives from another node stays, so that nothing goes back and forth for ever."""
    address = division.gateway.addresses[0].address
    packet = data.draw(st.sampled_from(returns(address, port)))
    tunnelled = division.spec.handover.carrier == "vxlan"
    link, dscp = ("ng-vx", 0) if tunnelled else ("eth0", handover.HANDED_DSCP)
    again = Packet(**{**vars(packet), "link": link, "dscp": dscp})
    assert division.keepers(again) == (list(division.spec.nodes_of(division.gateway)), set())


@FEW
@given(divisions(), st.integers(0, 65535))
def test_nothing_else_is_handed_over(division: Division, port: int) -> None:
    """Packets to other addresses, without ports, or that are no returns stay where they arrive."""
    address = division.gateway.addresses[0].address
    others = [
        Packet(IPv4Address("203.0.113.250"), 6, dport=port),
        Packet(address, 47, dport=port),
        Packet(address, 1, icmp=ECHO, echo=port),
        Packet(address, 1, icmp=UNREACHABLE, quoted=47, quoted_port=port, quoted_echo=port),
    ]
    for packet in others:
        assert division.keepers(packet)[1] == set()


@FEW
@given(divisions(), st.data())
def test_a_failover_changes_elements_alone(division: Division, data: st.DataObject) -> None:
    """Other carriers mean other elements; no chain and no lookup of the hand-over comes or goes."""
    other = {
        share.name: data.draw(st.sampled_from(share.nodes))
        for share in shares_of(division.spec, division.gateway)
    }
    node = data.draw(st.sampled_from(division.spec.nodes_of(division.gateway)))
    before = division.table(node)
    after = Division(division.spec, division.gateway, {**division.carriers, **other}).table(node)
    ours = [n for n in before.chains if not n.startswith("snat.")]
    assert [before.chains[n] for n in ours] == [after.chains[n] for n in ours]
    assert before.chains.keys() == after.chains.keys()
    assert before.lookups.keys() == after.lookups.keys()


def test_what_is_not_known_stays() -> None:
    """Without a known carrier, or with one that is no node of the share, a return stays."""
    spec = divided_zones()
    gateway = spec.gateways[0]
    packet = Packet(gateway.addresses[0].address, 6, dport=2000)
    for carriers in ({}, {"partner@node-a": "stranger"}):
        division = Division(spec, gateway, dict(carriers))
        assert division.keepers(packet) == (["node-a", "node-c"], set())


def test_marks_and_detours_lead_to_each_other_node() -> None:
    """Each node has a mark of its own, and on every other node a detour by the carrier."""
    spec = divided_zones(
        THIRD, ("mode: active-active\n", "mode: active-active\n    nodes: [node-a, node-c]\n")
    )
    assert [handover.mark_of(spec, n.name) - handover.FIRST_MARK for n in spec.nodes] == [0, 1, 2]
    peer = Detour(mark=handover.FIRST_MARK + 1, peer=IPv4Address("10.10.0.52"), tunnelled=True)
    assert handover.detours_of(spec, "node-a") == {peer}
    assert handover.detours_of(spec, "node-d") == frozenset()
    assert handover.tunnel_peers(spec, "node-a") == (peer.peer,)
    assert handover.tunnel_of(spec, "node-a") == Tunnel(local=IPv4Address("10.10.0.20"), port=4789)
    assert handover.tunnel_of(spec, "node-d") is None


@pytest.mark.parametrize("spec", [divided_zones(ROUTE_CARRIER), two_zones()])
def test_without_a_tunnel_there_is_none(spec: Spec) -> None:
    """On the route carrier, and where nothing is divided, no link is made and no peer let in."""
    assert handover.tunnel_of(spec, "node-a") is None
    assert handover.tunnel_peers(spec, "node-a") == ()
    assert [d.tunnelled for d in handover.detours_of(spec, "node-a")] in ([False], [])


def test_source_000_divided_hands_over_by_these_rules() -> None:
    """The chains of one node as nft reads them, by tunnel."""
    made = {c.name: [r.text for r in c.rules] for c in handover.chains(divided_zones(), "node-a")}
    assert made == {
        "handover": ["meta iifname ng-vx return", "ip daddr vmap @divided"],
        "owner.partner": [
            "meta l4proto { tcp, udp } th dport vmap @ports.partner",
            "icmp type { echo-reply, timestamp-reply } @th,32,16 vmap @ids.partner",
            "icmp type { destination-unreachable, parameter-problem, time-exceeded } "
            "goto quoted.partner",
        ],
        "quoted.partner": [
            "@th,136,8 { 17, 6 } @th,224,16 vmap @ids.partner",
            "@th,136,8 1 @th,256,16 vmap @ids.partner",
        ],
        "hand.2": ['counter name "handed_over" meta mark set 1313275906 notrack accept'],
        "leave": ["meta oifname ng-vx meta mark set 0"],
    }


def test_on_the_route_carrier_a_packet_says_that_it_was_handed_over() -> None:
    """The differentiated services field tells a returning detour from a fresh return."""
    chains = {c.name: c for c in handover.chains(divided_zones(ROUTE_CARRIER), "node-c")}
    assert chains.keys() == {"handover", "owner.partner", "quoted.partner", "hand.1"}
    assert chains["handover"].rules[0].text == "ip dscp 63 ip dscp set cs0 return"
    (rule,) = chains["hand.1"].rules
    assert (rule.comment, "ip dscp set 63" in rule.text) == ("to node-a", True)
    assert list(handover.chains(two_zones(), "node-a")) == []
    assert list(handover.lookups(two_zones(), "node-a", {})) == []
