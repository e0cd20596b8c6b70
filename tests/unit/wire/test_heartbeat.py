"""Heartbeats: what is written is read, and nothing but what is fresh is believed."""

import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.view import GatewayView, NodeView, ShareView
from natgate.model.wish import Wish
from natgate.wire.heartbeat import (
    NO_SESSION,
    Heartbeat,
    Session,
    parse_heartbeat,
    receive,
    render_heartbeat,
)

KEY, OTHER_KEY = b"k" * 16, b"l" * 16
SESSIONS = st.binary(min_size=8, max_size=8)
VIEWS = st.builds(
    NodeView,
    generation=st.integers(0, 2**40),
    digest=st.text(max_size=16),
    gateways=st.dictionaries(
        st.text(max_size=8),
        st.builds(
            GatewayView,
            reasons=st.lists(st.text(max_size=20), max_size=3).map(tuple),
            checked=st.booleans(),
            unanswered=st.none() | st.frozensets(st.ip_addresses(v=4), max_size=3),
        ),
        max_size=3,
    ),
    shares=st.dictionaries(
        st.text(max_size=8),
        st.builds(
            ShareView,
            active=st.none() | st.text(max_size=8),
            epoch=st.integers(0, 2**40),
            hands_out=st.booleans(),
            wants=st.booleans(),
        ),
        max_size=3,
    ),
    wishes=st.dictionaries(
        st.text(max_size=8),
        st.builds(Wish, number=st.integers(0, 2**40), value=st.text(max_size=8)),
        max_size=3,
    ),
)
BEATS = st.builds(
    Heartbeat,
    sender=st.text(max_size=10),
    session=SESSIONS,
    to_session=SESSIONS,
    number=st.integers(0, 2**64 - 1),
    view=VIEWS,
)
BEAT = Heartbeat(sender="a", session=b"A" * 8, to_session=b"B" * 8, number=1, view=NodeView())


@given(BEATS)
def test_a_heartbeat_is_read_back_as_it_was_written(beat: Heartbeat) -> None:
    """Whatever a node says arrives as it was said."""
    assert parse_heartbeat(render_heartbeat(beat, KEY), KEY) == beat


@given(BEATS)
def test_another_key_is_not_believed(beat: Heartbeat) -> None:
    """Who does not have the key cannot speak."""
    assert parse_heartbeat(render_heartbeat(beat, OTHER_KEY), KEY) is None


