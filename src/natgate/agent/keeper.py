"""Keeps one node's kernel as the spec wants it: observe, compile, diff, apply, and look again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from natgate.kernel.interface import Kernel
from natgate.model.change import Change, RemoveBlackhole, SetGuard, SetSysctl
from natgate.model.desired import Desired
from natgate.model.error import HostError, NatgateError, RefusedError
from natgate.model.observed import Observed
from natgate.model.spec import Spec
from natgate.plan.compile import NodeFacts, compile_node, inside_of, internal_of
from natgate.plan.diff import diff, removal
from natgate.store.interface import Store

FLOW_LIMIT = "net/netfilter/nf_conntrack_max"
"""How many flows the kernel keeps; it can be set in the machine's own namespace only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What one turn did: the changes that were needed, and why it failed if it did."""

    changes: tuple[Change, ...] = ()
    error: str | None = None
    owned: bool = True
    owner_works: bool = True
    flow_limit: int | None = None


class Keeper:
    """Brings one node's kernel to a spec, and away from it again."""

    def __init__(self, *, node: str, kernel: Kernel, store: Store) -> None:
        self._node = node
        self._kernel = kernel
        self._store = store

    def plan(self, spec: Spec) -> tuple[Desired, Observed, tuple[Change, ...]]:
        """What the kernel should hold, what it holds, and the changes between; nothing is done."""
        observed = self._kernel.observe()
        facts = NodeFacts(name=self._node, links=observed.links, owner_works=observed.owner_works)
        desired = compile_node(spec, facts)
        return desired, observed, diff(desired, observed)

    def bring(self, spec: Spec, *, after: Callable[[Change], None] = lambda _: None) -> Kept:
        """Make every change that is needed and verify it by looking again.

        A failure is reported, never raised: the guard stays, so that nothing leaves untranslated.
        `after` is called after each change.
        """
        done: list[Change] = []
        try:
            desired, observed, changes = self.plan(spec)
            for change in changes:
                self._remember(change, observed)
                self._kernel.apply(change)
                done.append(change)
                after(change)
            if changes:
                self._end_flows(spec, changes)
                left = self.plan(spec)[2]
                if left:
                    raise HostError(f"after the change this is still different: {left[0]}")
        except NatgateError as error:
            return Kept(changes=tuple(done), error=str(error))
        limit = observed.sysctls.get(FLOW_LIMIT)
        return Kept(
            changes=tuple(done),
            owned=desired.owned,
            owner_works=observed.owner_works,
            flow_limit=int(limit) if limit else None,
        )

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
        for change in changes:
            self._kernel.apply(change)
        self._store.forget()
        return changes

    def _end_flows(self, spec: Spec, changes: tuple[Change, ...]) -> None:
        """End what began without a rule, and what uses an address that the spec no longer has."""
        self._kernel.end_untranslated(inside_of(spec), internal_of(spec))
        withdrawn = {
            change.prefix.network_address
            for change in changes
            if isinstance(change, RemoveBlackhole)
        }
        if withdrawn:
            self._kernel.end_translated_to(withdrawn)

    def _remember(self, change: Change, observed: Observed) -> None:
        """What was there before the first change, so that removing can restore it."""
        if isinstance(change, SetSysctl) and change.previous is not None:
            self._store.remember("sysctl", change.key, change.previous)
        if isinstance(change, SetGuard) and change.link not in observed.hooks:
            self._store.remember("hooks", change.link, "")
