"""One change to a node's kernel; it prints as exactly what will be run. A plan is a tuple of them."""

from dataclasses import dataclass, replace
from ipaddress import IPv4Network

from natgate.model.desired import Detour, Guard, Tunnel
from natgate.model.table import TABLE, Chain, Lookup, Rule, Table, Timeout

_TYPES = {
    "integer : verdict": "typeof icmp id : verdict",
    "ipv4_addr : ipv4_addr . inet_service": "type ipv4_addr : interval ipv4_addr . inet_service",
}
"""What nft lists as an integer has no name that it takes; of ranges as values it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTable:
    """Create the table, or wake it; owned and persistent if asked (kernel 6.9)."""

    owned: bool = False

    def __str__(self) -> str:
        """As nft reads it; nft 1.0.6 has no word for the flags, they go over netlink."""
        return f"add table ip {TABLE}" + (" # flags owner, persist" if self.owned else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTable:
    """Remove the table and all in it."""

    def __str__(self) -> str:
        """As nft reads it."""
        return f"delete table ip {TABLE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddObject:
    """Create a named object such as a counter."""

    kind: str
    name: str

    def __str__(self) -> str:
        """As nft reads it."""
        return f"add {self.kind} ip {TABLE} {self.name}"


MOST_CLIENTS = 1 << 20
"""Hosts that a dynamic set holds; the kernel lets go of those that have no flow any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTimeout:
    """Create idle time-outs, which rules give to new flows."""

    timeout: Timeout

    def __str__(self) -> str:
        """As nft reads it."""
        return f"add ct timeout ip {TABLE} {self.timeout.name} {self.timeout}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddLookup:
    """Create an empty set or map."""

    lookup: Lookup

    def __str__(self) -> str:
        """As nft reads it."""
        word = "map" if self.lookup.is_map else "set"
        flags = " flags interval;" if self.lookup.interval else ""
        flags += " counter;" if self.lookup.counted else ""
        if self.lookup.dynamic:
            flags = f" size {MOST_CLIENTS}; flags dynamic;"
        kind = _TYPES.get(self.lookup.type, f"type {self.lookup.type}")
        return f"add {word} ip {TABLE} {self.lookup.name} {{ {kind};{flags} }}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddChain:
    """Create a chain without rules."""

    chain: Chain

    def __str__(self) -> str:
        """As nft reads it."""
        hook = f" {{ {self.chain.hook} }}" if self.chain.hook else ""
        return f"add chain ip {TABLE} {self.chain.name}{hook}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flush:
    """Take every rule out of a chain, or every element out of a set or map."""

    kind: str
    name: str

    def __str__(self) -> str:
        """As nft reads it."""
        return f"flush {self.kind} ip {TABLE} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRule:
    """Append a rule to a chain."""

    chain: str
    rule: Rule

    def __str__(self) -> str:
        """As nft reads it."""
        return f"add rule ip {TABLE} {self.chain} {self.rule}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddElements:
    """Add elements to a set (values empty) or map."""

    lookup: str
    elements: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """As nft reads it."""
        items = ", ".join(f"{k} : {v}" if v else k for k, v in self.elements)
        return f"add element ip {TABLE} {self.lookup} {{ {items} }}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteElements:
    """Take elements out of a set or map."""

    lookup: str
    keys: tuple[str, ...]

    def __str__(self) -> str:
        """As nft reads it."""
        return f"delete element ip {TABLE} {self.lookup} {{ {', '.join(self.keys)} }}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove a chain, set, map or object."""

    kind: str
    name: str

    def __str__(self) -> str:
        """As nft reads it."""
        return f"delete {self.kind} ip {TABLE} {self.name}"


TableStep = (
    AddTable
    | DeleteTable
    | AddObject
    | AddTimeout
    | AddLookup
    | AddChain
    | Flush
    | AddRule
    | AddElements
    | DeleteElements
    | Delete
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTable:
    """Steps that come into force together, as one transaction, or not at all."""

    steps: tuple[TableStep, ...]

    def __str__(self) -> str:
        """The script for `nft -f -`."""
        return "\n".join(str(step) for step in self.steps)


def with_elements(table: Table, steps: tuple[TableStep, ...]) -> Table:
    """The table after steps that change nothing but elements."""
    lookups = dict(table.lookups)
    for step in steps:
        if not isinstance(step, AddElements | DeleteElements):
            raise TypeError(f"no change of elements: {step}")
        lookup = lookups[step.lookup]
        elements = lookup.elements.copy()  # as it is: dict(...) looks at each of 100,000
        if isinstance(step, AddElements):
            elements.update(step.elements)
        else:
            for key in step.keys:
                elements.pop(key, None)
        lookups[step.lookup] = replace(lookup, elements=elements)
    return replace(table, lookups=lookups)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSysctl:
    """Write a kernel setting; `previous` is what it was when the plan was made."""

    key: str
    value: str
    previous: str | None

    def __str__(self) -> str:
        """The command that does the same."""
        return f"sysctl -w {self.key}={self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetGuard:
    """Put the egress guard on a link, replacing an older one at once."""

    link: str
    guard: Guard

    def __str__(self) -> str:
        """What the classifier does, since its bytecode says little."""
        inside = ", ".join(map(str, self.guard.inside)) or "nothing"
        internal = ", ".join(map(str, self.guard.internal)) or "nowhere"
        return f"tc filter replace dev {self.link} egress: from {inside} only to {internal}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveGuard:
    """Take the egress guard off a link; the hooks as well if natgate made them."""

    link: str
    hooks: bool = False

    def __str__(self) -> str:
        """The command that does the same."""
        return f"tc filter del dev {self.link} egress pref 1 handle 0x4e47 bpf"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddBlackhole:
    """Make packets to a fixed address without a flow end here, not circle."""

    prefix: IPv4Network

    def __str__(self) -> str:
        """The command that does the same."""
        return f"ip route replace blackhole {self.prefix} proto 78"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBlackhole:
    """Take such a route away."""

    prefix: IPv4Network

    def __str__(self) -> str:
        """The command that does the same."""
        return f"ip route del blackhole {self.prefix} proto 78"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTunnel:
    """Make the vxlan link to the other nodes, anew if there is another of its name."""

    tunnel: Tunnel

    def __str__(self) -> str:
        """The command that does the same."""
        return (
            f"ip link add ng-vx type vxlan id 20039 local {self.tunnel.local} "
            f"dstport {self.tunnel.port} nolearning"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveTunnel:
    """Take the vxlan link away."""

    def __str__(self) -> str:
        """The command that does the same."""
        return "ip link del ng-vx"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddDetour:
    """Lead what carries the detour's mark to its peer."""

    detour: Detour

    def __str__(self) -> str:
        """The rule; the route behind it leads to the peer."""
        way = "ng-vx" if self.detour.tunnelled else "the default route"
        return (
            f"ip rule add fwmark {self.detour.mark:#x} lookup {self.detour.mark} "
            f"# to {self.detour.peer} by {way}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveDetour:
    """Take a detour away."""

    detour: Detour

    def __str__(self) -> str:
        """The command that does the same."""
        return f"ip rule del fwmark {self.detour.mark:#x} lookup {self.detour.mark}"


Change = (
    ChangeTable
    | SetSysctl
    | SetGuard
    | RemoveGuard
    | AddBlackhole
    | RemoveBlackhole
    | SetTunnel
    | RemoveTunnel
    | AddDetour
    | RemoveDetour
)
