"""Changes print as exactly what will be run."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from natgate.model.change import (
    AddBlackhole,
    AddChain,
    AddDetour,
    AddElements,
    AddLookup,
    AddObject,
    AddRule,
    AddTable,
    AddTimeout,
    Change,
    ChangeTable,
    Delete,
    DeleteElements,
    DeleteTable,
    Flush,
    RemoveBlackhole,
    RemoveDetour,
    RemoveGuard,
    RemoveTunnel,
    SetGuard,
    SetSysctl,
    SetTunnel,
    TableStep,
)
from natgate.model.desired import Detour, Guard, Tunnel
from natgate.model.table import Chain, Hook, Lookup, Rule, Timeout

PREFIX = IPv4Network("10.0.0.0/24")
HOOKED = Chain(name="post", hook=Hook(type="nat", hook="postrouting", priority=100))

STEPS: list[tuple[TableStep, str]] = [
    (AddTable(), "add table ip natgate"),
    (AddTable(owned=True), "add table ip natgate # flags owner, persist"),
    (DeleteTable(), "delete table ip natgate"),
    (AddObject(kind="counter", name="n"), "add counter ip natgate n"),
    (
        AddTimeout(
            timeout=Timeout(name="t", protocol="udp", policy={"unreplied": 2, "replied": 9})
        ),
        "add ct timeout ip natgate t "
        "{ protocol udp; l3proto ip; policy = { unreplied : 2, replied : 9 }; }",
    ),
    (
        AddLookup(lookup=Lookup(name="s", type="ipv4_addr")),
        "add set ip natgate s { type ipv4_addr; }",
    ),
    (
        AddLookup(lookup=Lookup(name="m", type="ipv4_addr : verdict", interval=True)),
        "add map ip natgate m { type ipv4_addr : verdict; flags interval; }",
    ),
    (AddChain(chain=Chain(name="c")), "add chain ip natgate c"),
    (
        AddChain(chain=HOOKED),
        "add chain ip natgate post { type nat hook postrouting priority 100; policy accept; }",
    ),
    (Flush(kind="chain", name="c"), "flush chain ip natgate c"),
    (AddRule(chain="c", rule=Rule(text="drop")), "add rule ip natgate c drop"),
    (
        AddRule(chain="c", rule=Rule(text="drop", comment="why")),
        'add rule ip natgate c drop comment "why"',
    ),
    (
        AddElements(lookup="m", elements=(("10.0.0.1", "jump c"), ("10.0.0.2", ""))),
        "add element ip natgate m { 10.0.0.1 : jump c, 10.0.0.2 }",
    ),
    (DeleteElements(lookup="m", keys=("a", "b")), "delete element ip natgate m { a, b }"),
    (Delete(kind="map", name="m"), "delete map ip natgate m"),
]

CHANGES: list[tuple[Change, str]] = [
    (
        ChangeTable(steps=(AddTable(), DeleteTable())),
        "add table ip natgate\ndelete table ip natgate",
    ),
    (
        SetSysctl(key="net/ipv4/ip_forward", value="1", previous="0"),
        "sysctl -w net/ipv4/ip_forward=1",
    ),
    (
        SetGuard(link="eth0", guard=Guard(inside=(PREFIX,), internal=())),
        "tc filter replace dev eth0 egress: from 10.0.0.0/24 only to nowhere",
    ),
    (
        SetGuard(link="eth0", guard=Guard(inside=(), internal=(PREFIX,))),
        "tc filter replace dev eth0 egress: from nothing only to 10.0.0.0/24",
    ),
    (RemoveGuard(link="eth0"), "tc filter del dev eth0 egress pref 1 handle 0x4e47 bpf"),
    (AddBlackhole(prefix=PREFIX), "ip route replace blackhole 10.0.0.0/24 proto 78"),
    (RemoveBlackhole(prefix=PREFIX), "ip route del blackhole 10.0.0.0/24 proto 78"),
]


@pytest.mark.parametrize(("step", "text"), STEPS)
def test_a_step_prints_as_nft_reads_it(step: TableStep, text: str) -> None:
    """Each step of a transaction is a line of an nft script."""
    assert str(step) == text


@pytest.mark.parametrize(("change", "text"), CHANGES)
def test_a_change_prints_as_the_command_that_does_the_same(change: Change, text: str) -> None:
    """A plan can be read, and its lines can be run."""
    assert str(change) == text


def test_the_hand_over_prints_as_what_is_run() -> None:
    """A tunnel, and the rule behind which a route leads to the peer."""
    peer = IPv4Address("10.0.0.2")
    tunnel = SetTunnel(tunnel=Tunnel(local=IPv4Address("10.0.0.1"), port=4789))
    assert str(tunnel) == (
        "ip link add ng-vx type vxlan id 20039 local 10.0.0.1 dstport 4789 nolearning"
    )
    assert str(RemoveTunnel()) == "ip link del ng-vx"
    detour = Detour(mark=0x10, peer=peer, tunnelled=True)
    assert str(AddDetour(detour=detour)) == (
        "ip rule add fwmark 0x10 lookup 16 # to 10.0.0.2 by ng-vx"
    )
    other = Detour(mark=0x10, peer=peer, tunnelled=False)
    assert str(AddDetour(detour=other)).endswith("by the default route")
    assert str(RemoveDetour(detour=detour)) == "ip rule del fwmark 0x10 lookup 16"


def test_a_map_of_echo_ids_is_declared_by_what_it_is_of() -> None:
    """Nft lists its keys as integers, and takes no such name."""
    lookup = Lookup(name="ids", type="integer : verdict", interval=True)
    assert str(AddLookup(lookup=lookup)) == (
        "add map ip natgate ids { typeof icmp id : verdict; flags interval; }"
    )


def test_a_set_that_the_rules_fill_has_room_for_many_hosts() -> None:
    """The kernel takes away those that have no flow any more."""
    made = AddLookup(lookup=Lookup(name="c", type="ipv4_addr", dynamic=True))
    assert str(made) == ("add set ip natgate c { type ipv4_addr; size 1048576; flags dynamic; }")
