"""Rules in order, the longest prefix, the lowest metric."""

from ipaddress import IPv4Address, IPv4Network

from natgate.model.topology import PolicyRule, PortOfHost, RoutedHost, TableRoute
from natgate.plan.trace_route import MADE_HERE, Chosen, Nowhere, next_host, route_of, source_of
from tests.routed import host, packet, routed

ADDRESS = IPv4Address("10.0.0.1")


def one(*rules: PolicyRule, **tables: tuple[TableRoute, ...]) -> RoutedHost:
    """A host with these rules and tables."""
    link = PortOfHost(name="eth0", addresses=(ADDRESS,))
    return RoutedHost(name="one", links=(link,), rules=rules, tables=tables)


def to(prefix: str, metric: int = 0, source: str | None = None) -> TableRoute:
    """A route by eth0."""
    found = None if source is None else IPv4Address(source)
    return TableRoute(to=IPv4Network(prefix), link="eth0", metric=metric, source=found)


def test_the_longest_prefix_then_the_lowest_metric_wins() -> None:
    """Equal ones are counted."""
    routes = (to("0.0.0.0/0"), to("9.0.0.0/8", 2), to("9.0.0.0/8", 1), to("9.0.0.0/8", 1))
    found = route_of(
        one(PolicyRule(pref=1, table="main"), main=routes), packet("1.1.1.1", "9.9.9.9"), "eth0"
    )
    assert found == Chosen(table="main", route=routes[2], equal=2)


def test_rules_are_asked_in_order_for_what_they_describe() -> None:
    """By link, source, destination and mark; inverted ones for everything else."""
    rules = (
        PolicyRule(pref=9, table="last"),
        PolicyRule(pref=1, iif="eth1", table="a"),
        PolicyRule(pref=2, source=IPv4Network("10.0.0.0/8"), table="b"),
        PolicyRule(pref=3, destination=IPv4Network("9.9.9.9/32"), inverted=True, table="c"),
        PolicyRule(pref=4, mark=0x10, mask=0xF0, table="d"),
    )
    names = ("last", "a", "b", "c", "d")
    asked = one(*rules, **{name: (to("0.0.0.0/0"),) for name in names})

    def table(source: str, destination: str, link: str = "eth0", mark: int = 0) -> str:
        found = route_of(asked, packet(source, destination), link, mark)
        assert isinstance(found, Chosen)
        return found.table

    assert table("1.1.1.1", "9.9.9.9", "eth1") == "a"
    assert table("10.1.1.1", "9.9.9.9") == "b"
    assert table("1.1.1.1", "8.8.8.8") == "c"
    assert table("1.1.1.1", "9.9.9.9", mark=0x1F) == "d"
    assert table("1.1.1.1", "9.9.9.9", mark=0x0F) == "last"


def test_without_a_route_the_tables_are_named() -> None:
    """And the rule that ended the search; a throw route goes on with the next rule."""
    thrown = (TableRoute(to=IPv4Network("9.0.0.0/8"), type="throw"),)
    rules = (PolicyRule(pref=1, table="a"), PolicyRule(pref=2, table="gone"))
    sent = packet("1.1.1.1", "9.9.9.9")
    assert route_of(one(*rules, a=thrown), sent, "eth0") == Nowhere(
        tables=("a",), reason="no rule is left"
    )
    stopped = one(*rules, PolicyRule(pref=3, stops="unreachable"), a=thrown)
    assert route_of(stopped, sent, "eth0") == Nowhere(
        tables=("a",), reason="rule 3 says unreachable"
    )


def test_a_next_hop_is_who_has_its_address_on_the_segment() -> None:
    """Or who has it on another link; nothing is known of a link without a segment."""
    topology = routed()
    vpc, client = host(topology, "vpc"), host(topology, "client")
    found = route_of(client, packet("10.10.0.5", "192.0.2.9"), MADE_HERE)
    assert isinstance(found, Chosen)
    assert next_host(topology, client, found, IPv4Address("192.0.2.9")) == (vpc, vpc.links[0])
    wrong = Chosen(table="x", route=TableRoute(to=IPv4Network("0.0.0.0/0"), link="pc"))
    assert (
        next_host(topology, vpc, wrong, IPv4Address("8.8.8.8")) == "nobody answers for 8.8.8.8 on c"
    )
    back = Chosen(table="x", route=TableRoute(to=IPv4Network("0.0.0.0/0"), link="eth0"))
    other = host(topology, "internet")
    world = host(topology, "world")
    assert next_host(topology, world, back, IPv4Address("192.0.2.1")) == (other, other.links[1])
    blind = one(PolicyRule(pref=1, table="main"), main=(to("0.0.0.0/0"),))
    chosen = Chosen(table="main", route=to("0.0.0.0/0"))
    assert next_host(topology, blind, chosen, IPv4Address("8.8.8.8")) is None


def test_a_host_sends_with_the_source_of_the_route_or_of_the_link() -> None:
    """Without a route with its first address, and without an address not at all."""
    rule = PolicyRule(pref=1, table="main")
    sent = packet("0.0.0.0", "9.9.9.9")
    assert source_of(one(rule, main=(to("9.0.0.0/8", source="10.0.0.7"),)), sent) == IPv4Address(
        "10.0.0.7"
    )
    assert source_of(one(rule, main=(to("9.0.0.0/8"),)), sent) == ADDRESS
    assert source_of(one(rule), sent) == ADDRESS
    assert source_of(RoutedHost(name="none"), sent) is None
