"""FRR's bgpd at its vty: the statements that announce a node, and what its JSON says of a prefix.

A node claims a prefix by announcing it with a MED and with the large community
`AS:MED:NODE` (RFC 8092; the node's IPv4 address as a number), which survives an external session,
where a router takes the MED off. The MED says what the claim is worth; lower wins (RFC 4271, 9.1.2.2).
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any

from natgate.model.error import HostError

RANKS, STAND_IN, UNFIT, LAST = 1_000_000_000, 2_000_000_000, 3_000_000_000, 4_000_000_000
"""MEDs below `RANKS` are those of active nodes, and fall with each take-over. A fit node that waits
adds its place among the gateway's nodes to `STAND_IN`, an unfit one to `LAST`; an active node that
becomes unfit adds its rank to `UNFIT`."""

PREFIX = "natgate-"
"""How the name of each route map that natgate made begins."""

SUMMARY = "show bgp ipv4 unicast summary json"
RUNNING = "show running-config"

_NOBODY = IPv4Address(0)
_END = b"\0\0\0"
_NETWORK = re.compile(r"network (\S+)(?: route-map (\S+))?")
_ROUTE_MAP = re.compile(r"route-map (\S+) (?:permit|deny) \d+")
_INSTANCE = re.compile(r"router bgp \d+")
_FAMILY = "address-family ipv4 unicast"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a node says of a prefix."""

    node: IPv4Address
    med: int

    @property
    def active(self) -> bool:
        """The node took over, and is fit."""
        return self.med < RANKS

    @property
    def rank(self) -> int | None:
        """The MED that its take-over gave it, fit or not; None for a node that waits."""
        if self.active:
            return self.med
        return self.med - UNFIT if UNFIT <= self.med < LAST else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One path to a prefix that bgpd knows: its own (`router` is None) or told by a neighbour.

    `claim` is None where the path carries no claim; `text` names it for people.
    """

    router: IPv4Address | None
    claim: Claim | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """This bgpd's AS, and for how many seconds each IPv4 neighbour's session is up, None if down."""

    autonomous_system: int
    sessions: Mapping[IPv4Address, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a running configuration holds of natgate: prefixes with their route maps, and all maps.

    `foreign`: prefixes that somebody else announces by a statement of his own.
    """

    networks: Mapping[IPv4Network, str]
    maps: frozenset[str]
    foreign: frozenset[IPv4Network]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whom the routers lead a prefix to, this bgpd's own claim, and the best claim that they tell."""

    holder: IPv4Address | str | None
    own: Claim | None
    told: Claim | None


def request(command: str) -> bytes:
    """A command as the vty takes it."""
    return command.encode() + b"\0"


def parse_reply(data: bytes) -> tuple[str, int] | None:
    """The text and the return code (0: done) of a whole reply; None while some of it is missing."""
    if data[-4:-1] != _END:
        return None
    return data[:-4].decode(errors="replace"), data[-1]


def show(prefix: IPv4Network) -> str:
    """The command that tells all paths to one prefix."""
    return f"show bgp ipv4 unicast {prefix} json"


def announce(system: int, claim: Claim, prefixes: Iterable[IPv4Network]) -> list[str]:
    """The commands that claim prefixes; an older claim of the same ones is replaced in one step.

    Each MED has a route map of its own, since bgpd looks at a changed map only after 5 s.
    """
    name = map_name(claim.med)
    return [
        "configure terminal",
        f"route-map {name} permit 10",
        f"set metric {claim.med}",
        f"set large-community {system}:{claim.med}:{int(claim.node)}",
        "exit",
        f"router bgp {system}",
        _FAMILY,
        *(f"network {prefix} route-map {name}" for prefix in prefixes),
    ]


def withdraw(system: int, prefixes: Iterable[IPv4Network], maps: Iterable[str]) -> list[str]:
    """The commands that take statements and route maps away, the statements first."""
    return [
        "configure terminal",
        f"router bgp {system}",
        _FAMILY,
        *(f"no network {prefix}" for prefix in prefixes),
        "exit",
        "exit",
        *(f"no route-map {name}" for name in maps),
    ]


def map_name(med: int) -> str:
    """The route map of a MED."""
    return f"{PREFIX}{med}"


def parse_running(text: str) -> Made:
    """What natgate has made, and what others announce, in the default instance."""
    networks: dict[IPv4Network, str] = {}
    foreign, maps, inside = set(), set(), False
    for line in text.splitlines():
        if not line.startswith(" "):
            inside = bool(_INSTANCE.fullmatch(line))
            found = _ROUTE_MAP.fullmatch(line)
            if found and found[1].startswith(PREFIX):
                maps.add(found[1])
            continue
        found = _NETWORK.match(line.strip()) if inside else None
        prefix = _prefix(found[1]) if found else None
        if found is None or prefix is None:
            continue
        if (found[2] or "").startswith(PREFIX):
            networks[prefix] = found[2]
        else:
            foreign.add(prefix)
    return Made(networks=networks, maps=frozenset(maps), foreign=frozenset(foreign))


