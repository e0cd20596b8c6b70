"""Listings of nft 1.0.6 to the model's table; the samples are what it printed."""

import json
from typing import Any

import pytest

from natgate.model.table import Chain, Hook, Lookup, Rule, Table, Timeout
from natgate.wire.nft import parse_counters, parse_table

HEAD: dict[str, Any] = {"family": "ip", "table": "natgate", "handle": 1}
TABLE = {"table": {"family": "ip", "name": "natgate", "handle": 1}}
METAINFO = {"metainfo": {"version": "1.0.6", "json_schema_version": 1}}


def listing(*items: dict[str, Any]) -> str:
    """What nft prints."""
    return json.dumps({"nftables": [METAINFO, *items]})


def payload(protocol: str, field: str) -> dict[str, Any]:
    """A header field."""
    return {"payload": {"protocol": protocol, "field": field}}


def match(left: object, right: object, op: str = "==") -> dict[str, Any]:
    """A comparison."""
    return {"match": {"op": op, "left": left, "right": right}}


SADDR, DADDR = payload("ip", "saddr"), payload("ip", "daddr")
PORTS = {"range": [1025, 65535]}
HASH = {"jhash": {"mod": 2, "seed": 1, "expr": {"concat": [SADDR, DADDR]}}}
OFFSET = {"jhash": {"mod": 2, "offset": 3, "expr": SADDR}}

LIMIT = {"burst": 128, "per": "second", "inv": True, "burst_unit": "kbytes"}
FLOW_LIMIT: dict[str, Any] = {
    "set": {
        "op": "add",
        "elem": payload("ip", "saddr"),
        "set": "@clients.g.5",
        "stmt": [{"ct count": {"val": 5, "inv": True}}],
    }
}

OURS: list[tuple[list[dict[str, Any]], str]] = [
    ([match(SADDR, "10.0.0.1")], "ip saddr 10.0.0.1"),
    ([match(DADDR, "@internal", "!=")], "ip daddr != @internal"),
    ([match({"ct": {"key": "state"}}, "invalid", "in"), {"drop": None}], "ct state invalid drop"),
    ([match({"meta": {"key": "l4proto"}}, 6)], "meta l4proto tcp"),
    ([match({"meta": {"key": "l4proto"}}, 47)], "meta l4proto 47"),
    ([{"counter": "invalid"}], 'counter name "invalid"'),
    ([{"ct timeout": "udp-60"}], 'ct timeout set "udp-60"'),
    (
        [{"limit": {**LIMIT, "rate": 12500000, "rate_unit": "bytes"}}, {"drop": None}],
        "limit rate over 12500000 bytes/second burst 131072 bytes drop",
    ),
    (
        [{"limit": {**LIMIT, "rate": 125, "rate_unit": "kbytes"}}],
        "limit rate over 128000 bytes/second burst 131072 bytes",
    ),
    (
        [{"limit": {**LIMIT, "rate": 125, "rate_unit": "mbytes"}}],
        "limit rate over 131072000 bytes/second burst 131072 bytes",
    ),
    ([match({"numgen": {"mode": "random", "mod": 3, "offset": 0}}, 0)], "numgen random mod 3 0"),
    (
        [match({"numgen": {"mode": "inc", "mod": 3, "offset": 5}}, 0)],
        "numgen inc mod 3 offset 5 0",
    ),
    (
        [
            {"mangle": {"key": {"meta": {"key": "mark"}}, "value": 7}},
            {"notrack": None},
            {"accept": None},
        ],
        "meta mark set 7 notrack accept",
    ),
    (
        [{"mangle": {"key": {"ct": {"key": "event"}}, "value": ["destroy", "assured"]}}],
        "ct event set assured,destroy",
    ),
    (
        [{"vmap": {"key": {"payload": {"protocol": "icmp", "field": "id"}}, "data": "@ids"}}],
        "@th,32,16 vmap @ids",
    ),
    (
        [
            match({"payload": {"base": "th", "offset": 136, "len": 8}}, {"set": [6, 17]}),
            {
                "vmap": {
                    "key": {"payload": {"base": "th", "offset": 224, "len": 16}},
                    "data": "@ids",
                }
            },
        ],
        "@th,136,8 { 17, 6 } @th,224,16 vmap @ids",
    ),
    ([{"counter": {"packets": 5, "bytes": 7}}], "counter"),
    ([match(DADDR, {"prefix": {"addr": "192.0.2.0", "len": 24}})], "ip daddr 192.0.2.0/24"),
    (
        [match({"meta": {"key": "l4proto"}}, {"set": [17, 1, 6, 132]})],
        "meta l4proto { 132, icmp, tcp, udp }",
    ),
    ([match({"meta": {"key": "l4proto"}}, 17)], "meta l4proto udp"),
    ([match({"meta": {"key": "l4proto"}}, "sctp")], "meta l4proto sctp"),
    ([match({"meta": {"key": "l4proto"}}, "vrrp")], "meta l4proto 112"),
    ([match(payload("icmp", "id"), {"range": [16384, 16639]})], "icmp id 16384-16639"),
    ([{"dnat": {"addr": "10.0.0.1", "port": 4648}}], "dnat to 10.0.0.1:4648"),
    ([{"snat": {"addr": "10.0.0.1"}}], "snat to 10.0.0.1"),
    (
        [{"snat": {"addr": "10.0.0.1", "port": PORTS, "flags": "fully-random"}}],
        "snat to 10.0.0.1:1025-65535 fully-random",
    ),
    (
        [{"snat": {"addr": "10.0.0.1", "flags": ["random", "persistent"]}}],
        "snat to 10.0.0.1 random persistent",
    ),
    (
        [{"vmap": {"key": {"&": [SADDR, "255.255.255.0"]}, "data": "@snat24"}}],
        "ip saddr & 255.255.255.0 vmap @snat24",
    ),
    (
        [
            {
                "snat": {
                    "family": "ip",
                    "addr": {
                        "map": {
                            "key": HASH,
                            "data": {
                                "set": [[0, {"concat": ["10.0.0.1", PORTS]}], [1, "10.0.0.2"]]
                            },
                        }
                    },
                }
            }
        ],
        "snat ip to jhash ip saddr . ip daddr mod 2 seed 0x1 map "
        "{ 0 : 10.0.0.1 . 1025-65535, 1 : 10.0.0.2 }",
    ),
    (
        [match({"numgen": {"mode": "random", "mod": 9, "offset": 0}}, 4, "<")],
        "numgen random mod 9 < 4",
    ),
    (
        [{"snat": {"addr": {"ct": {"key": "ip daddr", "dir": "original"}}, "port": PORTS}}],
        "snat to ct original ip daddr:1025-65535",
    ),
    (
        [{"dnat": {"family": "ip", "addr": {"map": {"key": SADDR, "data": "@dnat.a.b"}}}}],
        "dnat ip to ip saddr map @dnat.a.b",
    ),
    ([match(OFFSET, 3)], "jhash ip saddr mod 2 offset 3 3"),
    ([FLOW_LIMIT], "add @clients.g.5 { ip saddr ct count over 5 }"),
    ([{"jump": {"target": "c"}}], "jump c"),
    ([{"goto": {"target": "c"}}, {"return": None}], "goto c return"),
]

