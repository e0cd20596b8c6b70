"""A spec in sixteen digits: nodes compare them to see whether they have the same one.

Entries are added up, so that the digest after an edit follows from the one before.
"""

import hashlib

from natgate.model.edit import KINDS, AddEntry
from natgate.model.gateway import Entry
from natgate.model.spec import Spec

_DIGITS = 16
_SIZE = 16**_DIGITS
_NO_ENTRIES: dict[str, tuple[Entry, ...]] = dict.fromkeys(KINDS, ())


def digest_of(spec: Spec) -> str:
    """The same for specs that mean the same; the order of a gateway's entries means nothing."""
    bare = tuple(gateway.model_copy(update=_NO_ENTRIES) for gateway in spec.gateways)
    total = _number(spec.model_copy(update={"gateways": bare}).model_dump_json())
    for gateway in spec.gateways:
        for kind in KINDS:
            total += sum(_mark(gateway.name, kind, entry) for entry in getattr(gateway, kind))
    return _digits(total)


def digest_with(digest: str, change: AddEntry) -> str:
    """The digest of a spec to which an entry has come."""
    return _digits(int(digest, 16) + _mark(change.gateway, change.kind, change.entry))


def digest_without(digest: str, change: AddEntry) -> str:
    """The digest of a spec from which an entry has gone that could be added so."""
    return _digits(int(digest, 16) - _mark(change.gateway, change.kind, change.entry))


def _mark(gateway: str, kind: str, entry: Entry) -> int:
    return _number(f"{gateway} {kind} {entry.model_dump_json()}")


def _number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:_DIGITS], 16)


def _digits(number: int) -> str:
    return f"{number % _SIZE:0{_DIGITS}x}"
