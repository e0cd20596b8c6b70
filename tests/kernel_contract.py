"""What every `Kernel` does: the tests that the one in memory and the real one both pass."""

from ipaddress import IPv4Network

import pytest

from natgate.kernel.interface import Kernel
from natgate.model.change import (
    AddBlackhole,
    AddChain,
    AddElements,
    AddLookup,
    AddObject,
    AddRule,
    AddTable,
    AddTimeout,
    ChangeTable,
    Delete,
    DeleteElements,
    DeleteTable,
    Flush,
    RemoveBlackhole,
    RemoveGuard,
    SetGuard,
    SetSysctl,
    TableStep,
)
from natgate.model.desired import Desired, Guard
from natgate.model.error import NatgateError
from natgate.model.observed import Observed
from natgate.model.table import Chain, Hook, Lookup, Rule, Table, Timeout
from natgate.plan.compile import NodeFacts, compile_node
from natgate.plan.diff import diff, removal
from tests.specs import two_zones
from tests.states import differences

PREFIX = IPv4Network("192.0.2.1/32")
GUARD = Guard(inside=(IPv4Network("10.0.0.0/8"),), internal=(IPv4Network("10.1.0.0/16"),))
BASE = Chain(name="base", hook=Hook(type="filter", hook="forward", priority=0))
VERDICTS = Lookup(name="verdicts", type="ipv4_addr : verdict")
IDLE = Timeout(name="idle", protocol="tcp", policy={"established": 900})

SMALL: tuple[TableStep, ...] = (
    AddTable(),
    AddObject(kind="counter", name="seen"),
    AddTimeout(timeout=IDLE),
    AddLookup(lookup=VERDICTS),
    AddLookup(lookup=Lookup(name="some", type="ipv4_addr")),
    AddChain(chain=BASE),
    AddChain(chain=Chain(name="inner")),
    AddRule(chain="inner", rule=Rule(text="ip daddr @some drop", comment="why")),
    AddRule(chain="base", rule=Rule(text='counter name "seen"')),
    AddRule(chain="base", rule=Rule(text="ip saddr vmap @verdicts")),
    AddRule(chain="base", rule=Rule(text='ct timeout set "idle"')),
    AddElements(lookup="verdicts", elements=(("10.0.0.1", "jump inner"),)),
    AddElements(lookup="some", elements=(("10.0.0.1", ""), ("10.0.0.2", ""))),
)

REFUSED: dict[str, tuple[TableStep, ...]] = {
    "a rule for a missing chain": (AddRule(chain="nowhere", rule=Rule(text="drop")),),
    "a jump to a missing chain": (AddRule(chain="base", rule=Rule(text="jump nowhere")),),
    "a missing set": (AddRule(chain="base", rule=Rule(text="ip saddr @nowhere drop")),),
    "a missing counter": (AddRule(chain="base", rule=Rule(text='counter name "nothing"')),),
    "missing time-outs": (AddRule(chain="base", rule=Rule(text='ct timeout set "nothing"')),),
    "time-outs that are in use": (Delete(kind="ct timeout", name="idle"),),
    "time-outs that are not there": (Delete(kind="ct timeout", name="nothing"),),
    "an element for a missing set": (AddElements(lookup="nowhere", elements=(("10.0.0.9", ""),)),),
    "an element that leads nowhere": (
        AddElements(lookup="verdicts", elements=(("10.0.0.9", "jump nowhere"),)),
    ),
    "an element with another value": (
        AddElements(lookup="verdicts", elements=(("10.0.0.1", "drop"),)),
    ),
    "an element that is not there": (DeleteElements(lookup="some", keys=("10.0.0.9",)),),
    "a chain that is jumped to": (
        Flush(kind="chain", name="inner"),
        Delete(kind="chain", name="inner"),
    ),
    "a set that is in use": (Delete(kind="set", name="some"),),
    "a counter that is in use": (Delete(kind="counter", name="seen"),),
    "a chain that is not there": (Delete(kind="chain", name="nowhere"),),
    "a set that is not there": (Delete(kind="set", name="nowhere"),),
    "a counter that is not there": (Delete(kind="counter", name="nothing"),),
    "flushing a chain that is not there": (Flush(kind="chain", name="nowhere"),),
}
"""What a kernel refuses of the small table."""


