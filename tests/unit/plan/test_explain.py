"""Changes and entries in sentences."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from natgate.model.change import (
    AddBlackhole,
    AddDetour,
    AddElements,
    AddRule,
    AddTable,
    Change,
    ChangeTable,
    DeleteTable,
    RemoveBlackhole,
    RemoveDetour,
    RemoveGuard,
    RemoveTunnel,
    SetGuard,
    SetSysctl,
    SetTunnel,
)
from natgate.model.desired import Detour, Guard, Tunnel
from natgate.model.observed import Observed
from natgate.model.table import Rule
from natgate.plan.compile import NodeFacts, compile_node
from natgate.plan.diff import diff
from natgate.plan.explain import as_json, blocks, entries, notes, reason
from natgate.wire.config import parse_spec
from tests.gateways import every_entry
from tests.specs import replaced, spec_with, two_zones

PREFIX = IPv4Network("192.0.2.1/32")
RULE = AddRule(chain="c", rule=Rule(text="drop", comment="g/e"))
NODE = IPv4Address("192.0.2.9")
DETOUR = Detour(mark=7, peer=NODE, tunnelled=True)
BARE = AddRule(chain="c", rule=Rule(text="drop"))


def sysctl(key: str, previous: str | None = "0") -> SetSysctl:
    """A setting that is to be made."""
    return SetSysctl(key=key, value="1", previous=previous)


REASONS: list[tuple[Change, str]] = [
    (
        sysctl("net/ipv4/ip_forward"),
        "a gateway forwards; set last, when rules and guard are in place (now 0)",
    ),
    (
        sysctl("net/ipv4/conf/eth0/send_redirects", None),
        "packets turn round on one link; redirects would lead clients past the node (now absent)",
    ),
    (
        SetGuard(link="eth0", guard=Guard(inside=(), internal=())),
        "nothing from inside may leave untranslated, whatever happens to the rules",
    ),
    (RemoveGuard(link="eth0"), "this link needs no guard"),
    (AddBlackhole(prefix=PREFIX), "a packet to a fixed address that belongs to no flow ends here"),
    (RemoveBlackhole(prefix=PREFIX), "no longer a fixed address of this node"),
    (
        SetTunnel(tunnel=Tunnel(local=NODE, port=4789)),
        "returns that belong to another node go there through it",
    ),
    (RemoveTunnel(), "nothing is handed over any more"),
    (
        AddDetour(detour=DETOUR),
        "a return whose port another node has given out is led to that node",
    ),
    (RemoveDetour(detour=DETOUR), "nothing is handed to that node any more"),
    (
        ChangeTable(steps=(DeleteTable(), AddTable())),
        "the table has to be made anew to wake it or to change its owner; the guard drops meanwhile",
    ),
    (ChangeTable(steps=(DeleteTable(),)), "the table and all in it are natgate's"),
    (
        ChangeTable(steps=(AddTable(), RULE)),
        "there is no table yet; all of it comes into force at once",
    ),
    (
        ChangeTable(steps=(RULE, RULE, BARE)),
        "rules differ: g/e; all steps come into force at once",
    ),
    (
        ChangeTable(steps=(AddElements(lookup="x", elements=()),)),
        "elements differ; all steps come into force at once",
    ),
]


@pytest.mark.parametrize(("change", "text"), REASONS)
def test_every_change_has_its_reason(change: Change, text: str) -> None:
    """Who reads a plan learns why each change is needed."""
    assert reason(change) == text


def test_removing_has_reasons_of_its_own() -> None:
    """What is taken away is natgate's; a setting becomes what it was."""
    assert reason(AddBlackhole(prefix=PREFIX), removing=True) == "natgate made it"
    assert reason(sysctl("x"), removing=True) == "as it was before natgate"


def test_a_plan_is_told_to_machines_with_what_is_run() -> None:
    """Each change has its kind, the command that does the same, and the reason."""
    desired = compile_node(two_zones(), NodeFacts(name="node-a", links=("eth0",)))
    changes = diff(desired, Observed())
    told = as_json(changes)
    assert [item["kind"] for item in told] == [type(change).__name__ for change in changes]
    assert [item["run"] for item in told] == [str(change) for change in changes]
    assert all(item["reason"] for item in told)
    assert as_json(changes[:1], removing=True)[0]["reason"] == "natgate made it"


