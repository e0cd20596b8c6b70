"""Specs for tests: the one of source 000, and any valid one (hypothesis)."""

from ipaddress import IPv4Network
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from natgate.model import rules
from natgate.model.spec import Spec
from natgate.wire.config import parse_spec

TWO_ZONES = """\
apiVersion: natgate/v1
network:
  name: main
  ranges: [10.10.0.0/24]
  zones: [a, c]
  subnets:
    - {name: clients-a, zone: a, cidr: 10.10.0.0/28}
    - {name: nodes-a, zone: a, cidr: 10.10.0.16/28, kind: node}
    - {name: clients-c, zone: c, cidr: 10.10.0.32/28}
    - {name: nodes-c, zone: c, cidr: 10.10.0.48/28, kind: node}
    - {name: fixed, cidr: 10.10.0.80/28, kind: address}
nodes:
  - {name: node-a, zone: a, address: 10.10.0.20}
  - {name: node-c, zone: c, address: 10.10.0.52}
gateways:
  - name: partner
    addresses:
      - {address: 10.10.0.85}
    snat:
      - name: to-partner
        sources: [10.10.0.0/28, 10.10.0.32/28]
        destinations: [192.168.100.0/24]
    health:
      upstream:
        - {kind: icmp, address: 192.168.100.5}
heartbeat: {key_env: NATGATE_KEY}
"""

Document = dict[str, Any]
"""A spec as YAML reads it."""

FENCES: list[Document] = [
    {"kind": "none"},
    {
        "kind": "etcd",
        "endpoints": ("https://10.0.0.5:2379", "https://e.example:1"),
        "ca_file": "ca",
    },
    {"kind": "witness", "address": "203.0.113.9", "timeout": "50ms"},
]

TIMEOUTS: list[Document] = [{}, {"tcp": "10s", "udp": "2s"}, {"tcp": "5m"}, {"udp": "120s"}]


def two_zones() -> Spec:
    """Source 000: two zones, one fixed address."""
    return parse_spec(TWO_ZONES)


def spec_with(*replacements: tuple[str, str]) -> str:
    """The text of source 000's spec with pieces replaced; each must occur."""
    return replaced(TWO_ZONES, *replacements)


def replaced(text: str, *replacements: tuple[str, str]) -> str:
    """A text with pieces replaced; each must occur."""
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    return text


def divided_zones(*replacements: tuple[str, str]) -> Spec:
    """The same, active-active: each zone is carried by its own node; pieces may be replaced."""
    mode = ("  - name: partner\n", "  - name: partner\n    mode: active-active\n")
    steering = ("heartbeat:", "steering: {kind: lab}\nheartbeat:")
    return parse_spec(spec_with(mode, steering, *replacements))


@st.composite
def specs(draw: DrawFn) -> Spec:
    """Any valid spec of one to four zones and one to three gateways."""
    document = draw(documents())
    spec = Spec.model_validate(document)
    assume(not rules.problems(spec))  # two gateways may need conflicting ways
    for gateway in document["gateways"]:
        gateway["mode"] = draw(st.sampled_from(["active-standby", "active-active"]))
        divided = Spec.model_validate(document)
        if rules.problems(divided):  # not every node would have a route
            gateway["mode"] = "active-standby"
        else:
            spec = divided
    return spec


@st.composite
def documents(draw: DrawFn) -> Document:
    """The same as plain data."""
    zones = ["a", "b", "c", "d"][: draw(st.integers(1, 4))]
    clients = [subnet for i, zone in enumerate(zones) for subnet in draw(_clients(i, zone))]
    nodes, node_subnets = draw(_nodes(zones))
    count = draw(st.integers(1, 3))
    gateways = [draw(_gateways(g, clients, nodes, alone=count == 1)) for g in range(count)]
    fixed = [
        {"name": f"fixed-{g}", "cidr": f"10.20.{200 + g}.0/28", "kind": "address"}
        for g in range(count)
    ]
    steering: Document = {"kind": draw(st.sampled_from(["none", "lab", "vrrp"]))}
    if steering["kind"] == "vrrp":
        if count > 1 or len(nodes) == 1:
            steering["kind"] = "lab"
        else:
            gateways[0]["nodes"] = []
            steering |= {"interface": "eth0", "router_id": 51, "inside": ["10.20.255.1"]}
    return {
        "apiVersion": "natgate/v1",
        "network": {
            "name": "net",
            "ranges": ["10.20.0.0/16"],
            "address_ranges": ["198.51.100.0/24"],
            "zones": zones,
            "subnets": [*clients, *node_subnets, *fixed],
        },
        "nodes": nodes,
        "gateways": gateways,
        "steering": steering,
        "heartbeat": {"key_env": "NATGATE_KEY", "port": draw(st.integers(1, 65533))},
        "fence": dict(draw(st.sampled_from(FENCES))),
        "handover": {"carrier": draw(st.sampled_from(["vxlan", "route"]))},
        "host": {"ownership": draw(st.sampled_from(["auto", "off"]))},
    }


