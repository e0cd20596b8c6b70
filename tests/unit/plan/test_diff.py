"""From any state to any state, in steps that may be interrupted."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from natgate.kernel.fake import FakeKernel
from natgate.model.change import (
    AddBlackhole,
    AddChain,
    AddDetour,
    AddElements,
    AddLookup,
    AddObject,
    AddRule,
    AddTable,
    AddTimeout,
    Change,
    ChangeTable,
    DeleteTable,
    RemoveBlackhole,
    RemoveDetour,
    RemoveGuard,
    RemoveTunnel,
    SetGuard,
    SetSysctl,
    SetTunnel,
)
from natgate.model.desired import Desired, Guard, Tunnel
from natgate.model.observed import Observed
from natgate.model.spec import Spec
from natgate.model.table import Chain, Lookup, Rule, Table, Timeout
from natgate.plan.compile import FORWARDING, FORWARDING6, NodeFacts, compile_node
from natgate.plan.diff import diff, removal
from tests.effort import FEW
from tests.specs import divided_zones, specs, two_zones
from tests.states import LINKS, Case, brought, cases, differences

DESIRED = compile_node(two_zones(), NodeFacts(name="node-a", links=LINKS))
DIVIDED = compile_node(divided_zones(), NodeFacts(name="node-a", links=LINKS))
EMPTY = Observed(links=LINKS)


@given(cases())
def test_the_desired_state_is_reached_from_any_state(case: Case) -> None:
    """Whatever a kernel holds, the changes lead to the desired state, and then none is needed."""
    kernel = brought(case.desired, case.held)
    assert differences(case.desired, kernel.held) == {}
    assert diff(case.desired, kernel.held) == ()


@given(cases())
def test_an_interrupted_plan_is_finished_by_the_next_one(case: Case) -> None:
    """Interrupted after any of its changes, a plan is finished by the plan that is made then."""
    changes = diff(case.desired, case.held)
    for done in range(len(changes) + 1):
        kernel = FakeKernel(held=case.held)
        for change in changes[:done]:
            kernel.apply(change)
        assert differences(case.desired, brought(case.desired, kernel.held).held) == {}


@FEW
@given(cases())
def test_a_change_can_be_repeated(case: Case) -> None:
    """Each change but the transaction does the same when it is made twice."""
    kernel = FakeKernel(held=case.held)
    for change in diff(case.desired, case.held):
        kernel.apply(change)
        if not isinstance(change, ChangeTable):
            once = kernel.held
            kernel.apply(change)
            assert kernel.held == once


@FEW
@given(cases())
def test_there_is_one_transaction_at_most(case: Case) -> None:
    """The rules come into force together, whatever the way to them."""
    changes = diff(case.desired, case.held)
    assert sum(isinstance(change, ChangeTable) for change in changes) <= 1


def order(changes: tuple[Change, ...]) -> list[type[Change]]:
    """The kinds of changes, each run of equal ones once."""
    kinds = [type(change) for change in changes]
    return [kind for i, kind in enumerate(kinds) if i == 0 or kinds[i - 1] != kind]


@FEW
@given(cases())
def test_the_order_fails_closed(case: Case) -> None:
    """First the guards, then routes and rules, then the settings; forwarding is the last one.

    That of IPv6 is switched off before it.
    """
    changes = diff(case.desired, case.held)
    wanted = [
        *(SetGuard, AddBlackhole, SetTunnel, AddDetour, ChangeTable),
        *(RemoveDetour, RemoveTunnel, RemoveBlackhole, RemoveGuard, SetSysctl),
    ]
    kinds = order(changes)
    assert kinds == [kind for kind in wanted if kind in kinds]
    keys = [change.key for change in changes if isinstance(change, SetSysctl)]
    last = [
        key == FORWARDING or (key.startswith("net/ipv4/conf/") and key.endswith("/forwarding"))
        for key in keys
    ]
    assert last == sorted(last)


def test_an_empty_kernel_gets_everything() -> None:
    """On a fresh machine every kind of change is made, and the previous values are told."""
    changes = diff(DESIRED, replace(EMPTY, sysctls={**DESIRED.sysctls, FORWARDING: "0"}))
    assert order(changes) == [SetGuard, AddBlackhole, ChangeTable, SetSysctl]
    assert changes[-1] == SetSysctl(key=FORWARDING, value="1", previous="0")
    (transaction,) = (change for change in changes if isinstance(change, ChangeTable))
    assert transaction.steps[0] == AddTable(owned=True)


def test_a_divided_gateway_has_its_ways_before_its_rules() -> None:
    """Nothing is marked before it can be led away, and what is led stops before the ways go."""
    changes = diff(DIVIDED, EMPTY)
    assert order(changes) == [
        *(SetGuard, AddBlackhole, SetTunnel, AddDetour, ChangeTable, SetSysctl),
    ]
    held = brought(DIVIDED, EMPTY).held
    back = order(diff(DESIRED, held))
    assert back == [ChangeTable, RemoveDetour, RemoveTunnel]
    gone = order(removal(held, {}, frozenset()))
    assert gone == [ChangeTable, RemoveDetour, RemoveTunnel, RemoveBlackhole, RemoveGuard]


def test_the_detours_of_a_tunnel_that_is_made_anew_are_made_anew() -> None:
    """With the old link the ways through it are gone, so one plan makes both again."""
    held = brought(DIVIDED, EMPTY).held
    other = replace(held, tunnel=Tunnel(local=IPv4Address("192.0.2.1"), port=1))
    changes = diff(DIVIDED, other)
    assert order(changes) == [SetTunnel, AddDetour]
    assert brought(DIVIDED, other).held == held


def test_a_detour_with_another_peer_is_led_anew_and_not_removed() -> None:
    """A mark has one way: the new one takes the place of the old."""
    held = brought(DIVIDED, EMPTY).held
    (wanted,) = DIVIDED.detours
    old = replace(wanted, peer=IPv4Address("192.0.2.1"))
    changes = diff(DIVIDED, replace(held, detours=frozenset({old})))
    assert changes == (AddDetour(detour=wanted),)


def test_a_table_changes_its_owner_by_being_made_anew() -> None:
    """A plain table cannot be taken into ownership, nor an owned one be let go, in place."""
    held = brought(DESIRED, EMPTY).held
    (let_go,) = diff(replace(DESIRED, owned=False), held)
    assert isinstance(let_go, ChangeTable)
    assert let_go.steps[:2] == (DeleteTable(), AddTable())
    (take,) = diff(DESIRED, replace(held, ownership="none"))
    assert isinstance(take, ChangeTable)
    assert take.steps[:2] == (DeleteTable(), AddTable(owned=True))


def test_a_sleeping_table_is_made_anew() -> None:
    """What a dormant table holds cannot be read, so it is replaced in one transaction."""
    held = brought(DESIRED, EMPTY).held
    assert held.table is not None
    (wake,) = diff(DESIRED, replace(held, table=replace(held.table, asleep=True)))
    assert isinstance(wake, ChangeTable)
    assert wake.steps[:2] == (DeleteTable(), AddTable(owned=True))


def test_only_what_differs_is_changed() -> None:
    """One lost element is put back alone."""
    held = brought(DESIRED, EMPTY).held
    assert held.table is not None
    lookup = replace(held.table.lookups["internal"], elements={})
    table = replace(held.table, lookups={**held.table.lookups, "internal": lookup})
    (change,) = diff(DESIRED, replace(held, table=table))
    assert str(change) == "add element ip natgate internal { 10.10.0.0/24 }"


def test_what_is_too_much_is_taken_away() -> None:
    """A guard on a link without one, and a route to an address that is gone, are removed."""
    held = brought(DESIRED, EMPTY).held
    extra = IPv4Network("192.0.2.1/32")
    guard = Guard(inside=(), internal=())
    more = replace(held, guards={**held.guards, "x": guard}, blackholes=held.blackholes | {extra})
    assert diff(DESIRED, more) == (RemoveBlackhole(prefix=extra), RemoveGuard(link="x"))


FOREIGN = ChangeTable(
    steps=(
        AddObject(kind="counter", name="x"),
        AddTimeout(timeout=Timeout(name="t", protocol="tcp", policy={"established": 5})),
        AddLookup(lookup=Lookup(name="s", type="ipv4_addr")),
        AddLookup(lookup=Lookup(name="m", type="ipv4_addr : verdict")),
        AddChain(chain=Chain(name="c")),
        AddRule(chain="c", rule=Rule(text='ip saddr @s counter name "x"')),
        AddRule(chain="c", rule=Rule(text='ct timeout set "t"')),
        AddRule(chain="forward", rule=Rule(text="jump c")),
        AddElements(lookup="m", elements=(("10.0.0.1", "jump c"),)),
        AddElements(lookup="snat28", elements=(("10.9.9.0", "jump c"),)),
    )
)
"""What others put into the table."""


def test_what_others_put_into_the_table_is_taken_out() -> None:
    """Foreign chains, sets, maps, counters, time-outs, rules and elements go, references first."""
    kernel = brought(DESIRED, EMPTY)
    kernel.apply(FOREIGN)
    (change,) = diff(DESIRED, kernel.held)
    kernel.apply(change)
    assert differences(DESIRED, kernel.held) == {}


def test_what_has_another_type_is_made_anew() -> None:
    """A set of ours with another type, a chain with another hook, or other time-outs: none is kept."""
    held = brought(DESIRED, EMPTY)
    held.apply(FOREIGN)
    assert held.held.table is not None
    lookup = replace(held.held.table.lookups["inside"], type="inet_service", elements={})
    chain = replace(held.held.table.chains["forward"], hook=None)
    other = replace(held.held.table.timeouts["udp-60"], policy={"unreplied": 1, "replied": 1})
    for table in (
        replace(held.held.table, timeouts={**held.held.table.timeouts, "udp-60": other}),
        replace(held.held.table, lookups={**held.held.table.lookups, "inside": lookup}),
        replace(held.held.table, chains={**held.held.table.chains, "forward": chain}),
    ):
        wrong = replace(held.held, table=table)
        assert differences(DESIRED, brought(DESIRED, wrong).held) == {}


@given(specs(), st.data(), st.frozensets(st.sampled_from(LINKS)))
def test_removal_leaves_nothing_and_restores_the_settings(
    spec: Spec, data: st.DataObject, foreign_hooks: frozenset[str]
) -> None:
    """After any spec, interrupted anywhere or not, removing leads back to the state before."""
    desired = compile_node(spec, NodeFacts(name=spec.nodes[0].name, links=LINKS))
    keys = st.fixed_dictionaries(dict.fromkeys(desired.sysctls, st.sampled_from("012")))
    before = Observed(links=LINKS, sysctls=data.draw(keys), hooks=foreign_hooks)
    changes = diff(desired, before)
    kernel = FakeKernel(held=before)
    for change in changes[: data.draw(st.integers(0, len(changes)))]:
        kernel.apply(change)
    made = frozenset(LINKS) - foreign_hooks
    steps = removal(kernel.held, before.sysctls, made)
    for step in steps[: data.draw(st.integers(0, len(steps)))]:
        kernel.apply(step)
    for step in removal(kernel.held, before.sysctls, made):
        kernel.apply(step)
    assert kernel.held == before


def test_removal_goes_the_other_way_round() -> None:
    """Forwarding is switched off first, and the guard is the last to go."""
    held = brought(DESIRED, EMPTY).held
    previous = dict.fromkeys(DESIRED.sysctls, "9")
    changes = removal(held, previous, frozenset())
    assert order(changes) == [SetSysctl, ChangeTable, RemoveBlackhole, RemoveGuard]
    assert changes[0] == SetSysctl(key=FORWARDING, value="9", previous="1")
    assert RemoveGuard(link="eth0", hooks=True) in removal(held, {}, frozenset({"eth0"}))


def test_forwarding_of_single_links_is_restored_after_that_of_all() -> None:
    """Switching forwarding off sets every link, so a link that forwarded before is set again."""
    link = "net/ipv4/conf/eth0/forwarding"
    held = replace(EMPTY, sysctls={FORWARDING: "1", link: "1"})
    off = SetSysctl(key=FORWARDING, value="0", previous="1")
    on = SetSysctl(key=link, value="1", previous="1")
    assert removal(held, {link: "1", FORWARDING: "0"}, frozenset()) == (off, on)
    assert removal(held, {link: "1", FORWARDING: "1"}, frozenset()) == ()


def test_ipv6_is_put_back_as_it_was_link_by_link() -> None:
    """Its switch sets the links as well, and those of IPv4 are not concerned."""
    links = {"net/ipv6/conf/eth0/forwarding": "0", "net/ipv6/conf/eth0/force_forwarding": "1"}
    held = replace(EMPTY, sysctls={**links, FORWARDING6: "0", "net/ipv4/conf/eth0/forwarding": "1"})
    previous = {"net/ipv4/conf/eth0/forwarding": "1", FORWARDING6: "1", **links}
    assert removal(held, previous, frozenset()) == (
        SetSysctl(key=FORWARDING6, value="1", previous="0"),
        SetSysctl(key="net/ipv6/conf/eth0/force_forwarding", value="1", previous="1"),
        SetSysctl(key="net/ipv6/conf/eth0/forwarding", value="0", previous="0"),
    )


def test_a_kernel_without_ipv6_needs_no_setting_of_it() -> None:
    """What it lacks forwards nothing; a setting of IPv4 that is absent is asked for."""
    absent = {key: value for key, value in DESIRED.sysctls.items() if "ipv6" not in key}
    assert len(absent) < len(DESIRED.sysctls)
    asked = diff(DESIRED, replace(EMPTY, sysctls=absent))
    assert not any(isinstance(change, SetSysctl) for change in asked)
    assert any(isinstance(change, SetSysctl) for change in diff(DESIRED, EMPTY))


def test_removal_from_an_empty_kernel_does_nothing() -> None:
    """Where natgate made nothing, nothing is taken away, and a setting that is gone stays gone."""
    assert removal(EMPTY, {FORWARDING: "0"}, frozenset()) == ()


def test_what_the_rules_put_into_a_set_stays() -> None:
    """Its elements are the kernel's; only that the set is there is compared."""
    full = Lookup(name="c", type="ipv4_addr", elements={"10.0.0.1": ""})
    wanted = Lookup(name="c", type="ipv4_addr", dynamic=True)
    held = Observed(table=Table(lookups={"c": full}), ownership="mine")
    assert diff(Desired(table=Table(lookups={"c": wanted}), owned=True), held) == ()
