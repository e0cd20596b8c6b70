"""Who used an address and port: rows, blocks and live flows to an answer that says what it lacks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from natgate.model.error import RefusedError
from natgate.model.log_rows import ENDED, NEW, OPEN, Rows, held_of, prefix_mask
from natgate.model.logged import (
    FULL,
    NONE,
    Entry,
    Gap,
    Question,
    Reason,
    Run,
    Source,
    Use,
    time_text,
)

LOOK_BACK = 5 * 86_400_000
"""As long as Linux keeps an established connection that is idle: how far a gap is felt."""

_SOURCES = {ENDED: Source.FLOW, OPEN: Source.OPEN, NEW: Source.NEW}
_REASONS = {
    Reason.KILLED: "the log was killed, or the machine stopped",
    Reason.STOPPED: "the log was not running",
    Reason.OVERRUN: "events came faster than they were read; ends of flows were told again",
    Reason.OVERSIZED: "events were too large to be read",
    Reason.BROKEN: "its journal could not be read",
}
_FLOWS = "a flow that ended then is not recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Hosts that used the address and port, and sentences about what is not known."""

    uses: tuple[Use, ...]
    gaps: tuple[Gap, ...]
    notes: tuple[str, ...]


def gaps_near(history: Iterable[Entry], question: Question) -> tuple[Gap, ...]:
    """The gaps in which a flow that was open at the time may have ended unseen."""
    first, last = question.at - question.within, question.at + question.within + LOOK_BACK
    return tuple(
        each
        for each in history
        if isinstance(each, Gap) and each.loses and each.start <= last and each.stop >= first
    )


def uses_of(rows: Rows, kept: int) -> Iterator[Use]:
    """Rows of an address and port as uses."""
    for (
        start,
        stop,
        address,
        host,
        peer,
        port,
        host_port,
        peer_port,
        protocol,
        kind,
    ) in rows.tolist():
        yield Use(
            host=IPv4Address(host),
            host_port=host_port,
            protocol=protocol,
            address=IPv4Address(address),
            port=port,
            start=start,
            stop=stop,
            source=_SOURCES[kind],
            peer=IPv4Address(peer) if kept != NONE else None,
            peer_port=peer_port,
            kept=kept,
        )


def answer(
    question: Question,
    *,
    uses: Sequence[Use],
    blocks: Rows,
    history: Sequence[Entry],
    now: int,
) -> Answer:
    """The answer; RefusedError if the time lies outside of what the log covers and nothing is known."""
    asked = [each for each in uses if _is_asked(each, question)]
    found = _merged(each for each in asked if _covers(each, question))
    found += _by_block(blocks, question)
    gaps = gaps_near(history, question)
    if not found and gaps:
        found = _lost(asked, question)
    if not found:
        _refuse_outside(question, history, now)
    notes = (*_gap_notes(gaps, question, found), *_peer_notes(found, history, question))
    return Answer(uses=tuple(sorted(found, key=_order)), gaps=gaps, notes=notes)


def _order(use: Use) -> tuple[int, int, int]:
    return use.start, int(use.host), use.host_port


def _is_asked(use: Use, question: Question) -> bool:
    if question.protocol not in {None, use.protocol}:
        return False
    if question.peer is None or use.peer is None:
        return True
    return not (int(question.peer) ^ int(use.peer)) & prefix_mask(use.kept)


def _covers(use: Use, question: Question) -> bool:
    last = use.start if use.stop is None else use.stop
    reaches = use.stop is None or last >= question.at - question.within
    return reaches and use.start <= question.at + question.within


def _merged(uses: Iterable[Use]) -> list[Use]:
    """One use for each flow, however often it was seen: the one that knows most of its end."""
    found: dict[tuple[object, ...], Use] = {}
    for use in uses:
        key = (use.host, use.host_port, use.protocol, use.peer, use.peer_port, use.start)
        if key not in found or _known(use) > _known(found[key]):
            found[key] = use
    return list(found.values())


