"""Specs of deployments on AWS: two zones, two gateways, three zones, an elastic address."""

from natgate.model.spec import Spec
from natgate.wire.cloudformation_setup import Deployment, deployment
from natgate.wire.config import parse_spec

from .specs import replaced, spec_with

STEERING = "steering: {kind: aws, region: ap-northeast-1, tables: {edge: rtb-0123456789abcdef0}}"
KEY = ("heartbeat: {key_env: NATGATE_KEY}", "heartbeat: {key_file: /etc/natgate/key}")

TWO_ZONES = spec_with(("heartbeat:", f"{STEERING}\nheartbeat:"), KEY)

TWO_GATEWAYS = replaced(
    TWO_ZONES,
    (
        "kind: address}\n",
        "kind: address}\n    - {name: fixed-b, cidr: 10.10.0.112/28, kind: address}\n",
    ),
    (
        STEERING,
        f"""\
  - name: other
    addresses: [{{address: 10.10.0.113}}]
    snat: [{{name: to-other, sources: [10.10.0.0/28], destinations: [198.51.100.0/24]}}]
    nodes: [node-c, node-a]
    health: {{upstream: [{{kind: icmp, address: 198.51.100.1}}]}}
{STEERING}""",
    ),
)

THREE_ZONES = replaced(
    TWO_ZONES,
    ("zones: [a, c]", "zones: [a, c, d]"),
    (
        "    - {name: fixed,",
        "    - {name: clients-d, zone: d, cidr: 10.10.0.128/28}\n"
        "    - {name: nodes-d, zone: d, cidr: 10.10.0.144/28, kind: node}\n"
        "    - {name: fixed,",
    ),
    ("gateways:", "  - {name: node-d, zone: d, address: 10.10.0.148}\ngateways:"),
    ("10.10.0.32/28]\n        dest", "10.10.0.32/28, 10.10.0.128/28]\n        dest"),
    ("heartbeat:", "replication: {kind: none}\nheartbeat:"),
)

ELASTIC = replaced(
    TWO_ZONES,
    (
        STEERING,
        f"""\
  - name: outside
    nodes: [node-a]
    addresses: [{{address: 10.10.0.21}}]
    snat: [{{name: to-all, sources: [10.10.0.0/28], destinations: [203.0.113.0/24]}}]
    health: {{upstream: [{{kind: icmp, address: 203.0.113.1}}]}}
{STEERING.removesuffix("}")}, elastic: {{192.0.2.7: 10.10.0.21}}}}""",
    ),
)

ALL = {
    "two-zones": TWO_ZONES,
    "two-gateways": TWO_GATEWAYS,
    "three-zones": THREE_ZONES,
    "elastic": ELASTIC,
}


def planned(text: str = TWO_ZONES) -> Deployment:
    """The deployment of a spec's text."""
    return deployment(parse_spec(text))


def specs() -> dict[str, Spec]:
    """Every one of them by its name."""
    return {name: parse_spec(text) for name, text in ALL.items()}
