"""The compiled table, run in Python on any packet, does what the spec says."""

from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from natgate.model.spec import Spec
from natgate.model.table import Table
from natgate.plan.compile import NodeFacts, compile_node, inside_of, internal_of
from tests.specs import specs

ALL = IPv4Address("255.255.255.255")


def translated_by(table: Table, source: IPv4Address, destination: IPv4Address) -> str | None:
    """The entry whose rule is the first to match, as the kernel goes through the chains."""
    for rule in table.chains["postrouting"].rules:
        words = rule.text.split()
        if "@internal" in words and _within(table, "internal", destination):
            return None
        maps = [word[1:].partition(":")[0] for word in words if word[:2] in {"@s", "@a"}]
        if not maps:
            continue
        mask = IPv4Address(words[words.index("&") + 1]) if "&" in words else ALL
        key = str(IPv4Address(int(source) & int(mask)))
        found = _element(table, maps[0], key)
        if found is not None:
            named, verdict = found
            if named:
                return named
            for inner in table.chains[verdict.removeprefix("jump ")].rules:
                place = inner.text.split()
                if place[:2] != ["ip", "daddr"] or destination in IPv4Network(place[2]):
                    return inner.comment
    return None


def _element(table: Table, name: str, key: str) -> tuple[str, str] | None:
    """What an element counts for, and where it leads."""
    for text, verdict in table.lookups[name].elements.items():
        address, _, comment = text.partition(" comment ")
        if address == key:
            return comment.strip('"'), verdict
    return None


def _within(table: Table, name: str, address: IPv4Address) -> bool:
    return any(address in IPv4Network(prefix) for prefix in table.lookups[name].elements)


def expected(spec: Spec, source: IPv4Address, destination: IPv4Address) -> str | None:
    """The longest source wins, then the more specific destination, then everywhere."""
    if any(destination in prefix for prefix in internal_of(spec)):
        return None
    found = [
        (prefix.prefixlen, -1 if where is None else where.prefixlen, f"{gateway.name}/{entry.name}")
        for gateway in spec.gateways
        for entry in gateway.snat
        for prefix in entry.sources
        for where in entry.destinations or (None,)
        if source in prefix and (where is None or destination in where)
    ]
    return max(found)[2] if found else None


@given(specs(), st.data())
def test_the_table_translates_as_the_spec_says(spec: Spec, data: st.DataObject) -> None:
    """For any inside host and any destination the first matching rule is the right entry's."""
    whole = spec.model_copy(
        update={"gateways": tuple(g.model_copy(update={"nodes": ()}) for g in spec.gateways)}
    )
    table = compile_node(whole, NodeFacts(name=spec.nodes[0].name, links=())).table
    sources = [p for g in spec.gateways for e in g.snat for p in e.sources] + list(inside_of(spec))
    named = [d for g in spec.gateways for e in g.snat for d in e.destinations]
    for _ in range(5):
        prefix = data.draw(st.sampled_from(sources))
        source = prefix[data.draw(st.integers(0, prefix.num_addresses - 1))]
        where = data.draw(st.sampled_from([*named, IPv4Network("0.0.0.0/0")]))
        destination = where[data.draw(st.integers(0, where.num_addresses - 1))]
        assert translated_by(table, source, destination) == expected(whole, source, destination)
