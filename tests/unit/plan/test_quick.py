"""One entry more or less among many, without compiling them all."""

from ipaddress import IPv4Address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from natgate.model.change import AddChain, with_elements
from natgate.model.edit import AddEntry, Edit, RemoveEntry, edited
from natgate.model.error import NatgateError
from natgate.model.gateway import DnatEntry, SnatEntry
from natgate.model.rules import problems
from natgate.model.spec import Spec
from natgate.model.table import Chain, Table
from natgate.plan.compile import NodeFacts, compile_node
from natgate.plan.quick import Index
from natgate.wire.config import parse_spec
from tests.gateways import every_entry

TEXT = """\
apiVersion: natgate/v1
network:
  name: main
  ranges: [10.10.0.0/16]
  address_ranges: [203.0.113.0/24]
  zones: [a]
  subnets:
    - {name: clients-a, zone: a, cidr: 10.10.0.0/27}
    - {name: clients-b, zone: a, cidr: 10.10.1.0/27}
    - {name: nodes-a, zone: a, cidr: 10.10.2.0/28, kind: node}
nodes:
  - {name: node-a, zone: a, address: 10.10.2.4}
quotas: {snat: 6}
gateways:
  - name: web
    addresses: [{address: 203.0.113.1}, {address: 203.0.113.2}, {address: 203.0.113.3, withdrawn: true}]
    snat:
      - {name: one, hosts: [10.10.0.1, 10.10.0.2], addresses: [203.0.113.1]}
      - {name: two, hosts: [10.10.0.3], addresses: [203.0.113.2]}
      - {name: net, sources: [10.10.0.8/29], addresses: [203.0.113.1]}
      - {name: far, hosts: [10.10.0.4], destinations: [198.51.100.0/24], addresses: [203.0.113.1]}
    dnat:
      - {name: http, address: 203.0.113.1, protocol: tcp, port: 80, target: 10.10.0.6}
"""


def spec_of(*replacements: tuple[str, str]) -> Spec:
    """The spec above, with replacements."""
    text = TEXT
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return parse_spec(text)


def compiled(spec: Spec) -> Table:
    """What the node should hold."""
    return compile_node(spec, NodeFacts(name="node-a", links=("eth0",))).table


def add(**entry: object) -> AddEntry:
    """An entry that comes."""
    return AddEntry(gateway="web", kind="snat", entry=SnatEntry.model_validate(entry))


NEW = add(name="new", hosts=["10.10.0.5"], addresses=["203.0.113.2"])
GONE = RemoveEntry(gateway="web", name="two")


def test_an_entry_that_is_like_others_is_a_change_of_elements() -> None:
    """Adding it and removing it; the spec follows."""
    spec = spec_of()
    index = Index(spec, "node-a", compiled(spec))
    quick = index.plan(NEW)
    assert quick is not None
    assert str(quick.change) == (
        'add element ip natgate address32 { 10.10.0.5 comment "web/new" : 203.0.113.2 }'
    )
    index.made(NEW, quick)
    assert index.spec == edited(spec, NEW)
    assert index.plan(NEW) is None
    back = index.plan(RemoveEntry(gateway="web", name="new"))
    assert back is not None
    assert str(back.change) == (
        'delete element ip natgate address32 { 10.10.0.5 comment "web/new" }'
    )
    assert back.spec == spec


@pytest.mark.parametrize(
    "edit",
    [
        add(name="two", hosts=["10.10.0.5"], addresses=["203.0.113.2"]),
        add(name="http", hosts=["10.10.0.5"], addresses=["203.0.113.2"]),
        add(name="new", hosts=["10.10.0.3"], addresses=["203.0.113.2"]),
        add(name="new", hosts=["10.10.0.4"], addresses=["203.0.113.2"]),
        add(name="new", hosts=["10.10.1.1"], addresses=["203.0.113.2"]),
        add(name="new", hosts=["10.10.2.4"], addresses=["203.0.113.2"]),
        add(name="new", hosts=["10.10.0.5"], addresses=["203.0.113.9"]),
        add(name="new", hosts=["10.10.0.5"], addresses=["203.0.113.3"]),
        add(name="new", hosts=["10.10.0.5"]),
        add(name="new", hosts=["10.10.0.5"], addresses=["203.0.113.2"], protocols=["tcp"]),
        add(name="new", hosts=["10.10.0.5"], addresses=["203.0.113.2"], destinations=["1.0.0.0/8"]),
        add(name="new", network=True, addresses=["203.0.113.2"]),
        add(name="new", sources=["10.10.0.16/28"], addresses=["203.0.113.2"]),
        RemoveEntry(gateway="web", name="far"),
        RemoveEntry(gateway="web", name="net"),
        RemoveEntry(gateway="web", name="http"),
        RemoveEntry(gateway="web", name="lost"),
    ],
)
def test_what_more_follows_from_is_compiled_as_a_whole(edit: Edit) -> None:
    """Names and sources that are taken, other routes, other addresses, matches, kinds and maps."""
    spec = spec_of()
    assert Index(spec, "node-a", compiled(spec)).plan(edit) is None