FOREIGN: list[dict[str, Any]] = [
    match(payload("ip", "ttl"), 5, "<"),
    {"limit": {"rate": 10, "per": "second"}},
    {"masquerade": {"flags": "random"}},
    {"snat": {"flags": "random"}},
    {"snat": {"addr": "10.0.0.1", "type_flags": "prefix"}},
    {"drop": {"odd": 1}},
    {"set": {**FLOW_LIMIT["set"], "op": "update"}},
    match({"payload": {"base": "th", "offset": 0, "len": 16}}, 80),
    match({"ct": {"key": "state", "dir": "original"}}, "new"),
    match(SADDR, {"elem": {"val": "10.0.0.1", "timeout": 60}}),
    match(SADDR, {"prefix": {"addr": "10.0.0.0", "len": 8}, "odd": 1}),
]


def _rule(expressions: list[dict[str, Any]]) -> Rule:
    chain = {"chain": {**HEAD, "name": "c"}}
    rule = {"rule": {**HEAD, "chain": "c", "comment": "why", "expr": expressions}}
    table = parse_table(listing(TABLE, chain, rule))
    assert table is not None
    (found,) = table.chains["c"].rules
    return found


@pytest.mark.parametrize(("expressions", "text"), OURS)
def test_a_rule_has_one_text(expressions: list[dict[str, Any]], text: str) -> None:
    """Each expression that natgate writes is read back as the text it was written as."""
    assert _rule(expressions) == Rule(text=text, comment="why")


@pytest.mark.parametrize("expression", FOREIGN)
def test_a_foreign_expression_never_equals_ours(expression: dict[str, Any]) -> None:
    """What natgate does not write is kept as JSON, so that it differs from every rule of ours."""
    assert "json {" in _rule([expression]).text


def test_a_rule_without_comment_or_expression_is_read() -> None:
    """A foreign rule may lack a comment and even every expression."""
    rule = {"rule": {**HEAD, "chain": "c"}}
    table = parse_table(listing(TABLE, {"chain": {**HEAD, "name": "c"}}, rule))
    assert table == Table(chains={"c": Chain(name="c", rules=(Rule(text=""),))})


