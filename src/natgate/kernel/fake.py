"""A kernel in memory, shipped and tested: it passes the same contract tests as the real one.

It refuses what the kernel refuses (a rule for a missing chain, a chain that is still jumped to), and
a refused transaction changes nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from itertools import pairwise

from natgate.model.address import Prefixes
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
    Delete,
    DeleteElements,
    DeleteTable,
    Flush,
    RemoveBlackhole,
    RemoveDetour,
    RemoveGuard,
    RemoveTunnel,
    SetGuard,
    SetSysctl,
    SetTunnel,
    TableStep,
)
from natgate.model.error import HostError
from natgate.model.flow import Flow
from natgate.model.observed import Observed, Ownership
from natgate.model.share import EVERY_PORT
from natgate.model.table import Chain, Lookup, Table

TUNNEL, TIMEOUT = "ng-vx", "ct timeout"


@dataclass(slots=True)
class FakeKernel:
    """A `Kernel` whose state can be looked at and disturbed by assigning to `held`."""

    held: Observed = field(default_factory=Observed)
    counts: dict[str, int] = field(default_factory=dict)
    applied: list[Change] = field(default_factory=list)
    closed: bool = False
    open: list[Flow] = field(default_factory=list)

    def observe(self) -> Observed:
        """What is there now."""
        return self.held

    def apply(self, change: Change) -> None:
        """Make one change, wholly or not at all."""
        held = self.held
        match change:
            case ChangeTable():
                table, ownership = held.table, held.ownership
                for step in change.steps:
                    table, ownership = _run(step, table, ownership)
                held = replace(held, table=table, ownership=ownership)
            case SetSysctl():
                held = replace(held, sysctls={**held.sysctls, change.key: change.value})
            case SetGuard():
                if change.link not in held.links:
                    raise HostError(f"link {change.link} is gone")
                guards = {**held.guards, change.link: change.guard}
                held = replace(held, guards=guards, hooks=held.hooks | {change.link})
            case RemoveGuard():
                guards = {k: v for k, v in held.guards.items() if k != change.link}
                gone = {change.link} if change.hooks else set[str]()
                held = replace(held, guards=guards, hooks=held.hooks - gone)
            case AddBlackhole():
                held = replace(held, blackholes=held.blackholes | {change.prefix})
            case RemoveBlackhole():
                held = replace(held, blackholes=held.blackholes - {change.prefix})
            case _:
                held = _hand_over(change, held)
        self.held = held
        self.applied.append(change)

    def end_untranslated(self, inside: Prefixes, internal: Prefixes) -> int:
        """There are no flows in memory."""
        del inside, internal
        return 0

    def end_withdrawn(
        self, inside: Prefixes, internal: Prefixes, allowed: Collection[IPv4Address]
    ) -> int:
        """There are no flows in memory."""
        del inside, internal, allowed
        return 0

    def flows(self) -> list[Flow]:
        """The flows that a test has opened."""
        return list(self.open)

    def end(self, chosen: Collection[Flow]) -> int:
        """They are gone."""
        self.open = [flow for flow in self.open if flow not in chosen]
        return len(chosen)

    def counters(self) -> Mapping[str, int]:
        """The counts that a test has set."""
        return self.counts

    def close(self) -> None:
        """Remember that it was called."""
        self.closed = True


def _hand_over(
    change: SetTunnel | RemoveTunnel | AddDetour | RemoveDetour, held: Observed
) -> Observed:
    """With the tunnel go the detours through it."""
    rest = frozenset(detour for detour in held.detours if not detour.tunnelled)
    match change:
        case SetTunnel():
            links = tuple(sorted({*held.links, TUNNEL}))
            return replace(held, tunnel=change.tunnel, detours=rest, links=links)
        case RemoveTunnel():
            links = tuple(link for link in held.links if link != TUNNEL)
            return replace(held, tunnel=None, detours=rest, links=links)
        case AddDetour():
            if change.detour.tunnelled and held.tunnel is None:
                raise HostError(f"link {TUNNEL} is gone")
            others = frozenset(d for d in held.detours if d.mark != change.detour.mark)
            return replace(held, detours=others | {change.detour})
        case RemoveDetour():
            return replace(held, detours=held.detours - {change.detour})


def _run(
    step: TableStep, table: Table | None, ownership: Ownership
) -> tuple[Table | None, Ownership]:
    if isinstance(step, AddTable):
        ownership = "mine" if step.owned else ownership
        return replace(table or Table(), asleep=False), ownership
    if table is None:
        raise HostError(f"no table: {step}")
    if isinstance(step, DeleteTable):
        return None, "none"
    return _change(step, table), ownership


def _change(step: TableStep, table: Table) -> Table:
    if isinstance(step, AddElements | DeleteElements):
        return _with_lookup(table, _change_elements(step, table))
    if isinstance(step, Delete):
        return _delete(table, step)
    if isinstance(step, AddTimeout):
        # As in the kernel, one that is there stays as it is.
        return replace(table, timeouts={step.timeout.name: step.timeout, **table.timeouts})
    return _add(step, table)


def _change_elements(step: AddElements | DeleteElements, table: Table) -> Lookup:
    lookup = _lookup(table, step.lookup)
    if isinstance(step, AddElements):
        for key, value in step.elements:
            _check_references(table, value)
            if lookup.elements.get(key, value) != value:
                raise HostError(f"element {key} has another value")
        return replace(lookup, elements={**lookup.elements, **dict(step.elements)})
    missing = [key for key in step.keys if key not in lookup.elements]
    if missing:
        raise HostError(f"no such element: {missing[0]}")
    kept = {key: value for key, value in lookup.elements.items() if key not in step.keys}
    return replace(lookup, elements=kept)


def _add(step: TableStep, table: Table) -> Table:
    match step:
        case AddObject():
            return replace(table, objects=table.objects | {(step.kind, step.name)})
        case AddLookup():
            fresh = replace(step.lookup, elements={})
            return replace(table, lookups={**table.lookups, fresh.name: fresh})
        case AddChain():
            chain = replace(step.chain, rules=())
            return replace(table, chains={**table.chains, chain.name: chain})
        case Flush() if step.kind == "chain":
            return _with_chain(table, replace(_chain(table, step.name), rules=()))
        case Flush():
            return _with_lookup(table, replace(_lookup(table, step.name), elements={}))
        case AddRule():
            chain = _chain(table, step.chain)
            _check_references(table, step.rule.text)
            return _with_chain(table, replace(chain, rules=(*chain.rules, step.rule)))
        case _:
            raise HostError(f"unknown step: {step}")


def _delete(table: Table, step: Delete) -> Table:
    if step.kind == "chain":
        if _chain(table, step.name).rules or step.name in _jumped_to(table):
            raise HostError(f"chain {step.name} is busy")
        return replace(table, chains={k: v for k, v in table.chains.items() if k != step.name})
    if step.kind in {"set", "map"}:
        _lookup(table, step.name)
        names = {f"@{step.name}", f"@{step.name}:{EVERY_PORT}"}
        if any(names & _words(c) for c in table.chains.values()):
            raise HostError(f"{step.kind} {step.name} is busy")
        kept = {k: v for k, v in table.lookups.items() if k != step.name}
        return replace(table, lookups=kept)
    held = {*table.objects, *((TIMEOUT, name) for name in table.timeouts)}
    if (step.kind, step.name) not in held:
        raise HostError(f"no such {step.kind}: {step.name}")
    if any(f'"{step.name}"' in _words(c) for c in table.chains.values()):
        raise HostError(f"{step.kind} {step.name} is busy")
    if step.kind == TIMEOUT:
        left = {k: v for k, v in table.timeouts.items() if k != step.name}
        return replace(table, timeouts=left)
    return replace(table, objects=table.objects - {(step.kind, step.name)})


def _words(chain: Chain) -> set[str]:
    return {word for rule in chain.rules for word in rule.text.split()}


def _jumped_to(table: Table) -> set[str]:
    values = [v for lookup in table.lookups.values() for v in lookup.elements.values()]
    texts = [rule.text for chain in table.chains.values() for rule in chain.rules]
    return {
        target
        for text in (*values, *texts)
        for word, target in pairwise(text.split())
        if word in {"jump", "goto"}
    }


def _check_references(table: Table, text: str) -> None:
    words = text.split()
    for word in words:
        name = word[1:].partition(":")[0]
        if word.startswith("@") and "," not in word and name not in table.lookups:
            raise HostError(f"no such set or map: {word}")
    for word, target in pairwise(words):
        if word in {"jump", "goto"} and target not in table.chains:
            raise HostError(f"no such chain: {target}")
        if word == "name" and ("counter", target.strip('"')) not in table.objects:
            raise HostError(f"no such counter: {target}")
        if (word, target[0]) == ("set", '"') and target.strip('"') not in table.timeouts:
            raise HostError(f"no such ct timeout: {target}")


def _chain(table: Table, name: str) -> Chain:
    if name not in table.chains:
        raise HostError(f"no such chain: {name}")
    return table.chains[name]


def _lookup(table: Table, name: str) -> Lookup:
    if name not in table.lookups:
        raise HostError(f"no such set or map: {name}")
    return table.lookups[name]


def _with_chain(table: Table, chain: Chain) -> Table:
    return replace(table, chains={**table.chains, chain.name: chain})


def _with_lookup(table: Table, lookup: Lookup) -> Table:
    return replace(table, lookups={**table.lookups, lookup.name: lookup})
