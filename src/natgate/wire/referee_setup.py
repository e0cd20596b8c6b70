"""What a referee is told once: JSON in the environment of a cloud function."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from natgate.model.error import Problem, SpecError, twice
from natgate.model.referee import RefereeSetup, RefereeShare, TableRoute

_TABLE = re.compile(r"rtb-[0-9a-z-]+")
_NEEDED = {"group": str, "region": str, "asg": str, "alarms": dict, "shares": list}
_OPTIONAL = {"cooldown": float, "adopt": bool, "deadline": float}
_SHARE = {"name": str, "zones": list, "routes": list}
_WORDS = {
    str: "a text",
    dict: "an object",
    list: "a list",
    float: "a number",
    bool: "true or false",
}


def parse_referee(text: str, source: str) -> RefereeSetup:
    """The setup that a JSON text states; else a SpecError with every problem."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _refused(source, [Problem(path="", message=f"this is no JSON: {error}")]) from None
    problems = list(_problems(data))
    if problems:
        raise _refused(source, problems)
    shares = tuple(
        RefereeShare(
            name=share["name"],
            zones=tuple(share["zones"]),
            routes=tuple(TableRoute(**route) for route in share["routes"]),
            addresses=share.get("addresses", {}),
        )
        for share in data["shares"]
    )
    return RefereeSetup(**{**data, "shares": shares})


def render_referee(setup: RefereeSetup) -> str:
    """The inverse of `parse_referee`, on one line."""
    return json.dumps(asdict(setup))


def _refused(source: str, problems: list[Problem]) -> SpecError:
    return SpecError(tuple(problems), source=source)


def _problems(data: object) -> Iterator[Problem]:
    if not isinstance(data, dict):
        yield Problem(path="", message="this is no object; it begins with {")
        return
    found = list(_fields("", data, _NEEDED, _OPTIONAL))
    yield from found
    if found:
        return
    yield from _texts("alarms", data["alarms"])
    for name in ("cooldown", "deadline"):
        if data.get(name, 1) < 0:
            yield Problem(path=name, message="this is below zero; say it in seconds")
    if not data["shares"]:
        yield Problem(path="shares", message="there is none, so there is nothing to decide")
    for index, share in enumerate(data["shares"]):
        yield from _share(f"shares[{index}]", share, data["alarms"])
    names = [share.get("name") for share in data["shares"] if isinstance(share, dict)]
    yield from twice("shares[{}].name", "share", map(str, names))
    yield from _led_by_two(data["shares"])


def _fields(
    path: str, data: object, needed: Mapping[str, type], optional: Mapping[str, type]
) -> Iterator[Problem]:
    """Whether an object has the fields it must have, each of its kind, and no other."""
    if not isinstance(data, dict):
        yield Problem(path=path, message="this is no object")
        return
    known = {**needed, **optional}
    prefix = f"{path}." if path else ""
    for name in (*needed, *data.keys() - needed.keys()):
        if name not in data:
            yield Problem(path=f"{prefix}{name}", message="this is missing")
        elif name not in known:
            message = f"there is no such field; there are {', '.join(known)}"
            yield Problem(path=f"{prefix}{name}", message=message)
        elif not _is(data[name], known[name]):
            message = f"{data[name]!r} is not {_WORDS[known[name]]}"
            yield Problem(path=f"{prefix}{name}", message=message)


def _is(value: object, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and value != ""


def _texts(path: str, data: Mapping[str, object]) -> Iterator[Problem]:
    for key, value in data.items():
        if not _is(value, str):
            yield Problem(path=f"{path}.{key}", message=f"{value!r} is not a text")


def _share(path: str, share: Any, alarms: Mapping[str, Any]) -> Iterator[Problem]:  # noqa: ANN401
    found = list(_fields(path, share, _SHARE, {"addresses": dict}))
    yield from found
    if found:
        return
    zones, routes, addresses = share["zones"], share["routes"], share.get("addresses", {})
    yield from _zones(f"{path}.zones", zones, alarms)
    for zone, address in addresses.items():
        if zone not in zones:
            yield Problem(path=f"{path}.addresses.{zone}", message="the share has no such zone")
        if _failure(IPv4Address, address):
            message = f"{address!r} is no IPv4 address"
            yield Problem(path=f"{path}.addresses.{zone}", message=message)
    if not routes:
        message = "there is none; the first one says which zone is active"
        yield Problem(path=f"{path}.routes", message=message)
    for index, route in enumerate(routes):
        yield from _route(f"{path}.routes[{index}]", route)
    yield from twice(f"{path}.routes[{{}}]", "route", (json.dumps(r) for r in routes))


def _led_by_two(shares: list[Any]) -> Iterator[Problem]:
    """Two shares would take a route from each other for ever."""
    leader: dict[str, str] = {}
    for index, share in enumerate(shares):
        routes = share.get("routes") if isinstance(share, dict) else None
        for route in routes if isinstance(routes, list) else ():
            first = leader.setdefault(json.dumps(route, sort_keys=True), f"shares[{index}]")
            if first != f"shares[{index}]":
                message = f"{first} has the route {json.dumps(route)} already"
                yield Problem(path=f"shares[{index}].routes", message=message)


def _zones(path: str, zones: list[Any], alarms: Iterable[str]) -> Iterator[Problem]:
    if not zones:
        yield Problem(path=path, message="there is none; name the preferred one first")
    for index, zone in enumerate(zones):
        if not _is(zone, str) or zone not in alarms:
            yield Problem(path=f"{path}[{index}]", message=f"{zone!r} has no alarm in alarms")
    yield from twice(f"{path}[{{}}]", "zone", map(str, zones))


def _route(path: str, route: Any) -> Iterator[Problem]:  # noqa: ANN401
    found = list(_fields(path, route, {"table": str, "destination": str}, {}))
    yield from found
    if found:
        return
    if not _TABLE.fullmatch(route["table"]):
        message = f"{route['table']!r} is no id of a route table, such as rtb-0123456789abcdef0"
        yield Problem(path=f"{path}.table", message=message)
    reason = _failure(IPv4Network, route["destination"])
    if reason or str(IPv4Network(route["destination"])) != route["destination"]:
        message = f"{route['destination']!r} is no network: {reason or 'write it as 10.0.0.0/24'}"
        yield Problem(path=f"{path}.destination", message=message)


def _failure(kind: type[IPv4Address | IPv4Network], value: object) -> str | None:
    """Why a text is no such value; None if it is."""
    try:
        kind(str(value))
    except ValueError as error:
        return str(error)
    return None
