"""One node's kernel is kept as the spec wants it."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.agent.keeper import Keeper
from natgate.kernel.fake import FakeKernel
from natgate.model.change import Change, ChangeTable, SetGuard, SetSysctl
from natgate.model.error import HostError, RefusedError
from natgate.model.observed import Observed
from natgate.model.spec import Spec
from natgate.plan.compile import FORWARDING, NodeFacts, compile_node
from natgate.store.fake import FakeStore
from natgate.wire.config import parse_spec
from tests.specs import spec_with, specs, two_zones
from tests.states import differences

LINKS = ("eth0", "eth1")
SPEC = two_zones()
DESIRED = compile_node(SPEC, NodeFacts(name="node-a", links=LINKS))


class Killed(BaseException):
    """The process ends here."""


class BrokenKernel(FakeKernel):
    """Refuses one kind of change, makes none of it, or ends the process before a change."""

    refused: type[Change] | None = None
    ignored: type[Change] | None = None
    left: int | None = None
    ends: type[BaseException] = Killed

    def apply(self, change: Change) -> None:
        """As the kernel in memory, but for what is broken."""
        if type(change) is self.refused:
            raise HostError("no room left\nscript")
        if self.left is not None:
            if self.left == 0:
                raise self.ends
            self.left -= 1
        if type(change) is not self.ignored:
            super().apply(change)


class Bench:
    """A keeper over a kernel and a store in memory."""

    def __init__(
        self, *, kernel: type[FakeKernel] = FakeKernel, node: str = "node-a", **held: object
    ) -> None:
        sysctls = dict.fromkeys(DESIRED.sysctls, "7")
        self.before = replace(Observed(links=LINKS, sysctls=sysctls), **held)  # type: ignore[arg-type]
        self.kernel = kernel(held=self.before)
        self.store = FakeStore()
        self.keeper = Keeper(node=node, kernel=self.kernel, store=self.store)

    def break_after(self, changes: int | None, ends: type[BaseException] = Killed) -> None:
        """The kernel makes so many changes more, or any number again."""
        assert isinstance(self.kernel, BrokenKernel)
        self.kernel.left, self.kernel.ends = changes, ends


def test_it_brings_the_spec_into_force() -> None:
    """All changes are made, in order, and a second turn needs none."""
    bench = Bench()
    kept = bench.keeper.bring(SPEC)
    assert kept.error is None
    assert list(kept.changes) == bench.kernel.applied
    assert differences(DESIRED, bench.kernel.held) == {}
    assert bench.keeper.bring(SPEC).changes == ()
    assert bench.keeper.plan(SPEC)[2] == ()


def test_planning_changes_nothing() -> None:
    """A plan is what bringing would do, and nothing of it is done."""
    bench = Bench()
    desired, observed, changes = bench.keeper.plan(SPEC)
    assert (desired, observed) == (DESIRED, bench.before)
    assert bench.kernel.held == bench.before
    assert bench.keeper.bring(SPEC).changes == changes


@pytest.mark.parametrize(("works", "owned"), [(True, True), (False, False)])
def test_it_says_whether_the_table_is_owned(*, works: bool, owned: bool) -> None:
    """An older kernel cannot own tables, which is told and no failure."""
    kept = Bench(owner_works=works).keeper.bring(SPEC)
    assert (kept.owned, kept.owner_works, kept.error) == (owned, works, None)
    off = parse_spec(spec_with(("heartbeat:", 'host: {ownership: "off"}\nheartbeat:')))
    assert not Bench().keeper.bring(off).owned


def test_a_refused_change_is_reported_and_the_guard_stays() -> None:
    """What the kernel refuses ends the turn; what came before stays, forwarding is not set."""
    kernel = BrokenKernel(held=Bench().before)
    kernel.refused = ChangeTable
    kept = Keeper(node="node-a", kernel=kernel, store=FakeStore()).bring(SPEC)
    assert kept.error == "no room left"
    assert kernel.held.guards.keys() == set(LINKS)
    assert kernel.held.sysctls[FORWARDING] == "7"
    kernel.refused = None
    assert Keeper(node="node-a", kernel=kernel, store=FakeStore()).bring(SPEC).error is None
    assert differences(DESIRED, kernel.held) == {}


def test_a_change_without_effect_is_noticed() -> None:
    """After its changes the keeper looks again: what is still different is an error."""
    kernel = BrokenKernel(held=Bench().before)
    kernel.ignored = SetSysctl
    kept = Keeper(node="node-a", kernel=kernel, store=FakeStore()).bring(SPEC)
    assert kept.error is not None
    assert kept.error.startswith("something keeps undoing this change: sysctl -w net")


def test_a_change_by_others_is_put_right() -> None:
    """Drift is repaired with what differs, and with no more."""
    bench = Bench()
    bench.keeper.bring(SPEC)
    bench.kernel.held = replace(bench.kernel.held, sysctls={**DESIRED.sysctls, FORWARDING: "0"})
    kept = bench.keeper.bring(SPEC)
    assert kept.changes == (SetSysctl(key=FORWARDING, value="1", previous="0"),)


def test_it_remembers_what_was_there_before() -> None:
    """The first value of each setting, and the hooks that were not there, are stored."""
    bench = Bench(hooks=frozenset({"eth0"}))
    bench.keeper.bring(SPEC)
    assert bench.store.made("sysctl") == dict.fromkeys(DESIRED.sysctls, "7")
    assert bench.store.made("hooks") == {"eth1": ""}
    bench.kernel.held = replace(bench.kernel.held, sysctls=dict.fromkeys(DESIRED.sysctls, "9"))
    bench.keeper.bring(SPEC)
    assert set(bench.store.made("sysctl").values()) == {"7"}


def test_what_is_remembered_is_stored_before_it_is_changed() -> None:
    """Killed before any of its changes, natgate knows at least what to restore of those made."""
    for made in range(len(Bench().keeper.plan(SPEC)[2])):
        bench = Bench(kernel=BrokenKernel)
        _kill_after(bench, SPEC, made)
        for change in bench.kernel.applied:
            if isinstance(change, SetSysctl):
                assert bench.store.made("sysctl")[change.key] == "7"
            if isinstance(change, SetGuard):
                assert change.link in bench.store.made("hooks")


@given(specs(), st.integers(0, 20), st.integers(0, 20))
def test_remove_takes_away_what_was_made(spec: Spec, killed: int, tired: int) -> None:
    """After a spec, cut short or not, and a removal, cut short and repeated, all is as before."""
    bench = Bench(kernel=BrokenKernel, node=spec.nodes[0].name, hooks=frozenset({"eth1"}))
    _kill_after(bench, spec, killed)
    bench.break_after(tired, HostError)
    remembered = dict(bench.store.things)
    try:
        bench.keeper.remove()
    except HostError:
        assert bench.store.things == remembered
    bench.break_after(None)
    bench.keeper.remove()
    assert bench.kernel.held == bench.before
    assert (bench.store.latest(), bench.store.things) == (None, {})


def _kill_after(bench: Bench, spec: Spec, changes: int) -> None:
    """The process is killed in the middle of a turn, and starts again later."""
    bench.break_after(changes)
    with suppress(Killed):
        bench.keeper.bring(spec)
    bench.break_after(None)


def test_another_agents_table_is_not_removed() -> None:
    """A table that a living process owns is removed through that process."""
    bench = Bench()
    bench.keeper.bring(SPEC)
    bench.kernel.held = replace(bench.kernel.held, ownership="foreign")
    with pytest.raises(RefusedError, match="belongs to a running agent"):
        bench.keeper.remove()
    assert bench.kernel.held.table is not None


def test_counters_are_the_kernels() -> None:
    """What the kernel counts is handed on."""
    bench = Bench()
    bench.kernel.counts = {"guard": 3}
    assert bench.keeper.counters() == {"guard": 3}
