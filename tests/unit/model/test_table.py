"""The words for a table."""

from natgate.model.table import Chain, Hook, Lookup, Rule, Table, Timeout, table_of


def test_a_rule_prints_with_its_comment() -> None:
    """A rule is its text, and its comment if it has one."""
    assert str(Rule(text="drop")) == "drop"
    assert str(Rule(text="drop", comment="why")) == 'drop comment "why"'


def test_a_hook_prints_as_nft_reads_it() -> None:
    """A base chain says where it is attached and what happens at its end."""
    hook = Hook(type="filter", hook="forward", priority=0, policy="drop")
    assert str(hook) == "type filter hook forward priority 0; policy drop;"


def test_a_lookup_with_values_is_a_map() -> None:
    """The type tells a map from a set."""
    assert Lookup(name="m", type="ipv4_addr : verdict").is_map
    assert not Lookup(name="s", type="ipv4_addr . inet_service").is_map


def test_a_table_holds_its_parts_by_name() -> None:
    """Chains, lookups and time-outs are found by name, counters by kind and name; it is awake."""
    chain, lookup = Chain(name="c"), Lookup(name="s", type="ipv4_addr")
    timeout = Timeout(name="t", protocol="tcp", policy={"established": 9})
    assert table_of((chain,), (lookup,), ("n",), (timeout,)) == Table(
        chains={"c": chain},
        lookups={"s": lookup},
        objects=frozenset({("counter", "n")}),
        timeouts={"t": timeout},
        asleep=False,
    )
