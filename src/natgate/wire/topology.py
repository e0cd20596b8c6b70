"""natgate.routes/v1 as text, and from what `ip -j` says of each host."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Literal

import yaml

from natgate.model.error import HostError, Problem
from natgate.model.topology import (
    LOCAL,
    MAIN,
    WHOLE_MARK,
    PolicyRule,
    PortOfHost,
    RoutedHost,
    TableRoute,
    Topology,
    topology_problems,
)
from natgate.wire import config

VERSION: Literal["natgate.routes/v1"] = "natgate.routes/v1"

ADDRESSES = ("address", "show")
RULES = ("-4", "rule", "show")
ROUTES = ("-4", "route", "show", "table", "all")
"""What is asked of `ip -j`, to be read here."""

_STOPS = {"blackhole", "unreachable", "prohibit"}
_KNOWN = {"priority", "src", "srclen", "dst", "dstlen", "iif", "iif_detached", "fwmark", "fwmask"}
_KNOWN |= {"table", "action", "not", "protocol"}
_WITHOUT_MEANING = {"broadcast", "anycast", "multicast"}
"""Routes that no packet of a trace takes."""


def parse_routes(text: str, source: str = "routes") -> Topology:
    """The hosts and routes that a YAML or JSON text states; else a SpecError with every problem."""
    data, lines = config.read_yaml(text, source)
    found: list[Problem] = []
    topology = config.validate(data, Topology, found)
    if topology is not None:
        found.extend(topology_problems(topology))
    config.fail_if_any(found, lines, source)
    assert topology is not None  # noqa: S101 (no problem means that validation gave one)
    return topology


def routes_data(topology: Topology) -> dict[str, Any]:
    """The same as plain data: what is as it is by default is left out."""
    return topology.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def render_routes(topology: Topology) -> str:
    """A YAML text that states this topology."""
    return str(yaml.safe_dump(routes_data(topology), sort_keys=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What `ip -j` said on one host, and what it cannot know: segments, names of tables."""

    name: str
    role: str
    forwards: bool
    addresses: str
    rules: str
    routes: str
    segments: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)


def host_of(heard: Heard) -> RoutedHost:
    """The host; HostError if one of its rules looks at what a trace does not know."""
    links = tuple(_links(heard))
    own = {address for link in links for address in link.addresses}
    rules = tuple(_rule(heard, item) for item in _items(heard.rules))
    tables: dict[str, list[TableRoute]] = {}
    for item in _items(heard.routes):
        table = _table(heard, item)
        for route in _routes(item):
            if table == LOCAL and (route.to.is_loopback or route.to.network_address in own):
                continue
            tables.setdefault(table, []).append(route)
    return RoutedHost(
        name=heard.name,
        role=heard.role,
        forwards=heard.forwards,
        links=links,
        rules=rules,
        tables={table: tuple(routes) for table, routes in tables.items()},
    )


def _items(text: str) -> list[dict[str, Any]]:
    """`ip -j` says nothing at all where there is nothing."""
    return list(json.loads(text or "[]"))


def _links(heard: Heard) -> Iterator[PortOfHost]:
    for item in _items(heard.addresses):
        if "ifname" in item:
            held = [IPv4Address(a["local"]) for a in item["addr_info"] if a["family"] == "inet"]
            addresses = tuple(a for a in held if not a.is_loopback)
            if "LOOPBACK" in item["flags"] and not addresses:
                continue
            name = str(item["ifname"])
            segment = heard.segments.get(name)
            yield PortOfHost(name=name, segment=segment, addresses=addresses)


def _table(heard: Heard, item: Mapping[str, Any]) -> str:
    name = str(item.get("table", MAIN))
    return heard.tables.get(name, name)


def _rule(heard: Heard, item: Mapping[str, Any]) -> PolicyRule:
    strange = sorted(set(item) - _KNOWN)
    action = item.get("action")
    if strange or (action is not None and action not in _STOPS):
        what = ", ".join(strange) or f"action {action}"
        raise HostError(
            f"{heard.name}: rule {item['priority']} says {what}, which a trace does not know; the "
            "way of a packet cannot be foretold there"
        )
    return PolicyRule(
        pref=item["priority"],
        iif=item.get("iif"),
        source=_selected(item, "src"),
        destination=_selected(item, "dst"),
        mark=_number(item.get("fwmark")),
        mask=_number(item.get("fwmask")) or WHOLE_MARK,
        inverted="not" in item,
        table=_table(heard, item) if action is None else None,
        stops=action,
    )


def _selected(item: Mapping[str, Any], side: str) -> IPv4Network | None:
    written = item.get(side, "all")
    return None if written == "all" else IPv4Network((written, item.get(f"{side}len", 32)))


def _number(written: str | None) -> int | None:
    return None if written is None else int(written, 0)


def _routes(item: Mapping[str, Any]) -> Iterable[TableRoute]:
    """One route for each next hop; none for what no packet of a trace takes."""
    kind = item.get("type", "unicast")
    if kind in _WITHOUT_MEANING or "dead" in item.get("flags", ()):
        return
    to = IPv4Network("0.0.0.0/0" if item["dst"] == "default" else item["dst"])
    for hop in item.get("nexthops", (item,)):
        yield TableRoute(
            to=to,
            type=kind,
            via=hop.get("gateway"),
            link=hop.get("dev"),
            metric=item.get("metric", 0),
            source=item.get("prefsrc"),
        )