def test_chains_have_their_hooks() -> None:
    """A base chain has type, hook, priority and policy, and a device if it has one."""
    base = {"type": "nat", "hook": "postrouting", "prio": 100, "policy": "drop"}
    odd = {"type": "filter", "hook": "ingress", "prio": 0, "dev": "eth0"}
    items = ({"chain": {**HEAD, "name": name, **body}} for name, body in (("a", base), ("b", odd)))
    table = parse_table(listing(TABLE, *items))
    assert table is not None
    assert table.chains["a"].hook == Hook(
        type="nat", hook="postrouting", priority=100, policy="drop"
    )
    assert table.chains["b"].hook == Hook(
        type="filter", hook="ingress", priority=0, policy="accept; device eth0"
    )


COUNT = {"packets": 3, "bytes": 180}

LOOKUPS: list[tuple[str, dict[str, Any], Lookup]] = [
    (
        "set",
        {"type": "ipv4_addr", "flags": ["dynamic"]},
        Lookup(name="x", type="ipv4_addr"),
    ),
    (
        "set",
        {
            "type": "ipv4_addr",
            "flags": ["interval"],
            "elem": [{"prefix": {"addr": "10.0.0.0", "len": 8}}],
        },
        Lookup(name="x", type="ipv4_addr", interval=True, elements={"10.0.0.0/8": ""}),
    ),
    ("set", {"type": "ipv4_addr"}, Lookup(name="x", type="ipv4_addr")),
    (
        "set",
        {"type": ["ipv4_addr", "inet_service"], "elem": [{"concat": ["10.0.0.1", 80]}]},
        Lookup(name="x", type="ipv4_addr . inet_service", elements={"10.0.0.1 . 80": ""}),
    ),
    (
        "map",
        {
            "type": "ipv4_addr",
            "map": "verdict",
            "elem": [["10.0.0.1", {"jump": {"target": "c"}}], ["10.0.0.2", {"drop": None}]],
        },
        Lookup(
            name="x",
            type="ipv4_addr : verdict",
            elements={"10.0.0.1": "jump c", "10.0.0.2": "drop"},
        ),
    ),
    (
        "set",
        {"type": "ipv4_addr", "flags": ["timeout", "dynamic"], "timeout": 60},
        Lookup(name="x", type="ipv4_addr flags dynamic,timeout"),
    ),
    (
        "set",
        {"type": "ipv4_addr", "elem": [{"elem": {"val": "10.0.0.1", "comment": "x"}}, "10.0.0.2"]},
        Lookup(name="x", type="ipv4_addr", elements={'10.0.0.1 comment "x"': "", "10.0.0.2": ""}),
    ),
    (
        "map",
        {
            "type": "ipv4_addr",
            "map": "verdict",
            "stmt": [{"counter": None}],
            "elem": [
                [{"elem": {"val": "10.0.0.1", "comment": "x", "counter": COUNT}}, {"drop": None}],
                [{"elem": {"val": "10.0.0.2", "counter": COUNT}}, {"drop": None}],
            ],
        },
        Lookup(
            name="x",
            type="ipv4_addr : verdict",
            counted=True,
            elements={'10.0.0.1 comment "x"': "drop", "10.0.0.2": "drop"},
        ),
    ),
    (
        "set",
        {"type": "ipv4_addr", "flags": "constant"},
        Lookup(name="x", type="ipv4_addr flags constant"),
    ),
]


@pytest.mark.parametrize(("kind", "body", "lookup"), LOOKUPS)
def test_lookups_have_type_and_elements(kind: str, body: dict[str, Any], lookup: Lookup) -> None:
    """Sets and maps are read with their types, flags and elements."""
    table = parse_table(listing(TABLE, {kind: {**HEAD, "name": "x", **body}}))
    assert table == Table(lookups={"x": lookup})


@pytest.mark.parametrize("protocol", [6, "6", "tcp"])
def test_a_protocol_in_a_key_has_its_name(protocol: object) -> None:
    """Whether the machine has /etc/protocols or not; one without a name stays a number."""
    keys = [{"concat": ["10.0.0.1", protocol, 80]}, {"concat": ["10.0.0.1", 132, 80]}]
    body = {"type": ["ipv4_addr", "inet_proto", "inet_service"], "elem": keys}
    table = parse_table(listing(TABLE, {"set": {**HEAD, "name": "x", **body}}))
    assert table is not None
    assert list(table.lookups["x"].elements) == ["10.0.0.1 . tcp . 80", "10.0.0.1 . 132 . 80"]


