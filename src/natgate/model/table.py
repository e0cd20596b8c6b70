"""The words for one nftables table: chains of rules, lookups (sets and maps) and objects.

A rule is its text in one canonical form, as `wire.nft` writes it and reads it back, so that two
rules are the same exactly when their texts are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

TABLE = "natgate"
"""The table's name; its family is ip. natgate changes no other table."""


def any_of(words: Iterable[object]) -> str:
    """One word, or an anonymous set in the order in which it is read back."""
    listed = sorted(set(map(str, words)))
    return listed[0] if len(listed) == 1 else f"{{ {', '.join(listed)} }}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; the comment names the entry it comes from."""

    text: str
    comment: str = ""

    def __str__(self) -> str:
        """As nft reads it."""
        return f'{self.text} comment "{self.comment}"' if self.comment else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Where a base chain is attached."""

    type: str
    hook: str
    priority: int
    policy: str = "accept"

    def __str__(self) -> str:
        """As nft reads it."""
        return f"type {self.type} hook {self.hook} priority {self.priority}; policy {self.policy};"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A chain; without a hook it is only jumped to."""

    name: str
    hook: Hook | None = None
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A set (all values empty) or a map from keys to values, in nft's own words.

    `counted`: each element counts the packets that met it. A key may end with a comment, which
    names what the element counts for.
    `dynamic`: the rules fill it, so its elements are the kernel's and never compared.
    """

    name: str
    type: str
    interval: bool = False
    counted: bool = False
    dynamic: bool = False
    elements: dict[str, str] = field(default_factory=dict)

    @property
    def is_map(self) -> bool:
        """Whether the elements carry values."""
        return " : " in self.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """How many seconds a flow of one protocol may be idle, by its state."""

    name: str
    protocol: str
    policy: Mapping[str, int]

    def __str__(self) -> str:
        """Its body, as nft reads it."""
        policy = ", ".join(f"{state} : {seconds}" for state, seconds in self.policy.items())
        return f"{{ protocol {self.protocol}; l3proto ip; policy = {{ {policy} }}; }}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Everything in the table, by name; `objects` are (kind, name) pairs such as counters.

    `asleep`: its chains are detached (dormant), and what it holds is not known.
    """

    chains: Mapping[str, Chain] = field(default_factory=dict)
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    objects: frozenset[tuple[str, str]] = frozenset()
    timeouts: Mapping[str, Timeout] = field(default_factory=dict)
    asleep: bool = False


def table_of(
    chains: tuple[Chain, ...],
    lookups: tuple[Lookup, ...],
    counters: tuple[str, ...],
    timeouts: tuple[Timeout, ...] = (),
) -> Table:
    """A table from its parts."""
    return Table(
        chains={chain.name: chain for chain in chains},
        lookups={lookup.name: lookup for lookup in lookups},
        objects=frozenset(("counter", name) for name in counters),
        timeouts={timeout.name: timeout for timeout in timeouts},
    )
