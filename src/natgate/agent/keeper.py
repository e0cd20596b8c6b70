"""Keeps one node's kernel as the spec wants it: observe, compile, diff, apply, and look again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from natgate.kernel.interface import Kernel
from natgate.model.change import Change, SetGuard, SetSysctl, with_elements
from natgate.model.desired import Desired
from natgate.model.edit import Edit
from natgate.model.error import BugError, HostError, NatgateError, RefusedError
from natgate.model.observed import Observed
from natgate.model.roles import Roles
from natgate.model.spec import Spec
from natgate.plan.compile import (
    NO_ROLES,
    SWITCHES,
    NodeFacts,
    compile_node,
    follows,
    inside_of,
    internal_of,
)
from natgate.plan.diff import diff, removal
from natgate.plan.quick import Index, Quick
from natgate.plan.stale import Stale, stale
from natgate.store.interface import Store

ROUNDS = 4
"""The last one only looks: what is still different after three has an opponent."""

FLOW_LIMIT = "net/netfilter/nf_conntrack_max"
"""How many flows the kernel keeps; it can be set in the machine's own namespace only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What one turn did: the changes that were needed, and why it failed if it did."""

    changes: tuple[Change, ...] = ()
    failure: NatgateError | None = None
    owned: bool = True
    owner_works: bool = True
    flow_limit: int | None = None

    @property
    def error(self) -> str | None:
        """Why the kernel is not as it should be, in one line."""
        return None if self.failure is None else str(self.failure).split("\n", 1)[0]


class Keeper:
    """Brings one node's kernel to a spec, and away from it again."""

    def __init__(
        self,
        *,
        node: str,
        kernel: Kernel,
        store: Store,
        end_daemons: Callable[[], None] = lambda: None,
    ) -> None:
        self._node = node
        self._end_daemons = end_daemons
        self._kernel = kernel
        self._store = store
        self._compiled: tuple[Spec, NodeFacts, Desired] | None = None
        self._index: Index | None = None

    def plan(
        self, spec: Spec, roles: Roles = NO_ROLES
    ) -> tuple[Desired, Observed, tuple[Change, ...]]:
        """What the kernel should hold, what it holds, and the changes between; nothing is done."""
        observed = self._kernel.observe()
        facts = NodeFacts(
            name=self._node, links=observed.links, owner_works=observed.owner_works, roles=roles
        )
        desired = self._compile(spec, facts)
        return desired, observed, diff(desired, observed)

    def _compile(self, spec: Spec, facts: NodeFacts) -> Desired:
        """The last answer is kept: it is asked for again and again, and may be of many entries."""
        if self._compiled is not None:
            before, known, desired = self._compiled
            if before is spec and known == facts:
                return desired
        desired = compile_node(spec, facts)
        self._compiled = (spec, facts, desired)
        return desired

    def quick(self, spec: Spec, edit: Edit) -> Quick | None:
        """How an edit of the spec in force is made at once; None if not without compiling it all."""
        if self._compiled is None or self._compiled[0] is not spec:
            return None
        if self._index is None or self._index.spec is not spec:
            self._index = Index(spec, self._node, self._compiled[2].table)
        return self._index.plan(edit)

    def make(self, edit: Edit, quick: Quick) -> None:
        """Make it, as `quick` has just planned it; HostError if the kernel refuses, for nothing."""
        if self._compiled is None or self._index is None:
            raise BugError("an edit is made that was not planned")
        self._kernel.apply(quick.change)
        _, facts, desired = self._compiled
        table = with_elements(desired.table, quick.change.steps)
        self._compiled = (quick.spec, facts, replace(desired, table=table))
        self._index.made(edit, quick)

    def bring(self, spec: Spec, roles: Roles = NO_ROLES) -> Kept:
        """Make every change that is needed, until a look at the kernel shows that none is.

        What others change meanwhile is changed again, in `ROUNDS` rounds at most. A failure is
        reported, never raised: the guard stays, so that nothing leaves untranslated.
        """
        done: list[Change] = []
        failure: NatgateError | None = None
        for _ in range(ROUNDS):
            try:
                desired, observed, changes = self.plan(spec, roles)
                if not changes:
                    return _kept(tuple(done), desired, observed)
                for change in changes:
                    self._remember(change, observed)
                    self._kernel.apply(change)
                    done.append(change)
                self._kernel.end_untranslated(inside_of(spec), internal_of(spec))
                failure = HostError(f"something keeps undoing this change: {changes[0]}")
            except NatgateError as error:
                failure = error
        return Kept(changes=tuple(done), failure=failure)

    def adopt(self, spec: Spec, roles: Roles) -> Kept:
        """Make the changes that new roles need, at once; whether they hold is for a later look."""
        done: list[Change] = []
        try:
            desired, observed, changes = self.plan(spec, roles)
            for change in changes:
                self._remember(change, observed)
                self._kernel.apply(change)
                done.append(change)
        except NatgateError as error:
            return Kept(changes=tuple(done), failure=error)
        return _kept(tuple(done), desired, observed)

    def end_withdrawn(self, spec: Spec) -> None:
        """End the flows from inside whose source, as the far end sees it, the spec does not have."""
        allowed = {fixed.address for gateway in spec.gateways for fixed in gateway.addresses}
        self._kernel.end_untranslated(inside_of(spec), internal_of(spec))
        self._kernel.end_withdrawn(inside_of(spec), internal_of(spec), allowed)

    def stale(self, spec: Spec, before: Spec | None) -> tuple[Stale, ...]:
        """The open flows that go on as they are, though `spec` would translate new ones otherwise."""
        return stale(spec, before, self._node, self._kernel.flows())

    def end_stale(self, spec: Spec, before: Spec | None) -> int:
        """End them; how many there were."""
        return self._kernel.end([each.flow for each in self.stale(spec, before)])

    def counters(self) -> Mapping[str, int]:
        """Packets per named counter and per entry, and those the guard dropped."""
        return self._kernel.counters()

    def remove(self) -> tuple[Change, ...]:
        """Take away all that natgate made on this node, and only that; what was done.

        The store forgets last, so that an interrupted removal is finished by the next one.
        """
        observed = self._kernel.observe()
        hooks = frozenset(self._store.made("hooks"))
        changes = removal(observed, self._store.made("sysctl"), hooks)
        if observed.table is not None and observed.ownership == "foreign":
            raise RefusedError(
                "the table belongs to a running agent: remove through it, without --once"
            )
        self._end_daemons()
        for change in changes:
            self._kernel.apply(change)
        self._store.forget()
        return changes

    def _remember(self, change: Change, observed: Observed) -> None:
        """What was there before the first change, so that removing can restore it."""
        if isinstance(change, SetSysctl) and change.previous is not None:
            self._store.remember("sysctl", change.key, change.previous)
            if change.key in SWITCHES:  # the kernel then sets every link's as well
                for key, value in observed.sysctls.items():
                    if follows(change.key, key):
                        self._store.remember("sysctl", key, value)
        if isinstance(change, SetGuard) and change.link not in observed.hooks:
            self._store.remember("hooks", change.link, "")


def _kept(changes: tuple[Change, ...], desired: Desired, observed: Observed) -> Kept:
    limit = observed.sysctls.get(FLOW_LIMIT)
    return Kept(
        changes=changes,
        owned=desired.owned and observed.ownership == "mine",
        owner_works=observed.owner_works,
        flow_limit=int(limit) if limit else None,
    )
