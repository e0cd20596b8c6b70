"""What a node does hold, read back from its kernel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

from natgate.model.desired import Detour, Guard, Tunnel
from natgate.model.table import Table

Ownership = Literal["mine", "foreign", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownGuard:
    """A classifier in the guard's place that natgate did not write like this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What concerns natgate on one node; `table` is None if there is none.

    `ownership`: mine (this process owns the table), foreign (another living process owns it), none
    (a plain table). `owner_works`: the kernel can own tables (6.9 and later).
    `links`: every link but the loopback; `hooks`: those with classifier hooks, made by whomever.
    `sysctls`: the present values; a missing one is left out.
    """

    table: Table | None = None
    ownership: Ownership = "none"
    owner_works: bool = True
    guards: Mapping[str, Guard | UnknownGuard] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    blackholes: frozenset[IPv4Network] = frozenset()
    tunnel: Tunnel | None = None
    detours: frozenset[Detour] = frozenset()
    hooks: frozenset[str] = frozenset()
    links: tuple[str, ...] = ()
    addresses: tuple[IPv4Address, ...] = ()
