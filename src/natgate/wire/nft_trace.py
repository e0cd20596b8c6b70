"""The kernel's trace of packets through nftables, and the listing that says what its handles mean.

Kernel: include/uapi/linux/netfilter/nf_tables.h, enum nft_trace_attributes. The attributes of
conntrack (18 to 21) came later than the others, so each is None on a kernel that lacks it.

Handles are read from the text of `nft -a list ruleset`, not from its JSON: nft 1.0.6 writes broken
JSON of a table whose owner died, and the text of a rule is what people know it by.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from natgate.wire.netlink import Message, attributes, text
from natgate.wire.probe import Seen, parse_headers

TRACE = 10 << 8 | 17
_HEAD = struct.Struct("=BBH")
_TABLE, _CHAIN, _HANDLE, _KIND, _VERDICT, _ID = 1, 2, 3, 4, 5, 6
_NETWORK, _TRANSPORT, _IIF, _OIF, _MARK, _POLICY = 8, 9, 10, 12, 14, 16
_CT_ID, _CT_DIRECTION, _CT_STATUS, _CT_STATE = 18, 19, 20, 21
_CODE, _TARGET = 1, 2
_SIZES = {_HANDLE: 8, _KIND: 4, _ID: 4, _IIF: 4, _OIF: 4, _MARK: 4, _POLICY: 4}
_LATER_SIZES = {_CT_ID: 4, _CT_DIRECTION: 1, _CT_STATUS: 4, _CT_STATE: 4}

Kind = Literal["rule", "return", "policy"]
_KINDS: dict[int, Kind] = {1: "policy", 2: "return", 3: "rule"}
_VERDICTS = {
    -1: "continue", -2: "break", -3: "jump", -4: "goto", -5: "return",
    0: "drop", 1: "accept", 2: "stolen", 3: "queue", 4: "repeat", 5: "stop",
}  # fmt: skip
_FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}

_TABLE_LINE = re.compile(r"table (\S+) (\S+)")
_CHAIN_LINE = re.compile(r"\tchain (\S+) \{")
_RULE_LINE = re.compile(r"\t\t(.*) # handle (\d+)$")
_COMMENT = re.compile(r'\s*comment "([^"]*)"$')
_COUNTED = re.compile(r"counter packets \d+ bytes \d+ ?")
_TRANSLATES = re.compile(r"\b(snat|dnat|masquerade|redirect|netmap)\b", re.IGNORECASE)
_WRITES = re.compile(r"\bip [sd]addr set\b")
_ELEMENT = re.compile(r"\bip saddr(?: & ([\d.]+))? map @([^\s:]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEvent:
    """One rule that matched, or the end of a chain; `seen` is there in a hook's first event.

    `target`: the chain that is jumped to. `iif`, `oif`: indexes of links.
    """

    id: int
    family: str
    table: str
    chain: str
    kind: Kind
    verdict: str
    handle: int | None = None
    target: str | None = None
    seen: Seen | None = None
    iif: int | None = None
    oif: int | None = None
    mark: int | None = None
    policy: str | None = None
    ct_id: int | None = None
    ct_direction: int | None = None
    ct_status: int | None = None
    ct_state: int | None = None


def parse_trace(message: Message) -> TraceEvent | None:
    """An event of the group NFNLGRP_NFTRACE; None for all else, a truncated one included."""
    if message.type != TRACE or len(message.body) < _HEAD.size:
        return None
    found = attributes(message.body[_HEAD.size :])
    numbers = {key: _number(found, key, size) for key, size in _SIZES.items()}
    later = {key: _number(found, key, size) for key, size in _LATER_SIZES.items()}
    kind, number = _KINDS.get(numbers[_KIND] or 0), numbers[_ID]
    if kind is None or number is None or not {_TABLE, _CHAIN} <= found.keys():
        return None
    verdict = attributes(found.get(_VERDICT, b""))
    code = _number(verdict, _CODE, 4)
    policy = numbers[_POLICY]
    if code is None:
        code = policy
    return TraceEvent(
        id=number,
        family=_FAMILIES.get(message.body[0], str(message.body[0])),
        table=text(found[_TABLE]),
        chain=text(found[_CHAIN]),
        kind=kind,
        verdict=_word(code),
        handle=numbers[_HANDLE],
        target=text(verdict[_TARGET]) if _TARGET in verdict else None,
        seen=parse_headers(found.get(_NETWORK, b""), found.get(_TRANSPORT, b"")),
        iif=numbers[_IIF],
        oif=numbers[_OIF],
        mark=numbers[_MARK],
        policy=None if policy is None else _word(policy),
        ct_id=later[_CT_ID],
        ct_direction=later[_CT_DIRECTION],
        ct_status=later[_CT_STATUS],
        ct_state=later[_CT_STATE],
    )


def _number(found: dict[int, bytes], key: int, size: int) -> int | None:
    """A number in network order, if it is there and of its size."""
    value = found.get(key, b"")
    return int.from_bytes(value) if len(value) == size else None


def _word(code: int | None) -> str:
    """A verdict by name; the upper half of a queue or drop carries its number or errno."""
    if code is None:
        return "continue"
    low = code & 0xFFFF
    signed = low - (1 << 16) if low >= 1 << 15 else low
    return _VERDICTS.get(signed, str(signed))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRule:
    """A rule as `nft` lists it, its counter left out."""

    table: str
    chain: str
    handle: int
    text: str
    comment: str

    @property
    def name(self) -> str:
        """Its comment, or where it stands."""
        return self.comment or f"table {self.table} {self.chain} handle {self.handle}"

    @property
    def translates(self) -> bool:
        """Whether it gives a flow another address, if it accepts."""
        return _TRANSLATES.search(self.text) is not None

    @property
    def writes(self) -> bool:
        """Whether it writes another address into a packet by itself, without a flow."""
        return _WRITES.search(self.text) is not None

    @property
    def lookup(self) -> tuple[str, int] | None:
        """The map that gives a source its address, and the mask of its keys."""
        found = _ELEMENT.search(self.text)
        if found is None:
            return None
        parts = (int(part) & 0xFF for part in found[1].split(".")) if found[1] else (0xFF,) * 4
        return found[2], int.from_bytes(bytes(parts))


Listing = dict[tuple[str, int], ListedRule]
"""Every rule by its table (family and name) and its handle."""


def parse_listing(listing: str) -> Listing:
    """The rules of `nft -a list ruleset`, of every table."""
    return {(rule.table, rule.handle): rule for rule in _rules(listing)}


def tables_of(listing: str) -> list[tuple[str, str]]:
    """Family and name of every table of a listing."""
    return [(found[1], found[2]) for found in map(_TABLE_LINE.match, listing.split("\n")) if found]


def _rules(listing: str) -> Iterator[ListedRule]:
    table = chain = ""
    for line in listing.split("\n"):
        if found := _TABLE_LINE.match(line):
            table, chain = f"{found[1]} {found[2]}", ""
        elif found := _CHAIN_LINE.match(line):
            chain = found[1]
        elif line.startswith("\t}"):
            chain = ""
        elif chain and (found := _RULE_LINE.match(line)):
            comment = _COMMENT.search(found[1])
            rest = found[1][: comment.start()] if comment else found[1]
            yield ListedRule(
                table=table,
                chain=chain,
                handle=int(found[2]),
                text=" ".join(_COUNTED.sub("", rest).split()),
                comment=comment[1] if comment else "",
            )
