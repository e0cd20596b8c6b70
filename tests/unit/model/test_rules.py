"""Contradictions between the fields of a spec: each is one sentence at its path."""

from ipaddress import IPv4Address

import pytest

from natgate.model import rules
from natgate.model.gateway import AddressCheck
from natgate.model.spec import Quotas, Spec
from natgate.wire.config import read_yaml
from tests.specs import spec_with, two_zones

Replacements = tuple[tuple[str, str], ...]

SECOND_GATEWAY = (
    "heartbeat:",
    "  - name: second\n    addresses: [{address: ADDRESS}]\n    snat: [ENTRY]\nheartbeat:",
)


def second(address: str, entry: str = "") -> tuple[str, str]:
    """One more gateway."""
    old, new = SECOND_GATEWAY
    return old, new.replace("ADDRESS", address).replace("ENTRY", entry)


def more_entries(*entries: str) -> tuple[str, str]:
    """More entries in the first gateway."""
    lines = "".join(f"      - {{{entry}}}\n" for entry in entries)
    return "    health:\n", f"{lines}    health:\n"


NAMES: list[tuple[Replacements, str, str]] = [
    (
        (("zones: [a, c]", "zones: [a, c, a]"),),
        "network.zones[2]",
        "zone a is already at network.zones[0]",
    ),
    (
        (("name: nodes-a", "name: clients-a"),),
        "network.subnets[1].name",
        "name clients-a is already at network.subnets[0].name",
    ),
    (
        (("name: node-c", "name: node-a"),),
        "nodes[1].name",
        "name node-a is already at nodes[0].name",
    ),
    (
        (("zone: c, address: 10.10.0.52", "zone: a, address: 10.10.0.20"),),
        "nodes[1].address",
        "address 10.10.0.20 is already at nodes[0].address",
    ),
    (
        (
            second("198.51.100.7"),
            ("name: second", "name: partner"),
            ("  zones", "  address_ranges: [198.51.100.0/24]\n  zones"),
        ),
        "gateways[1].name",
        "name partner is already at gateways[0].name",
    ),
    (
        (more_entries("name: to-partner, sources: [10.10.0.0/29]"),),
        "gateways[0].snat[1].name",
        "name to-partner is already at gateways[0].snat[0].name",
    ),
    (
        (("    addresses:\n", "    nodes: [node-a, node-c, node-a]\n    addresses:\n"),),
        "gateways[0].nodes[2]",
        "node node-a is already at gateways[0].nodes[0]",
    ),
]

NETWORK: list[tuple[Replacements, str, str]] = [
    (
        (("10.10.0.32/28}", "10.99.0.32/28}"), ("10.10.0.32/28]", "10.10.0.0/29]")),
        "network.subnets[2].cidr",
        "10.99.0.32/28 is not inside network.ranges (10.10.0.0/24)",
    ),
    (
        (("clients-c, zone: c,", "clients-c,"),),
        "network.subnets[2].zone",
        "a client subnet lies in a zone; name one of network.zones",
    ),
    (
        (("clients-c, zone: c", "clients-c, zone: x"),),
        "network.subnets[2].zone",
        "zone x is not in network.zones",
    ),
    (
        (("name: nodes-a", "name: nodes-a, route_table: edge"),),
        "network.subnets[1].route_table",
        "edge is network.edge_table, which only returning traffic uses",
    ),
    (
        (
            ("10.10.0.80/28", "10.10.0.64/26"),
            ("10.10.0.48/28", "10.10.0.48/29"),
            ("name: fixed,", "name: x, cidr: 10.10.0.96/28, kind: address}\n    - {name: fixed,"),
        ),
        "network.subnets[5].cidr",
        "10.10.0.64/26 overlaps 10.10.0.96/28 of network.subnets[4] (x)",
    ),
]