@st.composite
def _clients(draw: DrawFn, index: int, zone: str) -> list[Document]:
    whole = IPv4Network(f"10.20.{16 * index}.0/24")
    prefixes = list(whole.subnets()) if draw(st.booleans()) else [whole]
    table = draw(st.sampled_from([None, "shared", f"table-{zone}"]))
    return [
        {"name": f"clients-{zone}-{i}", "zone": zone, "cidr": str(prefix), "route_table": table}
        for i, prefix in enumerate(prefixes)
    ]


@st.composite
def _nodes(draw: DrawFn, zones: list[str]) -> tuple[list[Document], list[Document]]:
    nodes: list[Document] = []
    subnets: list[Document] = []
    for index, zone in enumerate(zones):
        base = f"10.20.{16 * index + 8}"
        subnets.append(
            {"name": f"nodes-{zone}", "zone": zone, "cidr": f"{base}.0/28", "kind": "node"}
        )
        count = draw(st.integers(0 if index else 1, 2))
        nodes += [
            {"name": f"node-{zone}{n}", "zone": zone, "address": f"{base}.{n + 4}"}
            for n in range(count)
        ]
    return nodes, subnets


@st.composite
def _gateways(
    draw: DrawFn, g: int, clients: list[Document], nodes: list[Document], *, alone: bool
) -> Document:
    """Destinations of gateways never meet, since a route has one target; one alone may have all."""
    pool = [f"10.20.{200 + g}.{n}" for n in (4, 5, 9)] + [f"198.51.100.{10 * g + 1}"]
    addresses = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3, unique=True))
    names = [node["name"] for node in nodes]
    seen: set[tuple[str, str]] = set()
    snat = []
    for e in range(draw(st.integers(0, 4))):
        entry = draw(_entries(g, clients, addresses, alone=alone))
        where = entry["destinations"] or ["0.0.0.0/0"]
        fresh = [s for s in entry["sources"] if not any((s, d) in seen for d in where)]
        seen |= {(s, d) for s in fresh for d in where}
        if fresh:
            snat.append({**entry, "name": f"entry-{e}", "sources": fresh})
    health = st.sampled_from(
        [
            {},
            {"upstream": [{"kind": "icmp", "address": f"203.0.{110 + g}.1", "interval": "20ms"}]},
            {"upstream": [{"kind": "tcp", "address": f"203.0.{110 + g}.1", "port": 443}]},
            {"addresses": {"address": f"203.0.{110 + g}.1"}},
        ]
    )
    return {
        "name": f"gateway-{g}",
        "nodes": draw(st.lists(st.sampled_from(names), unique=True)),
        "addresses": [
            {"address": address, "bandwidth": draw(st.sampled_from([None, None, "1500kbit/s"]))}
            for address in addresses
        ],
        "snat": snat,
        "health": draw(health),
        "timeouts": dict(draw(st.sampled_from(TIMEOUTS))),
    }


@st.composite
def _entries(
    draw: DrawFn, g: int, clients: list[Document], addresses: list[str], *, alone: bool
) -> Document:
    near = f"10.20.{240 + g}"
    far = f"203.0.{110 + g}"
    pool = [f"{far}.0/24", f"{far}.128/25", f"{far}.20/32", f"192.168.{g}.0/24", f"{near}.0/24"]
    pool += [f"{near}.64/26", *(["0.0.0.0/0"] if alone else [])]
    destinations = st.lists(
        st.sampled_from(pool), min_size=0 if alone else 1, max_size=3, unique=True
    )
    return {
        "sources": draw(st.lists(_sources(clients), min_size=1, max_size=3, unique=True)),
        "destinations": draw(destinations),
        "addresses": draw(st.lists(st.sampled_from(addresses), unique=True)),
    }


@st.composite
def _sources(draw: DrawFn, clients: list[Document]) -> str:
    """A part of a client subnet, its whole, or the prefix around several of them."""
    subnet = IPv4Network(draw(st.sampled_from(clients))["cidr"])
    if subnet.prefixlen > 24 and draw(st.booleans()):
        both = subnet.supernet(new_prefix=24)
        return str(both)
    length = draw(st.integers(subnet.prefixlen, 32))
    offset = draw(st.integers(0, subnet.num_addresses - 1))
    return str(IPv4Network((int(subnet.network_address) + offset, length), strict=False))
