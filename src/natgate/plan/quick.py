"""One entry more or less among many, as elements of maps that the kernel holds already.

Only where nothing else follows from it: an element says it all (`snat.plain`), and hosts of the same
subnets leave by this gateway already. Everything else is compiled as a whole.
"""

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from operator import is_not

from natgate.model.address import Prefixes, collapse
from natgate.model.change import AddElements, ChangeTable, DeleteElements, TableStep
from natgate.model.edit import AddEntry, Edit, RemoveEntry, edited, gateway_of, with_entries
from natgate.model.entries import snat_problems
from natgate.model.gateway import Entry, SnatEntry
from natgate.model.roles import Roles
from natgate.model.spec import Spec
from natgate.model.table import Lookup, Table
from natgate.plan import snat


@dataclass(frozen=True, slots=True, kw_only=True)
class Quick:
    """An edit that can be made at once: the entry, its elements, and the change in the kernel."""

    spec: Spec
    entry: SnatEntry
    lookups: tuple[Lookup, ...]
    change: ChangeTable


class Index:
    """A spec and a node's table, so indexed that one edit need not look at all of them."""

    def __init__(self, spec: Spec, node: str, table: Table) -> None:
        self.spec = spec
        self._node = node
        self._clients: Prefixes = collapse(
            s.cidr for s in spec.network.subnets if s.kind == "client"
        )
        subnets = sorted((int(s.cidr[0]), int(s.cidr[-1])) for s in spec.network.subnets)
        self._first = [first for first, _ in subnets]
        self._last = [last for _, last in subnets]
        self._taken: dict[str, set[str]] = {}
        self._reached: Counter[int | None] = Counter()
        for lookup in table.lookups.values():
            if lookup.counted:
                self._taken[lookup.name] = set()
                self._count(lookup, 1)
        self._chained = {
            (name.removeprefix("snat"), key)
            for name, lookup in table.lookups.items()
            if name.startswith("snat")
            for key in lookup.elements
        }
        self._names: dict[str, Entry] = {}
        for gateway in spec.gateways:
            for entries in (gateway.own, gateway.dnat, gateway.snat):
                self._names.update((gateway.label(entry), entry) for entry in entries)

    def plan(self, edit: Edit) -> Quick | None:
        """How an edit is made at once; None if it has to be compiled, or refused, as a whole."""
        if len(self.spec.gateways) > 1:  # of which route a host takes each has its say
            return None
        return self._adding(edit) if isinstance(edit, AddEntry) else self._removing(edit)

    def made(self, edit: Edit, quick: Quick) -> None:
        """The edit is in force."""
        sign = 1 if isinstance(edit, AddEntry) else -1
        for lookup in quick.lookups:
            self._count(lookup, sign)
        label = f"{edit.gateway}/{quick.entry.name}"
        if sign > 0:
            self._names[label] = quick.entry
        else:
            del self._names[label]
        self.spec = quick.spec

    def _adding(self, edit: AddEntry) -> Quick | None:
        label, entry = f"{edit.gateway}/{edit.entry.name}", edit.entry
        if not isinstance(entry, SnatEntry) or label in self._names:
            return None
        gateway = gateway_of(self.spec, edit.gateway)
        if len(gateway.snat) >= self.spec.quotas.snat:
            return None
        if any(snat_problems(self.spec, self._clients, gateway, entry, "entry")):
            return None
        lookups = self._lookups(edit.gateway, entry)
        if lookups is None or not all(self._fits(lookup) for lookup in lookups):
            return None
        steps: tuple[TableStep, ...] = tuple(
            AddElements(lookup=lookup.name, elements=tuple(lookup.elements.items()))
            for lookup in lookups
        )
        spec, change = edited(self.spec, edit), ChangeTable(steps=steps)
        return Quick(spec=spec, entry=entry, lookups=lookups, change=change)

    def _removing(self, edit: RemoveEntry) -> Quick | None:
        entry = self._names.get(f"{edit.gateway}/{edit.name}")
        if not isinstance(entry, SnatEntry):
            return None
        lookups = self._lookups(edit.gateway, entry)
        if lookups is None or not self._alone(lookups) or not self._others_stay(lookups):
            return None
        steps: tuple[TableStep, ...] = tuple(
            DeleteElements(lookup=lookup.name, keys=tuple(lookup.elements)) for lookup in lookups
        )
        gateway = gateway_of(self.spec, edit.gateway)
        rest = tuple(filter(partial(is_not, entry), gateway.snat))
        spec = with_entries(self.spec, gateway, "snat", rest)
        change = ChangeTable(steps=steps)
        return Quick(spec=spec, entry=entry, lookups=lookups, change=change)

    def _lookups(self, name: str, entry: SnatEntry) -> tuple[Lookup, ...] | None:
        """What the table holds of one plain entry; None if it is more than elements."""
        gateway = gateway_of(self.spec, name).model_copy(update={"snat": (entry,)})
        if self._node not in self.spec.nodes_of(gateway) or entry.network:
            return None
        alone = self.spec.model_copy(update={"gateways": (gateway,)})
        groups = snat.groups_of(alone, (gateway,), self._node, Roles())
        if not all(snat.plain(group) for group in groups.values()):
            return None
        lookups = tuple(snat.source_maps(groups))
        return lookups if all(lookup.name in self._taken for lookup in lookups) else None

    def _fits(self, lookup: Lookup) -> bool:
        """No other entry has these sources, and hosts beside them leave by this gateway."""
        length = lookup.name.removeprefix("address")
        for key in lookup.elements:
            address = _address(key)
            if address in self._taken[lookup.name] or (length, address) in self._chained:
                return False
            if not self._reached[self._subnet(key)]:
                return False
        return True

    def _alone(self, lookups: tuple[Lookup, ...]) -> bool:
        """No other entry shares a source with it, in whose chain it would then be a rule."""
        return all(
            _address(key) in self._taken[lookup.name]
            for lookup in lookups
            for key in lookup.elements
        )

    def _others_stay(self, lookups: tuple[Lookup, ...]) -> bool:
        """Routes and maps are still needed when these elements are gone."""
        keys = Counter(self._subnet(key) for lookup in lookups for key in lookup.elements)
        return all(self._reached[subnet] > count for subnet, count in keys.items()) and all(
            len(self._taken[each.name]) > len(each.elements) for each in lookups
        )

    def _count(self, lookup: Lookup, sign: int) -> None:
        taken = self._taken[lookup.name]
        for key in lookup.elements:
            taken.add(_address(key)) if sign > 0 else taken.discard(_address(key))
            self._reached[self._subnet(key)] += sign

    def _subnet(self, key: str) -> int | None:
        """The place of the subnet that holds an element's source."""
        number = int(IPv4Address(_address(key)))
        place = bisect_right(self._first, number) - 1
        return place if place >= 0 and number <= self._last[place] else None


def _address(key: str) -> str:
    return key.partition(" ")[0]