def small(kernel: Kernel) -> Observed:
    """The kernel with the small table."""
    kernel.apply(ChangeTable(steps=SMALL))
    return kernel.observe()


def bring(kernel: Kernel) -> Desired:
    """The kernel brought to the spec of source 000."""
    observed = kernel.observe()
    facts = NodeFacts(name="node-a", links=observed.links, owner_works=observed.owner_works)
    desired = compile_node(two_zones(), facts)
    for change in diff(desired, observed):
        kernel.apply(change)
    return desired


class KernelContract:
    """A class of tests; its children say which kernel by the fixture `kernel`."""

    def test_it_begins_empty(self, kernel: Kernel) -> None:
        """A fresh kernel holds nothing of natgate's, and has links."""
        observed = kernel.observe()
        assert (observed.table, observed.ownership) == (None, "none")
        assert (observed.guards, observed.blackholes, observed.hooks) == (
            {},
            frozenset(),
            frozenset(),
        )
        assert len(observed.links) >= 2

    def test_what_was_applied_is_observed(self, kernel: Kernel) -> None:
        """Brought to a spec, a kernel holds exactly that, and no change is left to make."""
        desired = bring(kernel)
        assert differences(desired, kernel.observe()) == {}
        assert diff(desired, kernel.observe()) == ()

    def test_a_table_is_read_back_as_it_was_written(self, kernel: Kernel) -> None:
        """Chains, rules, comments, sets, maps, counters and time-outs come back in natgate's own words."""
        inner = Rule(text="ip daddr @some drop", comment="why")
        rules = (
            Rule(text='counter name "seen"'),
            Rule(text="ip saddr vmap @verdicts"),
            Rule(text='ct timeout set "idle"'),
        )
        assert small(kernel).table == Table(
            chains={
                "base": Chain(name="base", hook=BASE.hook, rules=rules),
                "inner": Chain(name="inner", rules=(inner,)),
            },
            lookups={
                "verdicts": Lookup(
                    name="verdicts", type=VERDICTS.type, elements={"10.0.0.1": "jump inner"}
                ),
                "some": Lookup(
                    name="some", type="ipv4_addr", elements={"10.0.0.1": "", "10.0.0.2": ""}
                ),
            },
            objects=frozenset({("counter", "seen")}),
            timeouts={"idle": IDLE},
        )

    def test_elements_are_taken_out_one_by_one_or_all(self, kernel: Kernel) -> None:
        """Sets and maps can be emptied, wholly or in part."""
        small(kernel)
        steps = (
            DeleteElements(lookup="some", keys=("10.0.0.1",)),
            Flush(kind="map", name="verdicts"),
        )
        kernel.apply(ChangeTable(steps=steps))
        table = kernel.observe().table
        assert table is not None
        assert dict(table.lookups["some"].elements) == {"10.0.0.2": ""}
        assert dict(table.lookups["verdicts"].elements) == {}

    def test_timeouts_that_are_there_stay_as_they_are(self, kernel: Kernel) -> None:
        """Other ones of the same name can only be made once these are deleted."""
        small(kernel)
        other = Timeout(name="idle", protocol="tcp", policy={"established": 5})
        kernel.apply(ChangeTable(steps=(AddTimeout(timeout=other),)))
        table = kernel.observe().table
        assert table is not None
        assert dict(table.timeouts) == {"idle": IDLE}

    def test_everything_can_be_deleted(self, kernel: Kernel) -> None:
        """References first, each part can go; then the table itself."""
        small(kernel)
        flushes = (Flush(kind="chain", name="base"), Flush(kind="chain", name="inner"))
        lookups = (Delete(kind="map", name="verdicts"), Delete(kind="set", name="some"))
        rest = (Delete(kind="chain", name="base"), Delete(kind="chain", name="inner"))
        objects = (Delete(kind="counter", name="seen"), Delete(kind="ct timeout", name="idle"))
        kernel.apply(ChangeTable(steps=(*flushes, *lookups, *rest, *objects)))
        assert kernel.observe().table == Table()
        kernel.apply(ChangeTable(steps=(DeleteTable(),)))
        assert kernel.observe().table is None

    @pytest.mark.parametrize("steps", REFUSED.values(), ids=REFUSED)
    def test_a_transaction_that_fails_changes_nothing(
        self, kernel: Kernel, steps: tuple[TableStep, ...]
    ) -> None:
        """What is refused leaves the table as it was, also what the script did before."""
        before = small(kernel)
        first = AddElements(lookup="some", elements=(("10.9.9.9", ""),))
        with pytest.raises(NatgateError):
            kernel.apply(ChangeTable(steps=(first, *steps)))
        assert kernel.observe() == before

    @pytest.mark.parametrize("owned", [False, True])
    def test_a_first_transaction_that_fails_leaves_no_table(
        self, kernel: Kernel, *, owned: bool
    ) -> None:
        """Of a table made for a script that fails nothing is left, owned or not."""
        steps = (AddTable(owned=owned), AddRule(chain="nowhere", rule=Rule(text="drop")))
        with pytest.raises(NatgateError):
            kernel.apply(ChangeTable(steps=steps))
        assert kernel.observe().table is None

    def test_a_table_can_be_owned(self, kernel: Kernel) -> None:
        """Where the kernel can, the table belongs to this process; made anew, it is plain again."""
        kernel.apply(ChangeTable(steps=(AddTable(owned=True), AddChain(chain=BASE))))
        assert kernel.observe().ownership == "mine"
        kernel.apply(ChangeTable(steps=(DeleteTable(), AddTable())))
        assert kernel.observe().ownership == "none"
        kernel.apply(ChangeTable(steps=(DeleteTable(), AddTable(owned=True))))
        assert kernel.observe().ownership == "mine"
        kernel.apply(ChangeTable(steps=(DeleteTable(),)))
        assert (kernel.observe().table, kernel.observe().ownership) == (None, "none")

    def test_a_guard_is_set_replaced_and_removed(self, kernel: Kernel) -> None:
        """One guard for each link, replaced at once, and removed with the hooks that it needed."""
        link = kernel.observe().links[0]
        other = Guard(inside=GUARD.inside, internal=())
        for guard in (GUARD, other, other):
            kernel.apply(SetGuard(link=link, guard=guard))
            assert dict(kernel.observe().guards) == {link: guard}
        assert kernel.observe().hooks == {link}
        kernel.apply(RemoveGuard(link=link))
        assert not kernel.observe().guards
        assert kernel.observe().hooks == {link}
        kernel.apply(RemoveGuard(link=link, hooks=True))
        kernel.apply(RemoveGuard(link=link, hooks=True))
        assert kernel.observe().hooks == frozenset()

    def test_a_guard_for_a_link_that_is_gone(self, kernel: Kernel) -> None:
        """It cannot be set, and need not be removed."""
        with pytest.raises(NatgateError, match="link nowhere is gone"):
            kernel.apply(SetGuard(link="nowhere", guard=GUARD))
        kernel.apply(RemoveGuard(link="nowhere", hooks=True))

    def test_a_blackhole_can_be_made_and_removed_again_and_again(self, kernel: Kernel) -> None:
        """Making what is there and removing what is gone does no harm."""
        for held in (frozenset({PREFIX}), frozenset({PREFIX})):
            kernel.apply(AddBlackhole(prefix=PREFIX))
            assert kernel.observe().blackholes == held
        for _ in range(2):
            kernel.apply(RemoveBlackhole(prefix=PREFIX))
            assert kernel.observe().blackholes == frozenset()

    def test_a_setting_is_written_and_read(self, kernel: Kernel) -> None:
        """A setting has the value that was written last."""
        for value in ("1", "0"):
            kernel.apply(SetSysctl(key="net/ipv4/ip_forward", value=value, previous=None))
            assert kernel.observe().sysctls["net/ipv4/ip_forward"] == value

    def test_removal_leaves_what_was_there_before(self, kernel: Kernel) -> None:
        """After everything is taken away again, the kernel is as it was."""
        before = kernel.observe()
        desired = bring(kernel)
        previous = {key: before.sysctls[key] for key in desired.sysctls}
        for change in removal(kernel.observe(), previous, frozenset(before.links)):
            kernel.apply(change)
        assert kernel.observe() == before

    def test_nothing_untranslated_is_found_where_nothing_flows(self, kernel: Kernel) -> None:
        """Without flows there is none to end."""
        assert kernel.end_untranslated(GUARD.inside, ()) == 0

    def test_closing_leaves_what_was_applied(self, kernel: Kernel) -> None:
        """A kernel that is closed gives back its sockets and nothing else."""
        bring(kernel)
        kernel.close()
