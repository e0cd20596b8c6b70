"""Any state that a node's kernel may be in: another spec's, and disturbed by others."""

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from natgate.kernel.fake import FakeKernel
from natgate.model.change import (
    AddChain,
    AddElements,
    AddLookup,
    AddObject,
    AddRule,
    AddTimeout,
    ChangeTable,
    Delete,
    DeleteElements,
    Flush,
    TableStep,
)
from natgate.model.desired import Desired, Detour, Guard, Tunnel
from natgate.model.observed import Observed, UnknownGuard
from natgate.model.table import Chain, Hook, Lookup, Rule, Table, Timeout
from natgate.plan.compile import NodeFacts, compile_node
from natgate.plan.diff import diff
from tests.specs import divided_zones, specs

LINKS = ("eth0", "eth1", "wan.7")
FOREIGN = Chain(name="foreign")
BASE = Chain(name="foreign-base", hook=Hook(type="filter", hook="input", priority=7))
VERDICTS = Lookup(name="foreign-map", type="ipv4_addr : verdict")
ROUTE_CARRIER = ("heartbeat:", "handover: {carrier: route}\nheartbeat:")
FOREIGN_TUNNEL = Tunnel(local=IPv4Address("192.0.2.8"), port=4790)
FOREIGN_DETOURS = tuple(
    Detour(mark=mark, peer=IPv4Address("192.0.2.9"), tunnelled=tunnelled)
    for mark in (0x4E470001, 0x4E4700FF)
    for tunnelled in (True, False)
)
PORTS = Lookup(name="foreign-set", type="ipv4_addr . inet_service")


@st.composite
def disturbances(draw: DrawFn, table: Table) -> tuple[TableStep, ...]:
    """What another process may do to a table, in steps that nft accepts too; each prints as nft."""
    steps: list[TableStep] = []
    for make in draw(st.lists(st.sampled_from(_KINDS), unique=True, max_size=4)):
        held = FakeKernel(held=Observed(table=table))
        held.apply(ChangeTable(steps=tuple(steps)))
        now = held.held.table
        assert now is not None
        steps += make(draw, now)
    return tuple(steps)


def _one(draw: DrawFn, names: object) -> str:
    return draw(st.sampled_from(sorted(names)))  # type: ignore[call-overload, no-any-return]


def _flush(draw: DrawFn, table: Table) -> list[TableStep]:
    return [Flush(kind="chain", name=_one(draw, table.chains))] if table.chains else []


def _rule(draw: DrawFn, table: Table) -> list[TableStep]:
    text = draw(st.sampled_from(["counter drop", "ip saddr 10.0.0.0/8 accept", "return"]))
    comment = draw(st.sampled_from(["", "foreign", "stays inside"]))
    if not table.chains:
        return []
    return [AddRule(chain=_one(draw, table.chains), rule=Rule(text=text, comment=comment))]


def _chain(draw: DrawFn, table: Table) -> list[TableStep]:
    """A foreign chain that jumps to ours and that ours jump to, with a map that leads to it."""
    steps: list[TableStep] = [AddChain(chain=FOREIGN), AddChain(chain=BASE)]
    steps += [
        AddLookup(lookup=VERDICTS),
        AddRule(chain="foreign-base", rule=Rule(text="jump foreign")),
    ]
    elements = (("10.0.0.1", "jump foreign"), ("10.0.0.2", "drop"))
    steps.append(AddElements(lookup="foreign-map", elements=elements))
    steps.append(AddRule(chain="foreign-base", rule=Rule(text="ip saddr vmap @foreign-map")))
    if table.chains and FOREIGN.name not in table.chains:
        ours = _one(draw, table.chains)
        steps.append(AddRule(chain=ours, rule=Rule(text="jump foreign")))
    return steps


def _lookup(draw: DrawFn, table: Table) -> list[TableStep]:
    steps: list[TableStep] = [AddLookup(lookup=PORTS)]
    steps.append(AddElements(lookup="foreign-set", elements=(("10.0.0.1 . 80", ""),)))
    steps.append(AddObject(kind="counter", name="foreign"))
    if table.chains:
        rule = Rule(text='ip saddr . tcp dport @foreign-set counter name "foreign"')
        steps.append(AddRule(chain=_one(draw, table.chains), rule=rule))
    return steps


def _elements(draw: DrawFn, table: Table) -> list[TableStep]:
    """Elements taken out of a lookup, or all of them."""
    full = {name: lookup for name, lookup in table.lookups.items() if lookup.elements}
    if not full:
        return []
    lookup = full[_one(draw, full)]
    if draw(st.booleans()):
        return [Flush(kind="map" if lookup.is_map else "set", name=lookup.name)]
    keys = draw(st.lists(st.sampled_from(sorted(lookup.elements)), min_size=1, unique=True))
    return [DeleteElements(lookup=lookup.name, keys=tuple(keys))]


def _wrong_elements(draw: DrawFn, table: Table) -> list[TableStep]:
    """An element that is not ours, or ours with another value."""
    kinds = ("ipv4_addr", "ipv4_addr : verdict")
    plain = {n: x for n, x in table.lookups.items() if not x.interval and x.type in kinds}
    if not plain:
        return []
    lookup = plain[_one(draw, plain)]
    value = "drop" if lookup.is_map else ""
    if lookup.elements and lookup.is_map and draw(st.booleans()):
        key = _one(draw, lookup.elements)
        gone = DeleteElements(lookup=lookup.name, keys=(key,))
        return [gone, AddElements(lookup=lookup.name, elements=((key, "drop"),))]
    return [AddElements(lookup=lookup.name, elements=(("203.0.113.99", value),))]


