"""What is said to FRR's bgpd, and what its answers mean."""

import json
from ipaddress import IPv4Address, IPv4Network

import pytest

from natgate.model.error import HostError
from natgate.wire import frr
from natgate.wire.frr import LAST, RANKS, STAND_IN, UNFIT, Claim, Made, Path, Verdict

A, B = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
ROUTER, OTHER_ROUTER = IPv4Address("10.0.0.254"), IPv4Address("10.0.0.253")
PREFIX = IPv4Network("10.10.0.80/28")
SYSTEM = 65010

RUNNING = """\
frr version 8.4.4
frr defaults traditional
!
router bgp 65010
 bgp router-id 10.0.0.1
 neighbor 10.0.0.254 remote-as 65000
 !
 address-family ipv4 unicast
  network 10.10.0.80/28 route-map natgate-999999999
  network 192.0.2.0/24
  network 198.51.100.0/24 route-map mine
 exit-address-family
 !
 address-family ipv6 unicast
  network 2001:db8::/32 route-map natgate-5
 exit-address-family
exit
!
router bgp 65010 vrf blue
 address-family ipv4 unicast
  network 203.0.113.0/24 route-map natgate-999999999
 exit-address-family
exit
!
route-map mine permit 10
exit
!
route-map natgate-999999999 permit 10
 set metric 999999999
exit
"""


def told(peer: str, community: str | None, *, sourced: bool = False) -> dict[str, object]:
    """A path as bgpd tells it."""
    path: dict[str, object] = {"aspath": {"string": "65000 65010"}, "peer": {"peerId": peer}}
    if community is not None:
        path["largeCommunity"] = {"string": community}
    return {**path, "sourced": True} if sourced else path


def claim(node: IPv4Address, med: int, router: IPv4Address | None = ROUTER) -> Path:
    """A path that carries a claim."""
    return Path(router=router, claim=Claim(node=node, med=med), text="")


def test_a_claim_is_one_route_map_and_a_statement_for_each_prefix() -> None:
    """The MED and the community say the same, and only named prefixes are touched."""
    made = frr.announce(SYSTEM, Claim(node=A, med=999), [PREFIX])
    assert made == [
        "configure terminal",
        "route-map natgate-999 permit 10",
        "set metric 999",
        "set large-community 65010:999:167772161",
        "exit",
        "router bgp 65010",
        "address-family ipv4 unicast",
        "network 10.10.0.80/28 route-map natgate-999",
    ]


def test_statements_go_before_their_route_maps() -> None:
    """A statement whose map is gone would announce without a MED."""
    assert frr.withdraw(SYSTEM, [PREFIX], ["natgate-999"])[-4:] == [
        "no network 10.10.0.80/28",
        "exit",
        "exit",
        "no route-map natgate-999",
    ]


def test_a_prefix_is_shown_by_its_own_command() -> None:
    """The whole table may be that of the internet."""
    assert frr.show(PREFIX) == "show bgp ipv4 unicast 10.10.0.80/28 json"


def test_a_reply_ends_with_its_code() -> None:
    """Text that is still on its way is no reply."""
    assert frr.request("enable") == b"enable\0"
    assert frr.parse_reply(b"") is None
    assert frr.parse_reply(b"half") is None
    assert frr.parse_reply(b"text\n\0\0\0\x00") == ("text\n", 0)
    assert frr.parse_reply(b"\0\0\0\x02") == ("", 2)


def test_only_what_natgate_made_is_taken_for_its_own() -> None:
    """Statements of others, of other instances and of other families are not."""
    made = frr.parse_running(RUNNING)
    assert made == Made(
        networks={PREFIX: "natgate-999999999"},
        maps=frozenset({"natgate-999999999"}),
        foreign=frozenset({IPv4Network("192.0.2.0/24"), IPv4Network("198.51.100.0/24")}),
    )