NODES: list[tuple[Replacements, str, str]] = [
    ((("node-c, zone: c", "node-c, zone: x"),), "nodes[1].zone", "zone x is not in network.zones"),
    (
        (("10.10.0.52", "10.10.0.200"),),
        "nodes[1].address",
        "10.10.0.200 lies in no subnet; add a subnet of kind node for it",
    ),
    (
        (("10.10.0.52", "10.10.0.34"),),
        "nodes[1].address",
        "10.10.0.34 lies in client subnet clients-c; give nodes a subnet of kind node, since a "
        "node's own probes must leave with its own address",
    ),
    (
        (("node-c, zone: c", "node-c, zone: a"),),
        "nodes[1].zone",
        "zone a, but 10.10.0.52 lies in a subnet of zone c",
    ),
]

ADDRESSES: list[tuple[Replacements, str, str]] = [
    (
        (("{address: 10.10.0.85}", "{address: 10.10.0.85}\n      - {address: 10.10.0.85}"),),
        "gateways[0].addresses[1].address",
        "10.10.0.85 is already at gateways[0].addresses[0].address",
    ),
    (
        (("10.10.0.85", "10.10.0.5"),),
        "gateways[0].addresses[0].address",
        "10.10.0.5 lies in client subnet clients-a (10.10.0.0/28); a cloud refuses a route for part "
        "of a subnet (its destination must match a whole subnet), and one for the whole would take "
        "its hosts along: give it a subnet of kind address",
    ),
    (
        (("10.10.0.85", "10.10.0.200"),),
        "gateways[0].addresses[0].address",
        "10.10.0.200 lies in no subnet; inside network.ranges a cloud refuses a route whose "
        "destination matches no subnet (\"Route destination doesn't match any subnet CIDR "
        'blocks"): add a subnet of kind address, at most /28 on AWS',
    ),
    (
        (("10.10.0.85", "192.0.2.1"), ("  zones", "  address_ranges: [198.51.100.0/24]\n  zones")),
        "gateways[0].addresses[0].address",
        "192.0.2.1 is outside every allowed range (10.10.0.0/24, 198.51.100.0/24); take one inside, "
        "or add its prefix to network.address_ranges",
    ),
    (
        (second("10.10.0.86"),),
        "gateways[1].addresses[0].address",
        "subnet fixed already holds addresses of gateway partner; each gateway needs an address "
        "subnet of its own, since it is routed as a whole",
    ),
]

ENTRIES: list[tuple[Replacements, str, str]] = [
    (
        (("    addresses:\n", "    nodes: [node-x]\n    addresses:\n"),),
        "gateways[0].nodes[0]",
        "node node-x is not in nodes (node-a, node-c)",
    ),
    (
        (more_entries("name: x, sources: [10.10.0.0/29], addresses: [10.10.0.86]"),),
        "gateways[0].snat[1].addresses[0]",
        "10.10.0.86 is not an address of gateway partner",
    ),
    (
        (more_entries("name: x, sources: [10.10.0.0/29], addresses: [10.10.0.85, 10.10.0.85]"),),
        "gateways[0].snat[1].addresses[1]",
        "address 10.10.0.85 is already at gateways[0].snat[1].addresses[0]",
    ),
    (
        (more_entries("name: x, sources: [10.10.0.16/28]"),),
        "gateways[0].snat[1].sources[0]",
        "10.10.0.16/28 is not inside a client subnet; only their hosts are translated",
    ),
    (
        (("[10.10.0.0/28, 10.10.0.32/28]", "[10.10.0.0/28, 10.10.0.0/28]"),),
        "gateways[0].snat[0].sources[1]",
        "source 10.10.0.0/28 is already at gateways[0].snat[0].sources[0]",
    ),
    (
        (("[192.168.100.0/24]", "[192.168.100.0/24, 192.168.100.0/24]"),),
        "gateways[0].snat[0].destinations[1]",
        "destination 192.168.100.0/24 is already at gateways[0].snat[0].destinations[0]",
    ),
    (
        (more_entries("name: x, sources: [10.10.0.0/28], destinations: [192.168.100.0/24]"),),
        "gateways[0].snat[1].sources[0]",
        "source 10.10.0.0/28 to 192.168.100.0/24 is already translated by gateways[0].snat[0]; the "
        "longest mask wins, so equal ones would leave it to chance: remove one",
    ),
    (
        (more_entries("name: x, sources: [10.10.0.0/28]", "name: y, sources: [10.10.0.0/28]"),),
        "gateways[0].snat[2].sources[0]",
        "source 10.10.0.0/28 to everywhere is already translated by gateways[0].snat[1]; the "
        "longest mask wins, so equal ones would leave it to chance: remove one",
    ),
    (
        (("[192.168.100.0/24]", "[10.10.0.32/27]"),),
        "gateways[0].snat[0].destinations[0]",
        "10.10.0.32/27 overlaps a client subnet, which is reached without a node",
    ),
    (
        (
            second(
                "198.51.100.7",
                "{name: x, sources: [10.10.0.0/29], destinations: [192.168.100.0/24]}",
            ),
            ("  zones", "  address_ranges: [198.51.100.0/24]\n  zones"),
        ),
        "gateways[1].snat",
        "route table clients-a needs 192.168.100.0/24 for gateway partner already, and a route has "
        "one target: put both entries into one gateway, or give the subnets route tables of their own",
    ),
]

