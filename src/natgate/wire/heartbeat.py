r"""Heartbeats: who speaks, in which session, and what it says, under a keyed MAC.

Replay is impossible by construction: a heartbeat counts only if it names the receiver's own present
session, which is new at every start and later than any before, and carries a higher number than the
last. A node that does not yet know the receiver's session sends zeros, which earns it an answer and
no belief.
Layout: "NG1\\0", sender's session (8), receiver's session (8), number (8), JSON, HMAC-SHA256 (32).
"""

import hashlib
import hmac
import json
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from natgate.model.view import GatewayView, NodeView, ShareView, SyncView
from natgate.model.wish import Wish

MAGIC = b"NG1\0"
NO_SESSION = bytes(8)
MIN_KEY = 16
_HEAD = struct.Struct("!4s8s8sQ")
_MAC = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """One heartbeat."""

    sender: str
    session: bytes
    to_session: bytes
    number: int
    view: NodeView


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What is known of one peer: its latest session, and the highest number believed in it."""

    theirs: bytes = NO_SESSION
    number: int = 0


def receive(session: Session, beat: Heartbeat, mine: bytes) -> tuple[Session, bool]:
    """The session after a heartbeat, and whether the heartbeat is to be believed.

    Sessions rise from start to start, so nothing from an earlier one is ever believed, however long
    it was withheld. A greeting, which does not name our session, is only answered.
    """
    if beat.session < session.theirs:
        return session, False
    if beat.session > session.theirs:
        session = Session(theirs=beat.session)
    if beat.to_session != mine or beat.number <= session.number:
        return session, False
    return Session(theirs=beat.session, number=beat.number), True


def render_heartbeat(beat: Heartbeat, key: bytes) -> bytes:
    """The datagram."""
    view = beat.view
    body = {
        "node": beat.sender,
        "generation": view.generation,
        "digest": view.digest,
        "gateways": {
            name: {
                "reasons": g.reasons,
                "checked": g.checked,
                "unanswered": None if g.unanswered is None else sorted(map(str, g.unanswered)),
            }
            for name, g in view.gateways.items()
        },
        "shares": {
            name: [s.active, s.epoch, s.hands_out, s.wants, s.yields]
            for name, s in view.shares.items()
        },
        "wishes": {key: [wish.number, wish.value] for key, wish in view.wishes.items()},
        "sync": [view.sync.session, view.sync.empty, view.sync.filled],
    }
    head = _HEAD.pack(MAGIC, beat.session, beat.to_session, beat.number)
    text = json.dumps(body, separators=(",", ":")).encode()
    return head + text + _mac(key, head + text)


def parse_heartbeat(data: bytes, key: bytes) -> Heartbeat | None:
    """The heartbeat, or None for anything not written with the key."""
    if len(data) < _HEAD.size + _MAC or not data.startswith(MAGIC):
        return None
    content, mac = data[:-_MAC], data[-_MAC:]
    if not hmac.compare_digest(mac, _mac(key, content)):
        return None
    _, session, to_session, number = _HEAD.unpack_from(content)
    try:
        body = json.loads(content[_HEAD.size :])
        view = _view(body)
        sender = str(body["node"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # written with the key by another version
    return Heartbeat(
        sender=sender, session=session, to_session=to_session, number=number, view=view
    )


def _view(body: Any) -> NodeView:  # noqa: ANN401 (whatever JSON gave)
    return NodeView(
        generation=int(body["generation"]),
        digest=str(body["digest"]),
        gateways={str(name): _gateway(g) for name, g in body["gateways"].items()},
        shares={str(name): _share(s) for name, s in body["shares"].items()},
        wishes={
            str(key): Wish(number=int(number), value=str(value))
            for key, (number, value) in body["wishes"].items()
        },
        sync=_sync(body["sync"]),
    )


def _gateway(body: Any) -> GatewayView:  # noqa: ANN401 (whatever JSON gave)
    failed = body.get("unanswered")  # earlier versions have none
    return GatewayView(
        reasons=tuple(map(str, body["reasons"])),
        checked=bool(body["checked"]),
        unanswered=None if failed is None else frozenset(map(IPv4Address, failed)),
    )


def _share(body: Any) -> ShareView:  # noqa: ANN401 (whatever JSON gave)
    active, epoch, hands_out, wants, yields = body
    return ShareView(
        active=None if active is None else str(active),
        epoch=int(epoch),
        hands_out=bool(hands_out),
        wants=int(wants),
        yields=str(yields),
    )


def _sync(body: Any) -> SyncView:  # noqa: ANN401 (whatever JSON gave)
    session, empty, filled = body
    return SyncView(
        session=str(session),
        empty=bool(empty),
        filled={str(name): str(theirs) for name, theirs in filled.items()},
    )


def _mac(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, hashlib.sha256)
