"""Limits of addresses as rules."""

from natgate.model.roles import Roles
from natgate.model.table import Table
from natgate.plan.compile import NodeFacts, compile_node
from natgate.wire.config import parse_spec
from tests.gateways import every_entry
from tests.specs import divided_zones, spec_with

LIMITED = ("address: 10.10.0.85", "address: 10.10.0.85, bandwidth: 10Mbit/s")


def limits(table: Table) -> dict[str, list[str]]:
    """The chains of limits, with their rules."""
    return {
        name: [str(rule) for rule in chain.rules]
        for name, chain in table.chains.items()
        if name.startswith("limit")
    }


def test_a_node_without_limits_has_no_rule_for_them() -> None:
    """Only a spec with a limit pays for it."""
    table = compile_node(every_entry(), NodeFacts(name="node-a", links=())).table
    assert limits(table) == {}
    assert not [name for name in table.lookups if name.startswith("limit")]


def test_each_direction_of_an_address_has_its_limit() -> None:
    """What arrives is looked up before translation, what leaves after it; bytes, not bits."""
    table = compile_node(parse_spec(spec_with(LIMITED)), NodeFacts(name="node-a", links=())).table
    over = "limit rate over 1250000 bytes/second burst 131072 bytes counter drop comment"
    assert limits(table) == {
        "limit-in": ['ip daddr vmap @limit-in comment "addresses with a limit"'],
        "limit-in.10.10.0.85": [f'{over} "over_bandwidth 10.10.0.85 in"'],
        "limit-out": ['ip saddr vmap @limit-out comment "addresses with a limit"'],
        "limit-out.10.10.0.85": [f'{over} "over_bandwidth 10.10.0.85 out"'],
    }
    assert {way: dict(table.lookups[f"limit-{way}"].elements) for way in ("in", "out")} == {
        way: {"10.10.0.85": f"goto limit-{way}.10.10.0.85"} for way in ("in", "out")
    }
    hooks = [table.chains[name].hook for name in ("limit-in", "limit-out")]
    assert [(hook.hook, hook.priority) for hook in hooks if hook] == [
        ("prerouting", -110),
        ("postrouting", 110),
    ]


def divided(node: str, *handing: str) -> list[str]:
    """The rules of what arrives at one node of an active-active gateway."""
    roles = Roles(handing_out=frozenset(f"partner@{name}" for name in handing))
    facts = NodeFacts(name=node, links=(), roles=roles)
    held = limits(compile_node(divided_zones(LIMITED), facts).table)
    return [rule.split(" burst")[0] for name in held if "-in" in name for rule in held[name]]


def test_each_node_of_an_active_active_gateway_has_its_part() -> None:
    """As much as of the ports; what it leads to another node does not count here."""
    half = "limit rate over 624990 bytes/second"
    first, _, rate = divided("node-a", "node-a")
    assert first == 'ct state untracked return comment "handed over"'
    assert rate == half
    assert divided("node-a")[-1] == half
    assert divided("node-a", "node-a", "node-c")[-1] == "limit rate over 1250000 bytes/second"