TIMING: list[tuple[Replacements, str, str]] = [
    (
        (("{key_env:", "{interval: 100ms, key_env:"),),
        "heartbeat.timeout",
        "must be at least twice heartbeat.interval, or one late packet is a suspicion",
    ),
    (
        (("{key_env:", "{port: 65535, key_env:"),),
        "heartbeat.port",
        "the next two ports are used as well; take a lower one",
    ),
    (
        (("{key_env:", "{key_file: /etc/key, key_env:"),),
        "heartbeat.key_file",
        "give key_file or heartbeat.key_env, not both",
    ),
    (
        (("heartbeat: {key_env: NATGATE_KEY}", "heartbeat: {}"),),
        "heartbeat",
        "several nodes need a shared key: set key_file or key_env",
    ),
    (
        (("kind: icmp,", "kind: icmp, interval: 100ms,"),),
        "gateways[0].health.upstream[0].timeout",
        "must be at least twice its interval, or one lost echo is a failure",
    ),
    (
        (
            (
                "    health:\n",
                "    health:\n      addresses: {address: 192.168.100.5, timeout: 1s, interval: 600ms}\n",
            ),
        ),
        "gateways[0].health.addresses.timeout",
        "must be at least twice its interval, or one lost echo is a failure",
    ),
]

KEY = "heartbeat: {key_env: NATGATE_KEY}"


def fence(text: str) -> tuple[str, str]:
    """A fence beside the heartbeat key."""
    return KEY, f"{KEY}\nfence: {{{text}}}"


HTTPS = "kind: etcd, ca_file: /ca, endpoints: ['https://10.0.0.5:2379']"
LOOPBACK = "kind: etcd, endpoints: ['http://127.0.0.1:2379']"

METRICS: list[tuple[Replacements, str, str]] = [
    (
        (("heartbeat:", "metrics: {listen: 'node:9646'}\nheartbeat:"),),
        "metrics.listen",
        "beyond loopback scrapers must show a token: set metrics.token_file or token_env",
    ),
]