def test_a_summary_tells_which_sessions_are_up() -> None:
    """Neighbours by link or by IPv6 are none of ours; a session that is down has no age."""
    peers = {
        "10.0.0.254": {"state": "Established", "peerUptimeMsec": 2500},
        "10.0.0.253": {"state": "Active", "peerUptimeMsec": 0},
        "2001:db8::1": {"state": "Established", "peerUptimeMsec": 1},
        "eth0": {"state": "Established", "peerUptimeMsec": 1},
    }
    summary = frr.parse_summary(json.dumps({"as": SYSTEM, "peers": peers}))
    assert summary.autonomous_system == SYSTEM
    assert summary.sessions == {ROUTER: 2.5, OTHER_ROUTER: None}


@pytest.mark.parametrize("text", ["{}", "[]", '{"warning": "Default BGP instance not found"}'])
def test_a_bgpd_without_an_instance_is_named(text: str) -> None:
    """Nothing can be announced there."""
    with pytest.raises(HostError, match="no router bgp statement"):
        frr.parse_summary(text)


def test_an_answer_that_is_no_json_is_shown() -> None:
    """The operator sees what bgpd said."""
    with pytest.raises(HostError, match="answered '% Unknown command' instead of JSON"):
        frr.parse_paths("% Unknown command\nmore", SYSTEM)


def test_paths_are_told_with_their_claims() -> None:
    """A claim counts only from nodes of the same AS; a path without one is named by its AS path."""
    paths = [
        told("10.0.0.254", "65010:999:167772162"),
        told("10.0.0.253", "65099:1:1 65010:2000000001:167772161"),
        told("10.0.0.253", "65099:1:1"),
        told("10.0.0.253", None),
        told("0.0.0.0", "65010:1001:167772161", sourced=True),
        {**told("0.0.0.0", "65010:1000:167772161", sourced=True), "valid": True},
    ]
    found = frr.parse_paths(json.dumps({"paths": paths}), SYSTEM)
    assert [(path.router, path.claim) for path in found] == [
        (ROUTER, Claim(node=B, med=999)),
        (OTHER_ROUTER, Claim(node=A, med=STAND_IN + 1)),
        (OTHER_ROUTER, None),
        (OTHER_ROUTER, None),
        (None, Claim(node=A, med=1000)),
    ]
    assert found[2].text == "a path of another origin (AS path 65000 65010)"
    assert frr.parse_paths("{}", SYSTEM) == ()


def test_no_aspath_is_no_mistake() -> None:
    """An internal path has none."""
    path = {"peer": {"peerId": "10.0.0.254"}}
    (found,) = frr.parse_paths(json.dumps({"paths": [path]}), SYSTEM)
    assert found.text == "a path of another origin (AS path none)"


@pytest.mark.parametrize(
    ("med", "rank", "active"),
    [
        (RANKS - 1, RANKS - 1, True),
        (UNFIT + 7, 7, False),
        (STAND_IN, None, False),
        (LAST, None, False),
    ],
)
def test_a_med_says_what_a_claim_is_worth(med: int, rank: int | None, *, active: bool) -> None:
    """Active, active but unfit, standing in, and last choice are apart, and in this order."""
    found = Claim(node=A, med=med)
    assert (found.rank, found.active) == (rank, active)
    assert RANKS < STAND_IN < UNFIT < LAST < 2**32 - 1000


@pytest.mark.parametrize(
    ("paths", "holder"),
    [
        ([], None),
        ([claim(B, 5)], B),
        ([claim(B, STAND_IN)], None),
        ([claim(B, UNFIT + 5)], B),
        ([claim(A, 9, None)], A),
        ([claim(A, STAND_IN, None)], None),
        ([claim(A, 9, None), claim(B, 8)], B),
        ([claim(A, 8, None), claim(B, 9)], B),
        ([claim(A, 8, None), claim(A, 8)], A),
        ([claim(A, 9, None), claim(B, 8, OTHER_ROUTER)], A),
        ([claim(A, 9, None), Path(router=ROUTER, claim=None, text="foreign")], "foreign"),
    ],
)
def test_the_routers_word_decides(paths: list[Path], holder: IPv4Address | str | None) -> None:
    """What a router tells counts more than what this bgpd announces; other neighbours do not."""
    assert frr.verdict(paths, [ROUTER]).holder == holder


