r"""What a node asks a witness, and what it answers, under the MAC of the heartbeat key.

A reply carries the random nonce of its request, so that no earlier reply is believed. A request that
is delivered late or twice does what it would have done in time: a claim only counts at the epoch that
it expects. Requests and replies have the same length, so that nobody can make the witness send more
than was sent to it, and different beginnings, so that neither passes for the other or for a heartbeat.
Layout: "NWQ\1" or "NWA\1", nonce (16), kind (1), epoch (8), owner (32), key (96), HMAC-SHA256 (32);
names are padded with zeros. The epoch is the expected one in a claim, and the present one in a reply.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass

from natgate.model.claim import MAX_EPOCH, NOBODY, Claim, is_key, is_owner

REQUEST, REPLY = b"NWQ\1", b"NWA\1"
NONCE = 16
_READ, _CLAIM, _HELD = 0, 1, 2
_BODY = struct.Struct(f"!4s{NONCE}sBQ32s96s")
_MAC = 32
SIZE = _BODY.size + _MAC
"""Length of every datagram between nodes and a witness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request: who owns a share, or, with an owner, a claim to it after epoch `expected`."""

    nonce: bytes
    key: str
    owner: str | None = None
    expected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The claim that is in force after a request was served."""

    nonce: bytes
    key: str
    claim: Claim


def render_question(question: Question, key: bytes) -> bytes:
    """The datagram of a request."""
    kind = _READ if question.owner is None else _CLAIM
    owner = question.owner or ""
    return _render(REQUEST, question.nonce, kind, question.expected, owner, question.key, key)


def parse_question(data: bytes, key: bytes) -> Question | None:
    """The request, or None for anything not written with the key, or that makes no sense."""
    fields = _parse(REQUEST, data, key)
    if fields is None:
        return None
    nonce, kind, expected, owner, name = fields
    if kind == _CLAIM and is_owner(owner) and expected < MAX_EPOCH:
        return Question(nonce=nonce, key=name, owner=owner, expected=expected)
    if kind == _READ and not owner and not expected:
        return Question(nonce=nonce, key=name)
    return None


def render_answer(answer: Answer, key: bytes) -> bytes:
    """The datagram of a reply."""
    claim = answer.claim
    return _render(REPLY, answer.nonce, _HELD, claim.epoch, claim.owner, answer.key, key)


def parse_answer(data: bytes, key: bytes) -> Answer | None:
    """The reply, or None for anything not written with the key, or that makes no sense."""
    fields = _parse(REPLY, data, key)
    if fields is None:
        return None
    nonce, kind, epoch, owner, name = fields
    claim = Claim(owner=owner, epoch=epoch)
    if kind == _HELD and (claim == NOBODY or (epoch > 0 and is_owner(owner))):
        return Answer(nonce=nonce, key=name, claim=claim)
    return None


def _render(
    magic: bytes, nonce: bytes, kind: int, epoch: int, owner: str, name: str, key: bytes
) -> bytes:
    body = _BODY.pack(magic, nonce, kind, epoch, owner.encode(), name.encode())
    return body + hmac.digest(key, body, hashlib.sha256)


def _parse(magic: bytes, data: bytes, key: bytes) -> tuple[bytes, int, int, str, str] | None:
    if len(data) != SIZE or not data.startswith(magic):
        return None
    body, mac = data[:-_MAC], data[-_MAC:]
    if not hmac.compare_digest(mac, hmac.digest(key, body, hashlib.sha256)):
        return None
    _, nonce, kind, epoch, owner, name = _BODY.unpack(body)
    try:
        owner, name = (text.rstrip(b"\0").decode("ascii") for text in (owner, name))
    except UnicodeDecodeError:
        return None  # written with the key by another version
    return (nonce, kind, epoch, owner, name) if is_key(name) else None