FENCES: list[tuple[Replacements, str, str]] = [
    (
        (
            fence(
                "kind: etcd, ca_file: /ca, endpoints: ['https://a:1', 'https://b:1', 'https://a:1']"
            ),
        ),
        "fence.endpoints[2]",
        "endpoint https://a:1 is already at fence.endpoints[0]",
    ),
    (
        (fence("kind: etcd, ca_file: /ca, endpoints: ['https://a:65536']"),),
        "fence.endpoints[0]",
        "port 65536 does not exist; etcd's own is 2379",
    ),
    (
        (fence("kind: etcd, endpoints: ['http://localhost:1', 'http://10.0.0.5:1']"),),
        "fence.endpoints[1]",
        "http://10.0.0.5:1 is not protected, and whoever is on the way can make claims: use https, "
        "or say insecure: true",
    ),
    (
        (fence("kind: etcd, endpoints: ['https://a:1', 'http://127.0.0.1:1']"),),
        "fence.endpoints",
        "some are https and some http; make all of them https",
    ),
    (
        (fence("kind: etcd, endpoints: ['https://a:1']"),),
        "fence.ca_file",
        "missing; https is worth something only if it says who vouches for the members",
    ),
    (
        (fence(f"{HTTPS}, cert_file: /c"),),
        "fence.cert_file",
        "without fence.key_file it is of no use: give both, or neither",
    ),
    (
        (fence(f"{HTTPS}, timeout: 1s, password_env: P"),),
        "fence.password_env",
        "without fence.user it is of no use: give both, or neither",
    ),
    (
        (fence(f"{LOOPBACK}, ca_file: /c"),),
        "fence.ca_file",
        "is not used, since all endpoints are http: make them https, or remove it",
    ),
    (
        (fence(f"{HTTPS}, user: natgate, password_env: P"),),
        "fence.timeout",
        "etcd takes its time to check a password: allow 300ms or more, or give the rights to "
        "a certificate (cert_file and key_file)",
    ),
    (
        (fence("kind: witness, address: 10.10.0.52"),),
        "fence.address",
        "10.10.0.52 is the address of nodes[1] (node-c), which would be alone with its own "
        "decision; run the witness on a third machine",
    ),
    (
        (
            ("  - {name: node-c, zone: c, address: 10.10.0.52}\n", ""),
            (KEY, "fence: {kind: witness, address: 10.10.0.200}"),
        ),
        "heartbeat",
        "a witness believes only the shared key: set key_file or key_env",
    ),
]


def _problems(replacements: Replacements) -> dict[str, str]:
    data, _ = read_yaml(spec_with(*replacements), "spec")
    return {p.path: p.message for p in rules.problems(Spec.model_validate(data))}


@pytest.mark.parametrize(
    ("replacements", "path", "message"),
    NAMES + NETWORK + NODES + ADDRESSES + ENTRIES + TIMING + FENCES + METRICS,
)
def test_a_contradiction_is_one_sentence_at_its_path(
    replacements: Replacements, path: str, message: str
) -> None:
    """Each contradiction is found alone, where it is, with the way out."""
    assert _problems(replacements) == {path: message}


ALLOWED: list[Replacements] = [
    (),
    (fence("kind: none"),),
    (fence(HTTPS),),
    (fence(f"{HTTPS}, cert_file: /c, key_file: /k"),),
    (fence(f"{HTTPS}, timeout: 300ms, user: natgate, password_env: P"),),
    (fence(LOOPBACK),),
    (fence("kind: etcd, insecure: true, endpoints: ['http://etcd.example:2379']"),),
    (fence("kind: witness, address: 10.10.0.200"),),
    ((KEY, "fence: {kind: witness, address: 10.10.0.200}\nsteering: {kind: lab}"),),
    (("10.10.0.52", "203.0.113.52"),),
    (("[192.168.100.0/24]", "[0.0.0.0/0]"),),
    (("{key_env: NATGATE_KEY}", "{}\nsteering: {kind: lab}"),),
    (("{key_env: NATGATE_KEY}", "{key_file: /etc/natgate/key}"),),
    (("kind: icmp, address: 192.168.100.5", "kind: tcp, port: 80, address: 192.168.100.5"),),
    (
        second("198.51.100.7", "{name: x, sources: [10.10.0.0/29], destinations: [192.0.2.0/24]}"),
        ("  zones", "  address_ranges: [198.51.100.0/24]\n  zones"),
    ),
    (("10.10.0.0/28, 10.10.0.32/28]", "10.10.0.1/32]"),),
    (("sources: [10.10.0.0/28, 10.10.0.32/28]", "sources: [10.10.0.0/29, 10.10.0.8/30]"),),
]


@pytest.mark.parametrize("replacements", ALLOWED)
def test_what_is_no_contradiction_is_allowed(replacements: Replacements) -> None:
    """Nodes outside the network, any client source and any far destination can be written."""
    assert _problems(replacements) == {}