def test_the_best_of_several_routers_counts() -> None:
    """While routers disagree, the lowest MED is what they will agree on."""
    found = frr.verdict([claim(A, 9), claim(B, 8, OTHER_ROUTER)], [ROUTER, OTHER_ROUTER])
    assert (found.holder, found.own) == (B, None)


def verdict(own: int | None, told_by: tuple[IPv4Address, int] | None = None) -> Verdict:
    """Node A's claim, and what the routers tell."""
    return Verdict(
        holder=None,
        own=None if own is None else Claim(node=A, med=own),
        told=None if told_by is None else Claim(node=told_by[0], med=told_by[1]),
    )


@pytest.mark.parametrize(
    ("seen", "fit", "med"),
    [
        (verdict(None), True, STAND_IN + 1),
        (verdict(None), False, LAST + 1),
        (verdict(STAND_IN + 1), True, STAND_IN + 1),
        (verdict(STAND_IN + 1), False, LAST + 1),
        (verdict(7), True, 7),
        (verdict(7), False, UNFIT + 7),
        (verdict(7, (A, 7)), True, 7),
        (verdict(UNFIT + 7), True, 7),
        (verdict(UNFIT + 7), False, UNFIT + 7),
        (verdict(7, (B, 6)), True, STAND_IN + 1),
        (verdict(7, (B, 7)), True, STAND_IN + 1),
        (verdict(7, (B, 8)), True, 7),
        (verdict(7, (B, 6)), False, LAST + 1),
        (verdict(UNFIT + 7, (B, STAND_IN)), True, STAND_IN + 1),
        (verdict(UNFIT + 7, (B, STAND_IN)), False, LAST + 1),
        (verdict(LAST + 1), True, STAND_IN + 1),
    ],
)
def test_a_node_keeps_its_rank_until_it_is_relieved(seen: Verdict, fit: bool, med: int) -> None:  # noqa: FBT001 (a table)
    """Unfit, it is used only where nobody else can be; relieved, it waits like any other."""
    assert frr.place(seen, A, 1, fit=fit) == med


def test_a_take_over_goes_below_all_that_was_seen() -> None:
    """Also below an unfit node's rank and what natgate left in the configuration."""
    nothing = Made(networks={}, maps=frozenset(), foreign=frozenset())
    assert frr.lowest_med([], nothing, RANKS) == RANKS
    assert frr.lowest_med([verdict(STAND_IN)], nothing, 50) == 50
    assert frr.lowest_med([verdict(7, (B, UNFIT + 6))], nothing, RANKS) == 6
    left = Made(networks={}, maps=frozenset({"natgate-5", "natgate-x"}), foreign=frozenset())
    assert frr.lowest_med([verdict(7)], left, RANKS) == 5


def test_a_node_without_settled_sessions_cannot_carry() -> None:
    """Every session to a router must be up, and long enough to have told its routes."""
    routers = [ROUTER, OTHER_ROUTER]
    assert frr.illness({ROUTER: 2.0}, routers, 2.0) is None
    assert frr.illness({}, routers, 2.0) == (
        "none of steering.routers (10.0.0.254, 10.0.0.253) is a neighbour of this bgpd"
    )
    ages = {ROUTER: 9.0, OTHER_ROUTER: None}
    assert frr.illness(ages, routers, 2.0) == "the BGP session to 10.0.0.253 is down"
    young = frr.illness({ROUTER: 1.0}, routers, 2.0)
    assert young == "the BGP session to 10.0.0.254 is up, but has not told all its routes yet"
