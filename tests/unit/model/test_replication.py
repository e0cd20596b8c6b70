"""Contradictions in how flows are replicated."""

import pytest

from natgate.model import rules
from natgate.model.replication import replication_problems
from natgate.model.spec import Spec
from natgate.wire.config import read_yaml
from tests.specs import spec_with, two_zones

A = "address: 10.10.0.20}"
C = "address: 10.10.0.52}"


def problems(*replacements: tuple[str, str]) -> dict[str, str]:
    """What is wrong with the spec of two zones, by path."""
    spec = Spec.model_validate(read_yaml(spec_with(*replacements), "spec")[0])
    return {problem.path: problem.message for problem in replication_problems(spec)}


def sync(node: str, address: str) -> tuple[str, str]:
    """A dedicated address for the node that has `node`."""
    return node, f"{node[:-1]}, sync_address: {address}}}"


def replication(text: str) -> tuple[str, str]:
    """A replication section."""
    return "heartbeat:", f"replication: {{{text}}}\nheartbeat:"


def test_nodes_need_no_addresses_for_it() -> None:
    """Each then uses its own, and a port that nothing else has."""
    assert problems() == {}
    assert two_zones().node("node-a").sync == two_zones().node("node-a").address


@pytest.mark.parametrize("address", ["10.10.0.21", "192.0.2.1"])
def test_a_dedicated_address_lies_beside_the_node_or_in_a_network_of_its_own(address: str) -> None:
    """Either may be a link of its own."""
    assert problems(sync(A, address), sync(C, "10.10.0.53")) == {}


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("10.10.0.20", "nodes[0].address"),
        ("10.10.0.85", "gateways[0].addresses[0].address"),
        ("10.10.0.53", "nodes[0].sync_address"),
    ],
)
def test_an_address_has_one_use(address: str, where: str) -> None:
    """Else flows would reach the wrong node, or none."""
    found = problems(sync(A, "10.10.0.53"), sync(C, address))
    assert found["nodes[1].sync_address"] == (
        f"{address} is already at {where}; give a free one, or leave it out"
    )


@pytest.mark.parametrize(
    ("address", "subnet"),
    [("10.10.0.3", "client subnet clients-a"), ("10.10.0.90", "address subnet fixed")],
)
def test_it_does_not_lie_where_clients_or_fixed_addresses_are(address: str, subnet: str) -> None:
    """Their traffic is led through a gateway, and flow replication is not."""
    assert problems(sync(A, address))["nodes[0].sync_address"].startswith(
        f"{address} lies in {subnet};"
    )


@pytest.mark.parametrize("port", [4646, 4647, 4648, 4789])
def test_its_port_is_nobody_elses(port: int) -> None:
    """Heartbeats and probes use three, the tunnel of active-active gateways one."""
    found = problems(replication(f"port: {port}"))
    assert found["replication.port"].startswith(f"{port} is taken by ")
    assert problems(replication(f"port: {port}, kind: none")) == {}


def test_a_single_node_replicates_nothing() -> None:
    """What is said about it does not matter."""
    alone = f"  - {{name: node-c, zone: c, {C}\n", ""
    assert problems(alone, replication("port: 4646")) == {}


def test_the_rules_of_a_spec_hold_it_to_them() -> None:
    """Together with everything else that is wrong."""
    spec = Spec.model_validate(read_yaml(spec_with(replication("port: 4646")), "spec")[0])
    assert [problem.path for problem in rules.problems(spec)] == ["replication.port"]
