"""What nodes and a witness say: read as written, and nothing but what carries the key."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natgate.model.claim import MAX_EPOCH, NOBODY, Claim
from natgate.wire.heartbeat import parse_heartbeat
from natgate.wire.witness import (
    NONCE,
    SIZE,
    Answer,
    Question,
    parse_answer,
    parse_question,
    render_answer,
    render_question,
)

KEY, OTHER_KEY = b"k" * 16, b"l" * 16
NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,30}", fullmatch=True)
KEYS = st.builds("/".join, st.tuples(NAMES, NAMES, NAMES))
NONCES = st.binary(min_size=NONCE, max_size=NONCE)
READS = st.builds(Question, nonce=NONCES, key=KEYS)
CLAIMS = st.builds(
    Question, nonce=NONCES, key=KEYS, owner=NAMES, expected=st.integers(0, MAX_EPOCH - 1)
)
QUESTIONS = READS | CLAIMS
HELD = st.just(NOBODY) | st.builds(Claim, owner=NAMES, epoch=st.integers(1, MAX_EPOCH))
ANSWERS = st.builds(Answer, nonce=NONCES, key=KEYS, claim=HELD)


@given(QUESTIONS)
def test_a_question_is_read_back_as_it_was_written(question: Question) -> None:
    """Whatever a node asks arrives as it was asked."""
    assert parse_question(render_question(question, KEY), KEY) == question


@given(ANSWERS)
def test_an_answer_is_read_back_as_it_was_written(answer: Answer) -> None:
    """Whatever a witness answers arrives as it was said."""
    assert parse_answer(render_answer(answer, KEY), KEY) == answer


@given(QUESTIONS, ANSWERS)
def test_an_answer_is_never_longer_than_a_question(question: Question, answer: Answer) -> None:
    """A forged source cannot be sent more than was sent in its name."""
    assert len(render_question(question, KEY)) == len(render_answer(answer, KEY)) == SIZE


@given(QUESTIONS, ANSWERS)
def test_another_key_is_not_believed(question: Question, answer: Answer) -> None:
    """Who does not have the key can neither ask nor answer."""
    assert parse_question(render_question(question, OTHER_KEY), KEY) is None
    assert parse_answer(render_answer(answer, OTHER_KEY), KEY) is None


@given(QUESTIONS, ANSWERS)
def test_neither_passes_for_the_other(question: Question, answer: Answer) -> None:
    """A question sent back is no answer, and none of them is a heartbeat."""
    asked, answered = render_question(question, KEY), render_answer(answer, KEY)
    assert parse_answer(asked, KEY) is None
    assert parse_question(answered, KEY) is None
    assert parse_heartbeat(asked, KEY) is parse_heartbeat(answered, KEY) is None


@given(QUESTIONS, st.data())
def test_a_changed_datagram_is_not_believed(question: Question, data: st.DataObject) -> None:
    """One flipped bit anywhere, or a lost or added end, makes a datagram worthless."""
    good = render_question(question, KEY)
    bad = bytearray(good)
    bit = data.draw(st.integers(0, 8 * len(good) - 1))
    bad[bit // 8] ^= 1 << bit % 8
    assert parse_question(bytes(bad), KEY) is None
    assert parse_question(good[: data.draw(st.integers(0, len(good) - 1))], KEY) is None
    assert parse_question(good + b"\0", KEY) is None


@given(st.binary(max_size=2 * SIZE))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    """What was not written with the key is nothing."""
    assert parse_question(data, KEY) is None
    assert parse_answer(data, KEY) is None


READ = render_question(Question(nonce=b"n" * NONCE, key="n/g/s"), KEY)
HOLDS = render_answer(Answer(nonce=b"n" * NONCE, key="n/g/s", claim=Claim(owner="a", epoch=1)), KEY)


def changed(datagram: bytes, at: int, value: bytes) -> bytes:
    """A datagram with other content, written with the key."""
    body = datagram[:at] + value + datagram[at + len(value) : -32]
    return body + hmac.digest(KEY, body, hashlib.sha256)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (20, b"\x07"),  # a kind that does not exist
        (20, b"\x01"),  # a claim without an owner
        (21, b"\x01"),  # a read that expects an epoch
        (29, b"a"),  # a read with an owner
        (61, b"n/g\0"),  # no key
        (61, b"N"),
        (61, b"\xff"),
        (61, b"n/g\0s"),
    ],
)
def test_a_question_that_makes_no_sense_is_left_out(at: int, value: bytes) -> None:
    """What carries the key and another content is nothing."""
    assert parse_question(changed(READ, at, b""), KEY) is not None
    assert parse_question(changed(READ, at, value), KEY) is None


def test_a_claim_beyond_every_epoch_is_left_out() -> None:
    """The highest epoch has a successor, and what cannot be counted is not served."""
    claim = Question(nonce=b"n" * NONCE, key="n/g/s", owner="a", expected=MAX_EPOCH)
    assert parse_question(render_question(claim, KEY), KEY) is None


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (20, b"\x00"),  # another kind
        (21, bytes(8)),  # an owner without an epoch
        (29, b"\0"),  # an epoch without an owner
        (29, b"A"),
        (61, b"/"),
    ],
)
def test_an_answer_that_makes_no_sense_is_left_out(at: int, value: bytes) -> None:
    """What carries the key and another content is nothing."""
    assert parse_answer(changed(HOLDS, at, b""), KEY) is not None
    assert parse_answer(changed(HOLDS, at, value), KEY) is None
