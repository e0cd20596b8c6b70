"""Who owns a share of a gateway: what a fence remembers, and the names it remembers it by."""

import re
from dataclasses import dataclass

from natgate.model.error import BugError

_NAME = r"[a-z0-9][a-z0-9-]{0,30}"
_KEY = re.compile(rf"{_NAME}/{_NAME}/{_NAME}")
_OWNER = re.compile(_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who owns a share, and how many owners it has had; epoch 0 and no owner: nobody yet."""

    owner: str
    epoch: int


MAX_EPOCH = 2**63 - 2
"""Stores count in 63 bits."""

NOBODY = Claim(owner="", epoch=0)
"""What is in force before the first claim."""


def claim_key(network: str, gateway: str, share: str) -> str:
    """The name of a share in every fence; BugError if one of its names is none."""
    key = f"{network}/{gateway}/{share}"
    if not is_key(key):
        raise BugError(f"{key!r} is no key of a fence")
    return key


def is_key(text: str) -> bool:
    """Whether a text is network/gateway/share, each a name as the spec writes them."""
    return _KEY.fullmatch(text) is not None


def is_owner(text: str) -> bool:
    """Whether a text is the name of a node."""
    return _OWNER.fullmatch(text) is not None


def check_claim(key: str, owner: str, expected: int) -> None:
    """BugError unless this can be claimed; the same in every fence, before anything is sent."""
    if not (is_key(key) and is_owner(owner) and 0 <= expected < MAX_EPOCH):
        raise BugError(f"{owner!r} cannot claim {key!r} after epoch {expected}")