def parse_summary(text: str) -> Summary:
    """The answer to `SUMMARY`; HostError if bgpd has no default instance."""
    told = _document(text)
    if "as" not in told:
        raise HostError("bgpd has no router bgp statement; configure its sessions first")
    sessions = {
        address: peer["peerUptimeMsec"] / 1000 if peer.get("state") == "Established" else None
        for name, peer in told.get("peers", {}).items()
        if (address := _address(name)) is not None
    }
    return Summary(autonomous_system=told["as"], sessions=sessions)


def parse_paths(text: str, system: int) -> tuple[Path, ...]:
    """The answer to `show`: every path; `system` is the AS whose claims count.

    A path of bgpd's own that is not valid is not announced: it is left out.
    """
    told = _document(text).get("paths", [])
    return tuple(_path(p, system) for p in told if p.get("valid") or not p.get("sourced"))


def _path(told: Any, system: int) -> Path:  # noqa: ANN401 (FRR's JSON)
    claims = (
        _claim(community, system)
        for community in told.get("largeCommunity", {}).get("string", "").split()
    )
    router = None if told.get("sourced") else _address(told["peer"]["peerId"])
    route = told.get("aspath", {}).get("string") or "none"
    return Path(
        router=router,
        claim=next((claim for claim in claims if claim is not None), None),
        text=f"a path of another origin (AS path {route})",
    )


def _claim(community: str, system: int) -> Claim | None:
    administrator, med, node = map(int, community.split(":"))
    return Claim(node=IPv4Address(node), med=med) if administrator == system else None


def _document(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        line = text.strip().partition("\n")[0]
        raise HostError(f"bgpd answered {line!r} instead of JSON") from None
    return found if isinstance(found, dict) else {}


def _address(text: str) -> IPv4Address | None:
    """None for a neighbour by its link, or by IPv6."""
    try:
        return IPv4Address(text)
    except AddressValueError:
        return None


def _prefix(text: str) -> IPv4Network | None:
    try:
        return IPv4Network(text)
    except ValueError:
        return None


def verdict(paths: Iterable[Path], routers: Iterable[IPv4Address]) -> Verdict:
    """What the routers do with a prefix.

    A router tells what it uses. One that tells nothing has this bgpd's claim, if there is one. A
    node that waits holds nothing, also where a router uses it meanwhile: nodes decide who is active.
    """
    found = tuple(paths)
    own = next((path.claim for path in found if path.router is None), None)
    used = [path for path in found if path.router in set(routers)]
    foreign = next((path.text for path in used if path.claim is None), None)
    told = min((p.claim for p in used if p.claim is not None), key=lambda c: c.med, default=None)
    if foreign is not None:
        return Verdict(holder=foreign, own=own, told=told)
    best = told or own
    holder = None if best is None or best.rank is None else best.node
    return Verdict(holder=holder, own=own, told=told)


def lowest_med(verdicts: Iterable[Verdict], made: Made, before: int) -> int:
    """The lowest rank that was ever seen; the next take-over goes below it."""
    claims = (claim for v in verdicts for claim in (v.own, v.told) if claim is not None)
    names = (name.removeprefix(PREFIX) for name in made.maps)
    meds = (int(name) for name in names if name.isdecimal())
    ranks = [Claim(node=_NOBODY, med=med).rank for med in (*(c.med for c in claims), *meds)]
    return min([before, *(rank for rank in ranks if rank is not None)])


def place(verdict: Verdict, me: IPv4Address, order: int, *, fit: bool) -> int:
    """The MED that a node's claim should have while it does not take over.

    An active node keeps its rank, unless the routers prefer another's claim that is at least as
    good: then it has been relieved. `order` is the node's place in the gateway.
    """
    own, told = verdict.own, verdict.told
    rank = None
    if own is not None and not (told is not None and told.node != me and told.med <= own.med):
        rank = own.rank
    if fit:
        return STAND_IN + order if rank is None else rank
    return LAST + order if rank is None else UNFIT + rank


def illness(
    ages: Mapping[IPv4Address, float | None], routers: Iterable[IPv4Address], settled: float
) -> str | None:
    """Why a node cannot carry routes, by its sessions' ages in seconds: each must have settled."""
    if not ages:
        listed = ", ".join(map(str, routers))
        return f"none of steering.routers ({listed}) is a neighbour of this bgpd"
    for router, age in ages.items():
        if age is None:
            return f"the BGP session to {router} is down"
        if age < settled:
            return f"the BGP session to {router} is up, but has not told all its routes yet"
    return None
