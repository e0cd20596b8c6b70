"""What the log answers, and what it says of its own gaps."""

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import numpy as np
import pytest

from natgate.model.error import RefusedError
from natgate.model.log_rows import BLOCK, ENDED, NEW, OPEN, ROW, Rows
from natgate.model.logged import FULL, NONE, Entry, Gap, Question, Reason, Run, Source, Stop, Use
from natgate.plan.log_answer import LOOK_BACK, Answer, answer, gaps_near, uses_of

ADDRESS, HOST, PEER = (IPv4Address(a) for a in ("203.0.113.1", "10.1.0.10", "198.51.100.7"))
OTHER = IPv4Address("10.1.0.11")
AT, NOW, HOUR = 10_000_000_000, 10_100_000_000, 3_600_000
RUN = Run(at=1_000_000_000, destinations=FULL, retention=9_500_000_000)
ASKED = Question(address=ADDRESS, port=2000, at=AT)
NO_BLOCKS = np.zeros(0, BLOCK)


def row(
    start: int, stop: int, *, kind: int = ENDED, host: IPv4Address = HOST, proto: int = 6
) -> Any:  # noqa: ANN401
    """A flow of a host with the address and port, times relative to the one asked for."""
    return (AT + start, AT + stop, int(ADDRESS), int(host), int(PEER), 2000, 5000, 443, proto, kind)


def uses(*rows: Any, kept: int = FULL) -> list[Use]:  # noqa: ANN401
    """The same as uses."""
    return list(uses_of(np.array(list(rows), ROW), kept))


def ask(
    *found: Use,
    question: Question = ASKED,
    history: tuple[Entry, ...] = (RUN,),
    blocks: Rows = NO_BLOCKS,
) -> Answer:
    """What is answered."""
    return answer(question, uses=found, blocks=blocks, history=history, now=NOW)


def gap(start: int, stop: int, reason: Reason = Reason.KILLED) -> Gap:
    """A gap relative to the time asked for."""
    return Gap(start=AT + start, stop=AT + stop, reason=reason)


@pytest.mark.parametrize(
    ("start", "stop", "within", "covers"),
    [
        (-9, 9, 0, True),
        (0, 0, 0, True),
        (-9, -1, 0, False),
        (1, 9, 0, False),
        (-9, -1, 1, True),
        (1, 9, 1, True),
    ],
)
def test_a_flow_is_found_if_it_touches_the_time(
    start: int,
    stop: int,
    within: int,
    covers: bool,  # noqa: FBT001 (a parameter)
) -> None:
    """Both of its ends belong to it, and so do the clocks' difference."""
    found = ask(*uses(row(start, stop)), question=replace(ASKED, within=within))
    assert [each.host for each in found.uses] == [HOST] * covers
    assert found.notes == ()


def test_protocol_and_peer_narrow_the_answer() -> None:
    """A peer is compared as far as it was kept."""
    both = uses(row(-1, 1), row(-1, 1, host=OTHER, proto=17))
    found = ask(*both, question=replace(ASKED, protocol=17))
    assert [each.host for each in found.uses] == [OTHER]
    peer = replace(ASKED, peer=IPv4Address("198.51.100.8"))
    assert ask(*uses(row(-1, 1)), question=peer).uses == ()
    cut = ask(*uses(row(-1, 1), kept=24), question=peer)
    assert len(cut.uses) == 1
    assert "logged as /24 only" in cut.notes[0]


def test_a_peer_that_was_not_logged_is_not_compared() -> None:
    """And the answer says so, whether something was found or not."""
    peer = replace(ASKED, peer=PEER)
    found = ask(*uses(row(-1, 1), kept=NONE), question=peer)
    assert found.uses[0].peer is None
    assert "--peer could not be compared" in found.notes[0]
    nothing = ask(question=peer, history=(replace(RUN, destinations=NONE),))
    assert "--peer could not be compared" in nothing.notes[0]
    assert ask(question=peer).notes == ()


def test_several_hosts_are_told_apart_by_their_peers() -> None:
    """A port is given out again to another destination."""
    found = ask(*uses(row(-1, 1), row(-2, 1, host=OTHER)))
    assert [each.host for each in found.uses] == [OTHER, HOST]
    assert "several hosts" in found.notes[0]