def test_the_last_host_of_a_subnet_takes_its_route_along() -> None:
    """Which is more than an element."""
    spec = spec_of(("hosts: [10.10.0.3]", "hosts: [10.10.1.3]"))
    assert Index(spec, "node-a", compiled(spec)).plan(GONE) is None


def test_an_entry_of_another_kind_or_beyond_the_quota_is_looked_at_as_a_whole() -> None:
    """So that it is refused in the words in which a spec is."""
    served = DnatEntry.model_validate(
        {"name": "ssh", "address": "203.0.113.1", "protocol": "tcp", "port": 22, "target": "10.10.0.5"}
    )  # fmt: skip
    spec = spec_of()
    index = Index(spec, "node-a", compiled(spec))
    assert index.plan(AddEntry(gateway="web", kind="dnat", entry=served)) is None
    full = spec_of(("snat: 6", "snat: 4"))
    assert Index(full, "node-a", compiled(full)).plan(NEW) is None


def test_where_gateways_share_routes_all_is_compiled() -> None:
    """And on a node that does not carry the gateway."""
    spec = spec_of()
    (gateway,) = spec.gateways
    two = spec.model_copy(update={"gateways": (gateway, gateway.model_copy(update={"name": "x"}))})
    assert Index(two, "node-a", compiled(spec)).plan(NEW) is None
    elsewhere = gateway.model_copy(update={"nodes": ("node-b",)})
    other = spec.model_copy(update={"gateways": (elsewhere,)})
    assert Index(other, "node-a", compiled(spec)).plan(NEW) is None


EDITS = st.one_of(
    st.builds(
        lambda name, hosts, addresses: add(
            name=name,
            hosts=[f"10.10.0.{n}" for n in hosts],
            addresses=[f"203.0.113.{n}" for n in addresses],
        ),
        st.sampled_from(["n1", "n2", "one"]),
        st.lists(st.integers(0, 40), min_size=1, max_size=2, unique=True),
        st.lists(st.integers(1, 4), min_size=1, max_size=2, unique=True),
    ),
    st.builds(
        lambda name: RemoveEntry(gateway="web", name=name),
        st.sampled_from(["one", "two", "net", "far", "n1", "n2"]),
    ),
)


def test_an_entry_that_shares_a_source_is_not_removed_at_once() -> None:
    """It is a rule in the chain of that source, and no element."""
    spec = edited(spec_of(), add(name="n", hosts=["10.10.0.4"], addresses=["203.0.113.1"]))
    index = Index(spec, "node-a", compiled(spec))
    assert index.plan(RemoveEntry(gateway="web", name="n")) is None


@given(st.lists(EDITS, min_size=1, max_size=8))
def test_many_edits_lead_where_compiling_leads(edits: list[Edit]) -> None:
    """Each that is made at once is right, and gives the table of its whole spec."""
    spec = spec_of()
    table = compiled(spec)
    index = Index(spec, "node-a", table)
    for edit in edits:
        quick = index.plan(edit)
        if quick is None:
            try:
                spec = edited(spec, edit)
            except NatgateError:
                continue
            assume(not problems(spec))
            table = compiled(spec)
            index = Index(spec, "node-a", table)
            continue
        assert problems(quick.spec) == ()
        assert quick.spec == edited(spec, edit)
        table, spec = with_elements(table, quick.change.steps), quick.spec
        assert table == compiled(spec)
        index.made(edit, quick)


def test_only_elements_can_be_followed() -> None:
    """A chain is none."""
    with pytest.raises(TypeError):
        with_elements(Table(), (AddChain(chain=Chain(name="c")),))


def test_every_source_of_another_spec_is_known() -> None:
    """An index can be made of any table."""
    spec = every_entry()
    index = Index(spec, "node-a", compiled(spec))
    assert index.plan(add(name="x", hosts=[IPv4Address("10.10.0.5")])) is None
