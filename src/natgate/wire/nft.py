"""`nft -j list table` to the model's Table: each rule becomes its one canonical text.

The texts are those that `plan.compile` writes; an expression outside that vocabulary is kept as
JSON, so that a foreign rule never equals one of ours (libnftables-json(5)).
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from natgate.model.table import TABLE, Chain, Hook, Lookup, Rule, Table, Timeout

Json = Any

_OBJECTS = {
    "counter": "counter",
    "quota": "quota",
    "limit": "limit",
    "flowtable": "flowtable",
    "ct helper": "ct helper",
    "ct expectation": "ct expectation",
    "secmark": "secmark",
    "synproxy": "synproxy",
}


def parse_table(text: str) -> Table | None:
    """Our table in a listing, or None if the listing has none.

    Counts, handles and the order of elements do not matter. Raises ValueError on other input.
    """
    found = False
    chains: dict[str, Chain] = {}
    rules: dict[str, list[Rule]] = {}
    lookups: dict[str, Lookup] = {}
    objects: set[tuple[str, str]] = set()
    timeouts: dict[str, Timeout] = {}
    for kind, body in _items(text):
        if kind == "table" and body["name"] == TABLE and body["family"] == "ip":
            found = True
        elif kind == "metainfo" or body.get("table") != TABLE or body.get("family") != "ip":
            continue
        elif kind == "chain":
            chains[body["name"]] = Chain(name=body["name"], hook=_hook(body))
        elif kind == "rule":
            rules.setdefault(body["chain"], []).append(_rule(body))
        elif kind in {"set", "map"}:
            lookups[body["name"]] = _lookup(body)
        elif kind == "ct timeout":
            timeouts[body["name"]] = _timeout(body)
        elif kind in _OBJECTS:
            objects.add((_OBJECTS[kind], body["name"]))
    if not found:
        return None
    full = {
        name: Chain(name=name, hook=chain.hook, rules=tuple(rules.get(name, ())))
        for name, chain in chains.items()
    }
    return Table(chains=full, lookups=lookups, objects=frozenset(objects), timeouts=timeouts)


def parse_counters(text: str) -> dict[str, int]:
    """Packets of each named counter of ours; of rules and elements by their comments."""
    counts: dict[str, int] = {}
    for kind, body in _items(text):
        if kind == "metainfo" or body.get("table") != TABLE:
            continue
        if kind == "counter":
            counts[body["name"]] = body["packets"]
        elif kind in {"set", "map"}:
            for comment, packets in _counted(body):
                counts[comment] = counts.get(comment, 0) + packets
        elif kind == "rule":
            for part in body["expr"]:
                counter = part.get("counter")
                if isinstance(counter, dict) and "comment" in body:
                    name = body["comment"]
                    counts[name] = counts.get(name, 0) + counter["packets"]
    return counts


def _counted(body: dict[str, Json]) -> Iterator[tuple[str, int]]:
    """The packets of each element that says what it counts for."""
    for element in body.get("elem", []):
        wrapped = _wrapped(element[0] if isinstance(element, list) else element)
        if {"comment", "counter"} <= wrapped.keys():
            yield wrapped["comment"], wrapped["counter"]["packets"]


def _wrapped(key: Json) -> dict[str, Json]:
    """A key with its comment, counter or time-out; empty if it has none."""
    found = key.get("elem") if isinstance(key, dict) else None
    return found if isinstance(found, dict) else {}


def _items(text: str) -> list[tuple[str, dict[str, Json]]]:
    """Each thing of a listing with its kind; ValueError if the text is no listing."""
    listing = json.loads(text)
    items = listing.get("nftables") if isinstance(listing, dict) else None
    if not isinstance(items, list) or not all(isinstance(i, dict) and i for i in items):
        raise ValueError("not a listing of nft -j")
    return [next(iter(item.items())) for item in items]


def _as_list(value: Json) -> list[Json]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _hook(body: dict[str, Json]) -> Hook | None:
    if "hook" not in body:
        return None
    policy = body.get("policy", "accept")
    if "dev" in body:
        policy = f"{policy}; device {body['dev']}"
    return Hook(type=body["type"], hook=body["hook"], priority=body["prio"], policy=policy)


_USUAL: dict[str, dict[str, int]] = {
    "tcp": {"established": 432000},
    "udp": {"unreplied": 30, "replied": 120},
}
"""Seconds that nft leaves out of a listing, since it gives them to whoever names none."""


def _timeout(body: dict[str, Json]) -> Timeout:
    protocol = str(body["protocol"])
    if body["l3proto"] != "ip":
        protocol += f" of {body['l3proto']}"
    policy = {**_USUAL.get(protocol, {}), **(body["policy"] or {})}
    return Timeout(name=body["name"], protocol=protocol, policy=policy)


def _lookup(body: dict[str, Json]) -> Lookup:
    key = _type(body["type"])
    flags = set(_as_list(body.get("flags")))
    kind = f"{key} : {_type(body['map'])}" if "map" in body else key
    extra = sorted(flags - {"interval"})
    if extra and extra != ["dynamic"]:  # nft 1.0.6 says it of no set, later ones do
        kind += f" flags {','.join(extra)}"
    named = "inet_proto" in key
    elements: dict[str, str] = {}
    for element in body.get("elem", []):
        pair = element if isinstance(element, list) else [element, ""]
        elements[_key(pair[0], named=named)] = _value(pair[1])
    return Lookup(
        name=body["name"],
        type=kind,
        interval="interval" in flags,
        counted={"counter": None} in body.get("stmt", []),
        elements=elements,
    )


def _key(element: Json, *, named: bool) -> str:
    """An element's key, with its comment if it has one.

    `named`: its second part is a protocol.
    """
    wrapped = _wrapped(element)
    text = _value(wrapped.get("val", element))
    if named:
        address, protocol, *rest = text.split(" . ")
        text = " . ".join((address, _PROTOCOL_NAMES.get(protocol, protocol), *rest))
    if "comment" in wrapped:
        text += f' comment "{wrapped["comment"]}"'
    return text


def _type(value: Json) -> str:
    return " . ".join(map(str, value)) if isinstance(value, list) else str(value)


def _rule(body: dict[str, Json]) -> Rule:
    text = " ".join(_statement(part) for part in body.get("expr", []))
    return Rule(text=text, comment=body.get("comment", ""))


_PROTOCOLS: dict[int | str, str] = {1: "icmp", 6: "tcp", 17: "udp", "vrrp": "112"}
"""Names for what nft knows by itself; else numbers, since /etc/protocols may be missing."""

_PROTOCOL_NAMES = {str(number): name for number, name in _PROTOCOLS.items()}

_BARE = {"accept", "drop", "return", "continue", "notrack"}


def _statement(part: dict[str, Json]) -> str:
    kind, body = next(iter(part.items()))
    if kind in _BARE and body is None:
        return kind
    return _STATEMENTS[kind](body) if kind in _STATEMENTS else _raw(part)


def _match(body: dict[str, Json]) -> str:
    drawn = {"<": " < "} if "numgen" in body["left"] else {}
    op = {"==": " ", "in": " ", "!=": " != ", **drawn}.get(body["op"])
    if op is None:
        return _raw(body)
    right = body["right"]
    if body["left"] == {"meta": {"key": "l4proto"}}:
        right = _protocols(right)
    return f"{_value(body['left'])}{op}{_value(right)}"


def _protocols(value: Json) -> Json:
    """Protocol numbers by name, whether listed alone or as a set."""
    if isinstance(value, dict) and set(value) == {"set"}:
        return {"set": [_PROTOCOLS.get(number, number) for number in value["set"]]}
    return _PROTOCOLS.get(value, value) if isinstance(value, int | str) else value


def _translation(kind: str, body: dict[str, Json]) -> str:
    if set(body) - {"addr", "family", "port", "flags"} or "addr" not in body:
        return _raw({kind: body})
    family = f" {body['family']}" if "family" in body else ""
    port = f":{_value(body['port'])}" if "port" in body else ""
    flags = "".join(f" {flag}" for flag in _as_list(body.get("flags")))
    return f"{kind}{family} to {_value(body['addr'])}{port}{flags}"


_BYTE_UNITS = {"bytes": 1, "kbytes": 1 << 10, "mbytes": 1 << 20}


def _limit(body: Json) -> str:
    """In bytes: nft lists whatever unit divides them."""
    if set(body) != {"rate", "burst", "per", "inv", "rate_unit", "burst_unit"} or not body["inv"]:
        return _raw({"limit": body})
    rate = body["rate"] * _BYTE_UNITS[body["rate_unit"]]
    burst = body["burst"] * _BYTE_UNITS[body["burst_unit"]]
    return f"limit rate over {rate} bytes/{body['per']} burst {burst} bytes"


def _flow_limit(body: Json) -> str:
    """How many flows a host may have at once."""
    match body:
        case {"op": "add", "stmt": [{"ct count": {"val": most, "inv": True}}]}:
            return f"add {body['set']} {{ {_value(body['elem'])} ct count over {most} }}"
        case _:
            return _raw({"set": body})


_STATEMENTS: dict[str, Callable[[Json], str]] = {
    "match": _match,
    "vmap": lambda b: f"{_asked(b['key'])} vmap {b['data']}",
    "mangle": lambda b: f"{_value(b['key'])} set {_set_to(b['value'])}",
    "counter": lambda b: f'counter name "{b}"' if isinstance(b, str) else "counter",
    "snat": lambda b: _translation("snat", b),
    "dnat": lambda b: _translation("dnat", b),
    "set": _flow_limit,
    "jump": lambda b: f"jump {b['target']}",
    "goto": lambda b: f"goto {b['target']}",
    "ct timeout": lambda b: f'ct timeout set "{b}"',
    "limit": _limit,
}


def _set_to(value: Json) -> str:
    """Several events are one value, separated by commas."""
    return ",".join(sorted(value)) if isinstance(value, list) else _value(value)


def _asked(key: Json) -> str:
    """An echo id is written as the bytes where it lies: nft takes no id beside several types."""
    text = _value(key)
    return "@th,32,16" if text == "icmp id" else text


def _value(value: Json) -> str:
    if isinstance(value, list):
        return f"{{ {', '.join(sorted(map(_value, value)))} }}"
    if not isinstance(value, dict):
        return str(value)
    kind, body = next(iter(value.items()))
    if len(value) > 1 or kind not in _VALUES:
        bare = kind in _BARE or kind in {"jump", "goto"}
        return _statement(value) if bare else _raw(value)
    return _VALUES[kind](body)


def _map(body: Json) -> str:
    if isinstance(body["data"], str):
        return f"{_value(body['key'])} map {body['data']}"
    pairs = [f"{_value(k)} : {_value(v)}" for k, v in body["data"]["set"]]
    return f"{_value(body['key'])} map {{ {', '.join(pairs)} }}"


def _jhash(body: Json) -> str:
    offset = f" offset {body['offset']}" if body.get("offset") else ""
    seed = f" seed {body['seed']:#x}" if "seed" in body else ""
    return f"jhash {_value(body['expr'])} mod {body['mod']}{seed}{offset}"


def _numgen(body: Json) -> str:
    offset = f" offset {body['offset']}" if body.get("offset") else ""
    return f"numgen {body['mode']} mod {body['mod']}{offset}"


_BYTES = {("th", 32, 16), ("th", 136, 8), ("th", 224, 16), ("th", 256, 16)}
"""The bytes that natgate looks at by their place: an echo id, and what an ICMP error quotes."""


def _payload(body: Json) -> str:
    if "field" in body:
        return f"{body['protocol']} {body['field']}"
    place = (body.get("base"), body.get("offset"), body.get("len"))
    return f"@{place[0]},{place[1]},{place[2]}" if place in _BYTES else _raw({"payload": body})


def _ct(body: Json) -> str:
    if body == {"key": "ip daddr", "dir": "original"}:
        return "ct original ip daddr"
    return f"ct {body['key']}" if set(body) == {"key"} else _raw({"ct": body})


def _and(body: Json) -> str:
    return f"{_value(body[0])} & {_value(body[1])}"


_VALUES: dict[str, Callable[[Json], str]] = {
    "payload": _payload,
    "meta": lambda b: f"meta {b['key']}",
    "fib": lambda b: f"fib {' . '.join(_as_list(b['flags']))} {b['result']}",
    "ct": _ct,
    "prefix": lambda b: f"{_value(b['addr'])}/{b['len']}",
    "range": lambda b: f"{_value(b[0])}-{_value(b[1])}",
    "set": _value,
    "concat": lambda b: " . ".join(map(_value, b)),
    "map": _map,
    "jhash": _jhash,
    "numgen": _numgen,
    "&": _and,
}


def _raw(value: Json) -> str:
    return f"json {json.dumps(value, sort_keys=True)}"
