"""Desired and observed to the changes that lead from the one to the other, in a safe order.

The order fails closed: the guard first, then the rules (one transaction), then the settings, with
forwarding last. Removing goes the other way round. Each change can be repeated, so an interrupted
plan is finished by the next one.
"""

from collections.abc import Iterable, Iterator, Mapping

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
from natgate.model.desired import Desired, Detour
from natgate.model.observed import Observed
from natgate.model.table import Chain, Lookup, Table
from natgate.plan.compile import IPV6, SWITCHES, follows

EMPTY = Table()
TIMEOUT = "ct timeout"


def diff(desired: Desired, observed: Observed) -> tuple[Change, ...]:
    """The changes that make `observed` hold `desired`; empty if it does already."""
    changes: list[Change] = []
    for link, guard in sorted(desired.guards.items()):
        if observed.guards.get(link) != guard:
            changes.append(SetGuard(link=link, guard=guard))
    missing = desired.blackholes - observed.blackholes
    changes += [AddBlackhole(prefix=prefix) for prefix in sorted(missing)]
    detours = observed.detours
    if desired.tunnel is not None and desired.tunnel != observed.tunnel:
        changes.append(SetTunnel(tunnel=desired.tunnel))
        detours = frozenset(d for d in detours if not d.tunnelled)  # they go with the old link
    changes += [AddDetour(detour=d) for d in _by_mark(desired.detours - detours)]
    steps = tuple(_table_steps(desired, observed))
    if steps:
        changes.append(ChangeTable(steps=steps))
    kept = {detour.mark for detour in desired.detours}
    changes += [
        RemoveDetour(detour=d)
        for d in _by_mark(observed.detours - desired.detours)
        if d.mark not in kept
    ]
    if desired.tunnel is None and observed.tunnel is not None:
        changes.append(RemoveTunnel())
    extra = observed.blackholes - desired.blackholes
    changes += [RemoveBlackhole(prefix=prefix) for prefix in sorted(extra)]
    for link in sorted(observed.guards.keys() - desired.guards.keys()):
        changes.append(RemoveGuard(link=link))
    for key, value in desired.sysctls.items():
        if key.startswith(IPV6) and key not in observed.sysctls:
            continue  # a kernel without it forwards no IPv6 by it
        if observed.sysctls.get(key) != value:
            previous = observed.sysctls.get(key)
            changes.append(SetSysctl(key=key, value=value, previous=previous))
    return tuple(changes)


def removal(
    observed: Observed, previous: Mapping[str, str], hooks: frozenset[str]
) -> tuple[Change, ...]:
    """The changes that take away all that natgate made, and nothing else.

    `previous`: the settings as they were before natgate. `hooks`: the links whose classifier
    hooks natgate made.
    """
    changes: list[Change] = list(_settings_back(observed.sysctls, previous))
    if observed.table is not None:
        changes.append(ChangeTable(steps=(DeleteTable(),)))
    changes += [RemoveDetour(detour=detour) for detour in _by_mark(observed.detours)]
    if observed.tunnel is not None:
        changes.append(RemoveTunnel())
    changes += [RemoveBlackhole(prefix=prefix) for prefix in sorted(observed.blackholes)]
    changes += [RemoveGuard(link=link, hooks=link in hooks) for link in sorted(observed.guards)]
    return tuple(changes)


def _by_mark(detours: Iterable[Detour]) -> list[Detour]:
    return sorted(detours, key=lambda detour: detour.mark)


def _settings_back(present: Mapping[str, str], previous: Mapping[str, str]) -> Iterator[SetSysctl]:
    """Forwarding first: it sets that of every link, so each of these is written after it."""
    switches = [
        key for key in SWITCHES if key in previous and present.get(key) not in {None, previous[key]}
    ]
    others = [key for key in reversed(list(previous)) if key not in SWITCHES]
    for key in (*switches, *others):
        again = any(follows(switch, key) for switch in switches)
        if key in present and (again or present[key] != previous[key]):
            yield SetSysctl(key=key, value=previous[key], previous=present[key])