def test_a_flow_that_was_seen_often_is_one() -> None:
    """Its end counts, else what is known of it last."""
    seen = uses(row(-5, 1, kind=OPEN), row(-5, 2, kind=OPEN))
    live = replace(seen[0], source=Source.LIVE, stop=None)
    ended = uses(row(-5, 3))
    assert [each.stop for each in ask(*seen).uses] == [AT + 2]
    assert [each.source for each in ask(*seen, live).uses] == [Source.LIVE]
    assert [each.source for each in ask(*ended, *seen, live).uses] == [Source.FLOW]


def test_a_live_flow_covers_all_since_its_start() -> None:
    """It has no end yet."""
    (live,) = (replace(each, source=Source.LIVE, stop=None) for each in uses(row(-5, -4)))
    assert len(ask(live).uses) == 1
    assert ask(replace(live, start=AT + 1)).uses == ()


def test_a_block_answers_without_any_flow() -> None:
    """From when its host had it until it lost it."""

    def held(since: int, until: int) -> tuple[int, int, int, int, int, int]:
        return (int(ADDRESS), int(HOST), 1025, 2048, AT + since, until and AT + until)

    for since, until, count in ((-5, 0, 1), (-5, 5, 1), (1, 0, 0), (-5, -1, 0)):
        found = ask(blocks=np.array([held(since, until)], BLOCK))
        assert len(found.uses) == count
    (use,) = ask(blocks=np.array([held(-5, 0)], BLOCK)).uses
    assert (use.host, use.source, use.stop) == (HOST, Source.BLOCK, None)
    other = replace(ASKED, port=2049)
    assert ask(question=other, blocks=np.array([held(-5, 0)], BLOCK)).uses == ()


def test_a_gap_at_the_time_is_said_whatever_is_found() -> None:
    """Another flow may be missing."""
    history = (RUN, gap(-5, 5))
    for found in (ask(history=history), ask(*uses(row(-1, 1)), history=history)):
        assert found.notes[0].startswith("the log has a gap at that time")
        assert len(found.gaps) == 1


def test_a_later_gap_is_said_only_if_nothing_sure_was_found() -> None:
    """A flow that was open at the time may have ended in it."""
    history = (RUN, gap(5, 9))
    assert ask(*uses(row(-1, 1)), history=history).notes == ()
    assert ask(history=history).notes[0].startswith("the log has a later gap")


def test_only_gaps_that_matter_are_near() -> None:
    """Not those before, those much later, nor an overrun, after which ends were told again."""
    near = gap(LOOK_BACK, LOOK_BACK + 5)
    history = (
        RUN,
        gap(-9, -5),
        near,
        gap(LOOK_BACK + 1, LOOK_BACK + 2),
        gap(-1, 1, Reason.OVERRUN),
        Stop(at=AT),
    )
    assert gaps_near(history, ASKED) == (near,)


def test_a_flow_whose_end_is_lost_may_have_been_open() -> None:
    """It was seen before, no end of it is known, and there is a gap in which it may have ended."""
    seen = uses(row(-HOUR, -HOUR, kind=NEW))
    history = (RUN, gap(5, 9))
    found = ask(*seen, history=history)
    assert [each.certain for each in found.uses] == [False]
    assert "may have been open, or not" in found.notes[-1]
    assert ask(*seen).uses == ()
    assert ask(*seen, *uses(row(-HOUR, -5)), history=history).uses == ()
    assert len(ask(*seen, *uses(row(-2 * HOUR, -HOUR - 1)), history=history).uses) == 1
    assert len(ask(*seen, *uses(row(-HOUR, -5, host=OTHER)), history=history).uses) == 1
    old = uses(row(-LOOK_BACK - 1, -LOOK_BACK - 1, kind=OPEN))
    assert ask(*old, history=history).uses == ()


@pytest.mark.parametrize(
    ("question", "history", "said"),
    [
        (replace(ASKED, at=NOW + 1), (RUN,), "is yet to come"),
        (replace(ASKED, at=RUN.at - 1), (RUN,), "the log began at 1970-01-12"),
        (ASKED, (), "the log never ran"),
        (ASKED, (replace(RUN, retention=1000),), "is kept since"),
    ],
)
def test_a_time_that_the_log_does_not_cover_is_refused(
    question: Question, history: tuple[Entry, ...], said: str
) -> None:
    """With what it does cover."""
    with pytest.raises(RefusedError, match=said):
        ask(question=question, history=history)