@given(BEATS, st.data())
def test_a_changed_datagram_is_not_believed(beat: Heartbeat, data: st.DataObject) -> None:
    """One flipped bit anywhere, or a lost or added end, makes a datagram worthless."""
    good = render_heartbeat(beat, KEY)
    bad = bytearray(good)
    bit = data.draw(st.integers(0, 8 * len(good) - 1))
    bad[bit // 8] ^= 1 << bit % 8
    assert parse_heartbeat(bytes(bad), KEY) is None
    assert parse_heartbeat(good[: data.draw(st.integers(0, len(good) - 1))], KEY) is None
    assert parse_heartbeat(good + b"\0", KEY) is None


@given(st.binary(max_size=120))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    """What was not written with the key is nothing."""
    assert parse_heartbeat(data, KEY) is None
    assert parse_heartbeat(b"NG1\0" + data, KEY) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"7",
        b"[]",
        b"null",
        b'{"node": "a"}',
        b'{"node": "a", "generation": "x", "digest": "", "gateways": {}}',
        b'{"node": "a", "generation": 1, "digest": "", "gateways": []}',
        b'{"node": "a", "generation": 1, "digest": "", "gateways": {"g": 1}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_another_version_is_not_understood(body: bytes) -> None:
    """What carries the key and another content is left out, without an error."""
    head = render_heartbeat(BEAT, KEY)[: 4 + 8 + 8 + 8]
    mac = hmac.digest(KEY, head + body, hashlib.sha256)
    assert parse_heartbeat(head + body + mac, KEY) is None


def test_the_key_is_not_in_the_datagram() -> None:
    """A heartbeat can be read by anybody, and tells nothing of the key."""
    data = render_heartbeat(BEAT, KEY)
    assert KEY not in data
    assert json.loads(data[28:-32])["node"] == "a"


MINE = b"M" * 8


def heard(held: Session, **changes: object) -> tuple[Session, bool]:
    """What becomes of a session after a heartbeat of A that names ours, but for what is given."""
    beat = replace(BEAT, **{"to_session": MINE, **changes})  # type: ignore[arg-type]
    return receive(held, beat, MINE)


def test_only_rising_numbers_are_believed() -> None:
    """Within a session each heartbeat counts once, and never after a later one."""
    session, believed = heard(Session(), number=5)
    assert believed
    for number, new in ((5, False), (4, False), (6, True), (6, False)):
        session, believed = heard(session, number=number)
        assert believed is new


def test_a_greeting_earns_an_answer_and_no_belief() -> None:
    """Who does not know our session is remembered, so that our next heartbeat names its own."""
    session, believed = heard(Session(), to_session=NO_SESSION)
    assert not believed
    assert session.theirs == BEAT.session
    assert heard(session, to_session=NO_SESSION) == (session, False)


def test_only_the_greeting_of_a_later_start_displaces_a_session() -> None:
    """A replayed greeting of an earlier start changes nothing; one of a later start is answered."""
    session, _ = heard(Session(), session=b"S" * 8)
    assert heard(session, session=b"R" * 8, to_session=NO_SESSION) == (session, False)
    later, believed = heard(session, session=b"X" * 8, to_session=NO_SESSION)
    assert (later.theirs, believed) == (b"X" * 8, False)
    assert heard(later, session=b"S" * 8, number=99) == (later, False), "the earlier session"


def test_a_restarted_peer_is_believed_at_once_when_it_names_our_session() -> None:
    """A new session that proves itself takes over, and the old one is never believed again."""
    session, _ = heard(Session(), session=b"S" * 8, number=9)
    session, believed = heard(session, session=b"X" * 8, number=1)
    assert believed
    assert heard(session, session=b"S" * 8, number=10) == (session, False)


@dataclass
class End:
    """One node's end of a conversation, with its restarts."""

    name: str
    mine: bytes = b"A0000000"
    starts: int = 0
    number: int = 0
    session: Session = field(default_factory=Session)

    def restart(self) -> None:
        """Forget everything and draw a session that was never used."""
        self.starts += 1
        self.mine = f"{self.name}{self.starts:07}".encode()
        self.number, self.session = 0, Session()

    def say(self) -> Heartbeat:
        """The next heartbeat."""
        self.number += 1
        to, view = self.session.theirs, NodeView()
        return Heartbeat(
            sender=self.name, session=self.mine, to_session=to, number=self.number, view=view
        )

    def hear(self, beat: Heartbeat) -> bool:
        """Whether it is believed."""
        self.session, believed = receive(self.session, beat, self.mine)
        return believed


@dataclass
class Network:
    """Two ends, and an attacker who keeps, withholds and replays every datagram."""

    ends: tuple[End, End] = field(default_factory=lambda: (End("A"), End("B")))
    said: list[tuple[int, Heartbeat, int]] = field(default_factory=list)
    believed: set[int] = field(default_factory=set)

    def say(self, to: int) -> None:
        """Somebody speaks, and the attacker has it."""
        self.said.append((to, self.ends[1 - to].say(), self.ends[to].starts))

    def deliver(self, at: int) -> bool:
        """A datagram arrives, perhaps again; whether it is believed."""
        to, beat, starts = self.said[at]
        believed = self.ends[to].hear(beat)
        if believed:
            assert starts == self.ends[to].starts, "it was said to an earlier start"
            assert at not in self.believed, "it was believed before"
            self.believed.add(at)
        return believed

    def talk(self, to: int) -> bool:
        """Somebody speaks and is heard; whether he is believed."""
        self.say(to)
        return self.deliver(len(self.said) - 1)

    def settle(self) -> list[bool]:
        """Both speak for a while, and nobody interferes; who is believed in the end."""
        for _ in range(30):
            believed = [self.talk(0), self.talk(1)]
        return believed


def network() -> Network:
    """Two nodes that have just started."""
    made = Network()
    for end in made.ends:
        end.restart()
    return made


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["talk", "talk", "say", "restart", "replay", "replay"]),
        st.booleans(),
        st.integers(0, 100),
    ),
    max_size=50,
)


@given(STEPS)
def test_nothing_is_ever_believed_twice(steps: list[tuple[str, bool, int]]) -> None:
    """Whatever is replayed to whom in whatever order, over any restarts.

    A heartbeat is believed once at most, and never by a node that started after it was said.
    Where nothing was replayed, both nodes soon believe each other, whatever was lost.
    """
    net = network()
    for step, to, n in steps:
        match step:
            case "talk":
                net.talk(to)
            case "say":
                net.say(to)
            case "restart":
                net.ends[to].restart()
            case _ if net.said:
                net.deliver(n % len(net.said))
            case _:
                pass
    assert "replay" in {step for step, _, _ in steps} or net.settle() == [True, True]


def test_a_withheld_heartbeat_of_an_earlier_start_is_not_believed() -> None:
    """What a node said before its restart is not believed after it, even if it was never heard."""
    net = network()
    net.talk(0)
    net.talk(1)
    net.say(0)
    withheld = len(net.said) - 1
    net.ends[1].restart()
    assert net.settle() == [True, True]
    assert not net.deliver(withheld)
    assert net.settle() == [True, True]


def test_a_replayed_greeting_after_a_silence_deafens_nobody() -> None:
    """A peer that was out of reach is believed again, whatever was replayed meanwhile."""
    net = network()
    net.say(0)
    greeting = len(net.said) - 1
    net.ends[1].restart()
    assert net.settle() == [True, True]
    assert not net.deliver(greeting)
    assert net.settle() == [True, True]