def _wrong_type(draw: DrawFn, table: Table) -> list[TableStep]:
    """A lookup of ours made anew with another type; every chain is emptied for it."""
    if not table.lookups:
        return []
    name = _one(draw, table.lookups)
    word = "map" if table.lookups[name].is_map else "set"
    kinds = ["ipv4_addr", "inet_service", "ipv4_addr : verdict", "ipv4_addr : ipv4_addr"]
    fresh = Lookup(name=name, type=draw(st.sampled_from(kinds)), interval=draw(st.booleans()))
    flushes = [Flush(kind="chain", name=chain) for chain in table.chains]
    return [*flushes, Delete(kind=word, name=name), AddLookup(lookup=fresh)]


def _wrong_hook(draw: DrawFn, table: Table) -> list[TableStep]:
    """A base chain of ours made anew with another hook, or with none."""
    based = {name: chain for name, chain in table.chains.items() if chain.hook}
    if not based:
        return []
    name = _one(draw, based)
    hooks = [None, Hook(type="filter", hook="output", priority=3, policy="drop")]
    fresh = Chain(name=name, hook=draw(st.sampled_from(hooks)))
    return [Flush(kind="chain", name=name), Delete(kind="chain", name=name), AddChain(chain=fresh)]


def _wrong_timeouts(draw: DrawFn, table: Table) -> list[TableStep]:
    """Time-outs of ours made anew with other seconds; every chain is emptied for it."""
    if not table.timeouts:
        return []
    name = _one(draw, table.timeouts)
    fresh = Timeout(name=name, protocol="tcp", policy={"established": 7})
    flushes = [Flush(kind="chain", name=chain) for chain in table.chains]
    return [*flushes, Delete(kind="ct timeout", name=name), AddTimeout(timeout=fresh)]


_KINDS = [
    *(_flush, _rule, _chain, _lookup, _elements),
    *(_wrong_elements, _wrong_type, _wrong_hook, _wrong_timeouts),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A node's kernel, and what it should hold."""

    held: Observed
    desired: Desired


@st.composite
def cases(draw: DrawFn) -> Case:
    """Any spec for any node, and any state of its kernel."""
    spec = draw(specs() | st.sampled_from([divided_zones(), divided_zones(ROUTE_CARRIER)]))
    works = draw(st.booleans())
    facts = NodeFacts(
        name=draw(st.sampled_from([node.name for node in spec.nodes])),
        links=LINKS,
        owner_works=works,
    )
    desired = compile_node(spec, facts)
    return Case(held=draw(observations(desired)), desired=desired)


@st.composite
def observations(draw: DrawFn, desired: Desired) -> Observed:
    """No table, this spec's or another one's, disturbed; any guards, settings and routes."""
    other = compile_node(draw(specs()), NodeFacts(name="node-a0", links=LINKS))
    table = draw(st.sampled_from([None, Table(), desired.table, other.table]))
    if table is not None:
        kernel = FakeKernel(held=Observed(table=table))
        kernel.apply(ChangeTable(steps=draw(disturbances(table))))
        table = kernel.held.table
        assert table is not None
        table = replace(table, asleep=draw(st.booleans()))
    guard: st.SearchStrategy[Guard | UnknownGuard] = st.sampled_from(
        [
            *desired.guards.values(),
            *other.guards.values(),
            UnknownGuard(),
            Guard(inside=(), internal=()),
        ]
    )
    guards: dict[str, Guard | UnknownGuard] = draw(
        st.dictionaries(st.sampled_from([*LINKS, "gone"]), guard)
    )
    settings = st.sampled_from([*desired.sysctls, "net/netfilter/nf_conntrack_max"])
    prefixes = st.sampled_from(
        [*desired.blackholes, *other.blackholes, IPv4Network("192.0.2.1/32")]
    )
    tunnels = [None, desired.tunnel, other.tunnel, FOREIGN_TUNNEL]
    shifted = (replace(d, peer=IPv4Address("192.0.2.9")) for d in desired.detours)
    detours = st.frozensets(
        st.sampled_from([*desired.detours, *other.detours, *shifted, *FOREIGN_DETOURS]), max_size=4
    )
    tunnel = draw(st.sampled_from(tunnels))
    return Observed(
        tunnel=tunnel,
        detours=frozenset({d.mark: d for d in draw(detours) if tunnel or not d.tunnelled}.values()),
        table=table,
        ownership=draw(st.sampled_from(["none", "mine"])) if table else "none",
        guards=guards,
        hooks=frozenset(guards) | draw(st.frozensets(st.sampled_from(LINKS))),
        sysctls=draw(st.dictionaries(settings, st.sampled_from(["0", "1", "2"]))),
        blackholes=draw(st.frozensets(prefixes)),
        links=LINKS,
    )


def brought(desired: Desired, held: Observed) -> FakeKernel:
    """A kernel after the changes that diff asks for."""
    kernel = FakeKernel(held=held)
    for change in diff(desired, held):
        kernel.apply(change)
    return kernel


def differences(desired: Desired, observed: Observed) -> dict[str, tuple[object, object]]:
    """Where a kernel is not as it should be, said without the code under test."""
    table = observed.table
    settings = {
        key: value
        for key, value in desired.sysctls.items()
        if key in observed.sysctls or not key.startswith("net/ipv6/")
    }
    pairs: dict[str, tuple[object, object]] = {
        "table": (desired.table, table),
        "owned": (desired.owned, observed.ownership == "mine"),
        "guards": (dict(desired.guards), dict(observed.guards)),
        "blackholes": (desired.blackholes, observed.blackholes),
        "tunnel": (desired.tunnel, observed.tunnel),
        "detours": (desired.detours, observed.detours),
        "sysctls": (settings, {key: observed.sysctls.get(key) for key in settings}),
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