def _known(use: Use) -> tuple[bool, bool, int]:
    return use.source is Source.FLOW, use.stop is None, use.stop or 0


def _by_block(blocks: Rows, question: Question) -> list[Use]:
    first, last = question.at - question.within, question.at + question.within
    port = question.port
    chosen = blocks[
        (blocks["address"] == int(question.address))
        & (blocks["first"] <= port)
        & (blocks["last"] >= port)
        & (blocks["since"] <= last)
        & ((blocks["until"] == 0) | (blocks["until"] >= first))
    ]
    return [
        Use(
            host=held.host,
            host_port=0,
            protocol=0,
            address=held.address,
            port=port,
            start=held.since,
            stop=held.until,
            source=Source.BLOCK,
        )
        for held in map(held_of, chosen)
    ]


def _lost(asked: Sequence[Use], question: Question) -> list[Use]:
    """Flows last seen before the time whose end is nowhere: they may have been open."""
    first = question.at - question.within
    ended = [each for each in asked if each.source is Source.FLOW]
    return [
        replace(seen, certain=False)
        for seen in _merged(each for each in asked if each.source is not Source.FLOW)
        if seen.stop is not None
        and first - LOOK_BACK <= seen.stop < first
        and not any(_same_flow(seen, each) for each in ended)
    ]


def _same_flow(seen: Use, ended: Use) -> bool:
    ends = (seen.host, seen.host_port, seen.protocol, seen.peer)
    same = ends == (ended.host, ended.host_port, ended.protocol, ended.peer)
    return same and (ended.stop or 0) >= seen.start


def _refuse_outside(question: Question, history: Sequence[Entry], now: int) -> None:
    runs = [each for each in history if isinstance(each, Run)]
    asked = time_text(question.at)
    if question.at > now:
        raise RefusedError(f"{asked} is yet to come: it is {time_text(now)}")
    if not runs or question.at + question.within < runs[0].at:
        began = f"began at {time_text(runs[0].at)}" if runs else "never ran"
        raise RefusedError(f"the log {began}, so it cannot tell of {asked}")
    kept = now - runs[-1].retention
    if question.at + question.within < kept:
        raise RefusedError(
            f"the log is kept since {time_text(kept)} only (log.retention), so it cannot tell of "
            f"{asked}"
        )


def _gap_notes(gaps: Sequence[Gap], question: Question, found: Sequence[Use]) -> Iterator[str]:
    first, last = question.at - question.within, question.at + question.within
    sure = any(each.certain for each in found)
    for gap in gaps:
        when = f"from {time_text(gap.start)} to {time_text(gap.stop)}"
        covers = gap.start <= last and gap.stop >= first
        if covers:
            yield f"the log has a gap at that time, {when}: {_REASONS[gap.reason]}; {_FLOWS}"
        elif not sure:
            yield f"the log has a later gap, {when}: {_REASONS[gap.reason]}; {_FLOWS}"
    if found and not sure:
        yield (
            "these flows were last seen before that time, and their end is not in the log: they may "
            "have been open, or not"
        )


def _peer_notes(
    found: Sequence[Use], history: Sequence[Entry], question: Question
) -> Iterator[str]:
    flows = [each for each in found if each.source is not Source.BLOCK]
    kept = min((each.kept for each in flows), default=_kept_then(history, question.at))
    if question.peer is not None and kept == NONE:
        yield "destinations were not logged, so --peer could not be compared: log.destinations"
    elif question.peer is not None and kept != FULL:
        yield f"destinations were logged as /{kept} only, and --peer was compared with that"
    if len({each.host for each in found}) > 1:
        yield (
            "several hosts had this address and port, each to another destination: --peer tells "
            "them apart where destinations are logged"
        )


def _kept_then(history: Sequence[Entry], at: int) -> int:
    runs = [each for each in history if isinstance(each, Run)]
    return next((each.destinations for each in reversed(runs) if each.at <= at), FULL)