def test_objects_are_read_and_counts_are_not() -> None:
    """What a counter holds makes no difference; an unknown kind of item is left out."""
    counter = {"counter": {**HEAD, "name": "n", "packets": 5, "bytes": 9}}
    quota = {"quota": {**HEAD, "name": "q", "bytes": 1}}
    odd = {"novelty": {**HEAD, "name": "o"}}
    table = parse_table(listing(TABLE, counter, quota, odd))
    assert table == Table(objects=frozenset({("counter", "n"), ("quota", "q")}))


@pytest.mark.parametrize(
    ("protocol", "l3proto", "listed", "policy"),
    [
        ("tcp", "ip", {"established": 900}, {"established": 900}),
        ("tcp", "ip", None, {"established": 432000}),
        ("udp", "ip", {"replied": 60}, {"unreplied": 30, "replied": 60}),
        ("udp", "ip", None, {"unreplied": 30, "replied": 120}),
        ("tcp", "ip", {"close": 1}, {"established": 432000, "close": 1}),
        ("tcp of ip6", "ip6", {"established": 900}, {"established": 900}),
        ("sctp", "ip", {"closed": 900}, {"closed": 900}),
    ],
)
def test_timeouts_are_read_with_what_nft_leaves_out(
    protocol: str, l3proto: str, listed: dict[str, int] | None, policy: dict[str, int]
) -> None:
    """Its usual seconds are not listed; those of another family never equal ours."""
    body = {
        **HEAD,
        "name": "t",
        "protocol": protocol.split(maxsplit=1)[0],
        "l3proto": l3proto,
        "policy": listed,
    }
    expected = Timeout(name="t", protocol=protocol, policy=policy)
    assert parse_table(listing(TABLE, {"ct timeout": body})) == Table(timeouts={"t": expected})


def test_other_tables_are_left_out() -> None:
    """A table of another name or family, and all in it, does not concern natgate."""
    items = [
        {"table": {"family": "ip6", "name": "natgate", "handle": 1}},
        {"table": {"family": "ip", "name": "filter", "handle": 1}},
        {"chain": {**HEAD, "family": "ip6", "name": "c"}},
        {"chain": {**HEAD, "table": "filter", "name": "c"}},
    ]
    assert parse_table(listing(*items)) is None
    assert parse_table(listing(TABLE, *items)) == Table()


@pytest.mark.parametrize(
    "text", ["", "{", '{"nftables": [', "nft: error", "[]", '{"nftables": [7]}', "{}"]
)
def test_what_is_no_listing_is_refused(text: str) -> None:
    """A broken listing is a ValueError and never an empty table."""
    with pytest.raises(ValueError, match=r".*"):
        parse_table(text)


def test_counters_are_named_or_found_by_comment() -> None:
    """Named counters count for themselves; those of an entry's rules are added up."""
    named = {"counter": {**HEAD, "name": "no_entry", "packets": 5, "bytes": 9}}
    other = {"counter": {**HEAD, "table": "other", "name": "no_entry", "packets": 7, "bytes": 9}}

    def rule(packets: int, **more: str) -> dict[str, Any]:
        expressions = [
            {"counter": {"packets": packets, "bytes": 0}},
            {"counter": "n"},
            {"drop": None},
        ]
        return {"rule": {**HEAD, "chain": "c", "expr": expressions, **more}}

    chain = {"chain": {**HEAD, "name": "c"}}
    text = listing(
        TABLE, chain, named, other, rule(2, comment="g/e"), rule(3, comment="g/e"), rule(4)
    )
    assert parse_counters(text) == {"no_entry": 5, "g/e": 5}


def test_elements_count_for_what_their_comment_names() -> None:
    """Those of one entry are added up; a bare one, or one without a count, is nobody's."""
    counted = [
        [{"elem": {"val": f"10.0.0.{n}", "counter": COUNT, **comment}}, {"jump": {"target": "c"}}]
        for n, comment in enumerate(({"comment": "g/e"}, {"comment": "g/e"}, {}))
    ]
    bare = ["10.0.0.9", {"jump": {"target": "c"}}]
    named = [{"elem": {"val": "10.0.0.8", "comment": "g/e"}}, {"jump": {"target": "c"}}]
    body = {**HEAD, "name": "m", "type": "ipv4_addr", "map": "verdict"}
    port = {"set": {**HEAD, "name": "s", "type": "inet_service", "elem": [80]}}
    text = listing(TABLE, {"map": {**body, "elem": [*counted, bare, named]}}, port)
    assert parse_counters(text) == {"g/e": 6}