def test_what_natgate_cannot_set_is_noted() -> None:
    """Clouds check source and destination, and a path without check is blind."""
    assert [text.split(" ")[0] for text in notes(two_zones())] == ["switch"]
    alone = spec_with(
        ("  - {name: node-c, zone: c, address: 10.10.0.52}\n", ""),
        ("    health:\n      upstream:\n        - {kind: icmp, address: 192.168.100.5}\n", ""),
    )
    assert notes(parse_spec(alone)) == (
        "partner has no upstream check: a dead path beyond a node goes unnoticed",
        "partner is single-zone: it is lost with zone a; give it nodes of other zones if it is to "
        "outlive that",
    )
    one_zone = replaced(alone, ("zones: [a, c]", "zones: [a]"), ("zone: c", "zone: a"))
    assert len(notes(parse_spec(one_zone))) == 1, "there is no other zone"
    steered = parse_spec(alone + "steering: {kind: lab}\n")
    assert "source/destination check of every node's interface (node-a)" in notes(steered)[0]


def test_entries_are_listed_with_their_flows() -> None:
    """Each entry has its sources, destinations, addresses, and the flows it has translated."""
    assert entries(two_zones(), {"partner/to-partner": 7}) == [
        {
            "gateway": "partner",
            "kind": "snat",
            "entry": "to-partner",
            "applies_to": "everything",
            "sources": ["10.10.0.0/28", "10.10.0.32/28"],
            "destinations": ["192.168.100.0/24"],
            "addresses": ["10.10.0.85"],
            "flows_started": 7,
        }
    ]
    everywhere = parse_spec(spec_with(("        destinations: [192.168.100.0/24]\n", "")))
    (entry,) = entries(everywhere, {})
    assert (entry["destinations"], entry["flows_started"]) == (["everywhere"], 0)


def test_every_kind_of_entry_says_what_it_applies_to() -> None:
    """In the order in which a host's packet meets them, with what a withdrawn address is."""
    spec = every_entry(("{address: 203.0.113.2}", "{address: 203.0.113.2, withdrawn: true}"))
    shown = {
        entry["entry"]: (entry["kind"], entry["applies_to"], entry["destinations"])
        for entry in entries(spec, {})
    }
    assert list(shown) == ["one", "http", "range", "high", "few", "every", "all", "subnet", "host",
                           "mail", "icmp", "near"]  # fmt: skip
    assert shown["one"] == ("own", "everything, both ways", ["everywhere"])
    assert shown["http"] == ("dnat", "tcp 80", ["10.10.0.6:8080"])
    assert shown["range"] == ("dnat", "tcp/udp 10/20", ["10.10.0.6:110/120"])
    assert shown["high"] == ("dnat", "udp 5000", ["10.10.0.7:5000"])
    assert shown["every"] == ("dnat", "everything, both ways", ["10.10.0.7"])
    assert shown["mail"] == ("snat", "tcp 25, 465/587", ["everywhere"])
    assert shown["icmp"] == ("snat", "icmp", ["everywhere"])
    addresses = {entry["entry"]: entry["addresses"] for entry in entries(spec, {})}
    assert addresses["subnet"] == ["203.0.113.2 (withdrawn)"]


def test_blocks_are_listed_with_their_hosts() -> None:
    """Address, ports and entry of each host that has ports for itself."""
    old = "subnets: [clients-b], addresses: [203.0.113.2]"
    new = "hosts: [10.10.0.33], addresses: [203.0.113.2], block_size: 512"
    others = ("addresses: [203.0.113.2], ports", "addresses: [203.0.113.1], ports")
    assert blocks(every_entry((old, new), others)) == [
        {
            "host": "10.10.0.33",
            "address": "203.0.113.2",
            "first": 1025,
            "last": 1536,
            "entry": "web/subnet",
        }
    ]
    assert blocks(every_entry()) == []