def _table_steps(desired: Desired, observed: Observed) -> Iterator[TableStep]:
    table = desired.table
    held = observed.table
    wrong_owner = observed.ownership == ("none" if desired.owned else "mine")
    if held is not None and (wrong_owner or held.asleep):
        # A plain table cannot be taken into ownership in place, nor an owned one be let go;
        # of one that sleeps nobody can tell what it holds.
        yield DeleteTable()
        held = None
    if held is None:
        yield AddTable(owned=desired.owned)
    held = held or EMPTY
    if not _same_frame(table, held):
        yield from _clear(held)
        held = EMPTY
    yield from _add_frame(table, held)
    yield from _change_rules(table, held)
    for name, lookup in table.lookups.items():
        if lookup.dynamic:
            continue
        old = held.lookups.get(name)
        yield from _change_elements(lookup, old.elements if old else {})
    yield from _remove_extra(table, held)


def _same_frame(table: Table, held: Table) -> bool:
    """Whether everything of the same name is of the same kind, so that it can be kept."""
    chains = all(
        held.chains[name].hook == chain.hook
        for name, chain in table.chains.items()
        if name in held.chains
    )
    timeouts = all(
        held.timeouts[name] == timeout
        for name, timeout in table.timeouts.items()
        if name in held.timeouts
    )
    return (chains and timeouts) and all(
        _kind(held.lookups[name]) == _kind(lookup)
        for name, lookup in table.lookups.items()
        if name in held.lookups
    )


def _kind(lookup: Lookup) -> tuple[str, bool]:
    return lookup.type, lookup.interval


def _word(lookup: Lookup) -> str:
    return "map" if lookup.is_map else "set"


def _clear(held: Table) -> Iterator[TableStep]:
    """Take everything out of the table, references first."""
    for name in held.chains:
        yield Flush(kind="chain", name=name)
    for lookup in held.lookups.values():
        yield Delete(kind=_word(lookup), name=lookup.name)
    for name in held.chains:
        yield Delete(kind="chain", name=name)
    for kind, name in sorted(held.objects):
        yield Delete(kind=kind, name=name)
    for name in held.timeouts:
        yield Delete(kind=TIMEOUT, name=name)


def _add_frame(table: Table, held: Table) -> Iterator[TableStep]:
    """Chains before maps: nft 1.0.6 sends the intervals of a new map along with the map itself."""
    for kind, name in sorted(table.objects - held.objects):
        yield AddObject(kind=kind, name=name)
    for name, timeout in table.timeouts.items():
        if name not in held.timeouts:
            yield AddTimeout(timeout=timeout)
    for name, chain in table.chains.items():
        if name not in held.chains:
            yield AddChain(chain=chain)
    for name, lookup in table.lookups.items():
        if name not in held.lookups:
            yield AddLookup(lookup=lookup)


def _change_rules(table: Table, held: Table) -> Iterator[TableStep]:
    for name, chain in table.chains.items():
        old = held.chains.get(name, Chain(name=name))
        if old.rules == chain.rules:
            continue
        if old.rules:
            yield Flush(kind="chain", name=name)
        for rule in chain.rules:
            yield AddRule(chain=name, rule=rule)


def _change_elements(lookup: Lookup, held: Mapping[str, str]) -> Iterator[TableStep]:
    stale = tuple(k for k, value in held.items() if lookup.elements.get(k) != value)
    fresh = tuple((k, value) for k, value in lookup.elements.items() if held.get(k) != value)
    if stale:
        yield DeleteElements(lookup=lookup.name, keys=stale)
    if fresh:
        yield AddElements(lookup=lookup.name, elements=fresh)


def _remove_extra(table: Table, held: Table) -> Iterator[TableStep]:
    chains = [name for name in held.chains if name not in table.chains]
    for name in chains:
        yield Flush(kind="chain", name=name)
    for name, lookup in held.lookups.items():
        if name not in table.lookups:
            yield Delete(kind=_word(lookup), name=name)
    for name in chains:
        yield Delete(kind="chain", name=name)
    for kind, name in sorted(held.objects - table.objects):
        yield Delete(kind=kind, name=name)
    for name in held.timeouts:
        if name not in table.timeouts:
            yield Delete(kind=TIMEOUT, name=name)