def test_every_contradiction_is_found_in_one_run() -> None:
    """Contradictions of different kinds do not hide each other."""
    found = _problems(
        (
            ("node-c, zone: c", "node-c, zone: x"),
            ("10.10.0.85", "10.10.0.5"),
            ("[192.168.100.0/24]", "[10.10.0.32/27]"),
            ("{key_env:", "{interval: 100ms, key_env:"),
        )
    )
    assert found.keys() == {
        "nodes[1].zone",
        "gateways[0].addresses[0].address",
        "gateways[0].snat[0].destinations[0]",
        "heartbeat.timeout",
    }


def test_a_source_over_adjacent_client_subnets_is_inside_them() -> None:
    """A source may span client subnets, as long as nothing else lies in it."""
    spec = two_zones()
    assert rules.problems(spec) == ()
    text = spec_with(
        ("cidr: 10.10.0.16/28, kind: node", "cidr: 10.10.0.16/28"),
        ("node-a, zone: a, address: 10.10.0.20", "node-a, zone: a, address: 203.0.113.1"),
        ("[10.10.0.0/28, 10.10.0.32/28]", "[10.10.0.0/27]"),
    )
    assert rules.problems(Spec.model_validate(read_yaml(text, "spec")[0])) == ()


def test_routes_and_rules_must_lead_to_the_same_gateway() -> None:
    """A route chooses by destination only: it must not lead hosts to a gateway of others."""
    narrow = (
        second(
            "198.51.100.7", "{name: e, sources: [10.10.0.0/29], destinations: [192.168.100.64/26]}"
        ),
        ("  zones", "  address_ranges: [198.51.100.0/24]\n  zones"),
    )
    assert _problems(narrow) == {
        "gateways[1].snat": "route table clients-a leads 192.168.100.64/26 to gateway second, and "
        "hosts that gateway partner translates for 192.168.100.0/24 would go there too: give both "
        "the same sources, or put the entries into one gateway"
    }
    for same in ("[10.10.0.0/28]", "[10.10.0.0/28, 10.10.0.32/28]"):
        text = narrow[0][1].replace("[10.10.0.0/29]", same)
        assert _problems(((narrow[0][0], text), narrow[1])) == {}


def test_there_are_ids_for_so_many_gateways() -> None:
    """Each gateway's probes need ICMP ids of their own."""
    spec = two_zones()
    (gateway,) = spec.gateways
    count = rules.MAX_GATEWAYS + 1
    raised = Quotas(gateways=count)
    many = spec.model_copy(update={"gateways": (gateway,) * count, "quotas": raised})
    assert "at most 190 gateways" in {p.path: p.message for p in rules.problems(many)}["gateways"]


def test_there_are_ids_for_so_many_checked_addresses() -> None:
    """Each needs an ICMP id below those of translated echoes."""
    spec = two_zones()
    (gateway,) = spec.gateways
    check = AddressCheck(address=IPv4Address("192.168.100.5"))
    health = gateway.health.model_copy(update={"addresses": check})
    addresses = gateway.addresses * (rules.MAX_CHECKED + 1)
    quotas = Quotas(addresses=len(addresses))
    big = gateway.model_copy(update={"addresses": addresses, "health": health})
    many = spec.model_copy(update={"gateways": (big,), "quotas": quotas})
    found = {p.path: p.message for p in rules.problems(many)}
    assert "no more than 1024 addresses" in found["gateways[0].health.addresses"]


def test_a_range_that_is_everything_is_refused() -> None:
    """Were everything inside, nothing would be translated."""
    assert _problems((("ranges: [10.10.0.0/24]", "ranges: [0.0.0.0/0]"),)) == {
        "network.ranges[0]": "0.0.0.0/0 is everything, and nothing would be outside; "
        "name the network's own"
    }


@pytest.mark.parametrize("destination", ["224.0.0.0/4", "127.0.0.0/8"])
def test_a_destination_that_is_not_routed_is_refused(destination: str) -> None:
    """Multicast and loopback never cross a node."""
    found = _problems((("192.168.100.0/24", destination),))
    assert found == {
        "gateways[0].snat[0].destinations[0]": f"{destination} is not routed, so no packet to it "
        "crosses a node"
    }
